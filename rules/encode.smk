rule latents:
    """Encode every scan; statistics of the training latents."""
    input:
        dataset="results/dataset.csv",
        autoencoder="results/models/autoencoder.safetensors",
    output:
        manifest="results/latents/manifest.csv",
        statistics="results/models/latent_statistics.safetensors",
        sidecar="results/models/latent_statistics.json",
    log:
        "results/logs/latents.log",
    benchmark:
        "results/benchmarks/latents.tsv"
    conda:
        ENV
    threads: 2
    resources:
        mem_mb=6000,
        runtime=480,
        gpu=1,
    params:
        config=section("autoencoder", "latents"),
        code=code_of("latents.py"),
    message:
        "encode all scans"
    script:
        "../workflow_scripts/latents.py"


rule embeddings:
    """y_sem of every scan."""
    input:
        dataset="results/dataset.csv",
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
        mem_mb=6000,
        runtime=240,
        gpu=1,
    params:
        ldae=section(*LDAE_SECTIONS),
        batch_size=CONFIG.evaluation.batch_size,
        code=code_of("embeddings.py"),
    message:
        "encode y_sem of every scan"
    script:
        "../workflow_scripts/embeddings.py"


rule system_embeddings:
    """What the encoder of one of these systems makes of every scan."""
    input:
        dataset="results/dataset.csv",
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
        mem_mb=6000,
        runtime=240,
        gpu=1,
    params:
        models=section(*SYSTEM_SECTIONS),
        batch_size=CONFIG.evaluation.batch_size,
        code=code_of("system_embeddings.py"),
    message:
        "encode every scan: {wildcards.system}"
    script:
        "../workflow_scripts/system_embeddings.py"


rule baselines:
    """The features that a learnt representation has to beat."""
    input:
        dataset="results/dataset.csv",
        qc="results/qc.csv",
        models=LDAE_MODELS,
    output:
        **{name: f"results/embeddings/{name}.npz" for name in names.ENCODERS if name != "ldae"},
    log:
        "results/logs/baselines.log",
    benchmark:
        "results/benchmarks/baselines.tsv"
    conda:
        ENV
    threads: 2
    resources:
        mem_mb=8000,
        runtime=480,
    params:
        ldae=section(*LDAE_SECTIONS),
        batch_size=CONFIG.evaluation.batch_size,
        seed=CONFIG.seed,
        code=code_of("baselines.py"),
    message:
        "features of the baselines"
    script:
        "../workflow_scripts/baselines.py"
