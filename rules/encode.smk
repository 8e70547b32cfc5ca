rule embeddings:
    """y_sem of every scan."""
    input:
        scans="results/scans.csv",
        models=LDAE_MODELS,
    output:
        "results/embeddings/ldae.npz",
    log:
        "results/logs/embeddings.log",
    benchmark:
        "results/benchmarks/embeddings.tsv"
    conda:
        ENV
    threads: 8
    resources:
        **needs(6000, 240, gpu=1),
    params:
        config=section(*LDAE_SECTIONS) | evaluation("batch_size"),
        code=code_of("embeddings.py"),
    message:
        "encode y_sem of every scan"
    script:
        "../workflow_scripts/embeddings.py"


rule system_embeddings:
    """What the encoder of one of these systems makes of every scan."""
    input:
        scans="results/scans.csv",
        model="results/models/{system}.safetensors",
    output:
        "results/embeddings/{system}.npz",
    log:
        "results/logs/embeddings_{system}.log",
    benchmark:
        "results/benchmarks/embeddings_{system}.tsv"
    wildcard_constraints:
        system="|".join(SLOW_ENCODERS),
    conda:
        ENV
    threads: 8
    resources:
        **needs(6000, 240, gpu=1),
    params:
        config=section(*SYSTEM_SECTIONS) | evaluation("batch_size"),
        code=code_of("system_embeddings.py"),
    message:
        "encode every scan: {wildcards.system}"
    script:
        "../workflow_scripts/system_embeddings.py"


rule baselines:
    """The features that a learnt representation has to beat, as far as they take no label."""
    input:
        scans="results/scans.csv",
        qc="results/qc.csv",
        models=LDAE_MODELS,
    output:
        **{name: f"results/embeddings/{name}.npz" for name in ("mean", "volumes", "pca", "untrained")},
    log:
        "results/logs/baselines.log",
    benchmark:
        "results/benchmarks/baselines.tsv"
    conda:
        ENV
    threads: 2
    resources:
        **needs(8000, 480, gpu=1),
    params:
        config=section(*LDAE_SECTIONS, "seed") | evaluation("batch_size"),
        code=code_of("baselines.py"),
    message:
        "features of the baselines"
    script:
        "../workflow_scripts/baselines.py"


rule demographics:
    """Age and sex as features; a corrected label comes here and to the tables, not to what is measured."""
    input:
        dataset="results/dataset.csv",
        qc="results/qc.csv",
    output:
        age_sex="results/embeddings/age_sex.npz",
        age_sex_volume="results/embeddings/age_sex_volume.npz",
    log:
        "results/logs/demographics.log",
    benchmark:
        "results/benchmarks/demographics.tsv"
    conda:
        ENV
    resources:
        **needs(2000, 10),
    params:
        code=code_of("demographics.py"),
    message:
        "facts about the people as features"
    script:
        "../workflow_scripts/demographics.py"


rule predictions:
    """The probes of y_sem, and what they say of every scan."""
    input:
        dataset="results/dataset.csv",
        embeddings="results/embeddings/ldae.npz",
        representation="results/models/representation.safetensors",
    output:
        stored=FITTED_PROBES,
        predictions="results/predictions.csv",
        codes="results/embeddings.csv",
    log:
        "results/logs/predictions.log",
    benchmark:
        "results/benchmarks/predictions.tsv"
    conda:
        ENV
    resources:
        **needs(4000, 60),
    params:
        config=evaluation("probes"),
        code=code_of("predictions.py"),
    message:
        "predict diagnosis and age of every scan"
    script:
        "../workflow_scripts/predictions.py"
