"""The systems beside LDAE that need a training of their own: the voxel DAE and the supervised encoders."""

SUPERVISED = {"ad_cn": "supervised encoder (AD vs CN)", "age": "supervised encoder (age)"}
# As ENCODERS; these take long, and no table of the first target needs them.
SYSTEMS = {"dae": "DAE"} | {f"supervised_{task}": SUPERVISED[task] for task in CONFIG.evaluation.supervised_tasks}
SYSTEM_SECTIONS = ["preprocessing", "diffusion", "representation", "dae", "supervised"]
# The encoder's settings alone: another schedule of the representation stage trains none of these again.
ENCODER = {"representation": CONFIG.representation.encoder.model_dump()}


rule dae:
    """The diffusion autoencoder on the image grid."""
    input:
        dataset="results/dataset.csv",
    output:
        weights="results/models/dae.safetensors",
        sidecar="results/models/dae.json",
        history="results/training/dae.csv",
    log:
        "results/logs/dae.log",
    benchmark:
        "results/benchmarks/dae.tsv"
    conda:
        ENV
    threads: 2
    resources:
        mem_mb=6000,
        runtime=2880,
        gpu=1,
    params:
        config=section("dae", "diffusion", "seed") | ENCODER,
        checkpoints="results/checkpoints/dae",
        code=hash_modules(
            "training/dae",
            "models/voxel_dae",
            "models/semantic_encoder",
            "models/conditioned_decoder",
            *DIFFUSION_MODULES,
            *TRAINING_MODULES,
        ),
    message:
        "train the voxel DAE"
    script:
        "../workflow_scripts/dae.py"


rule supervised:
    """The semantic encoder with a linear head, trained with labels."""
    input:
        dataset="results/dataset.csv",
    output:
        weights="results/models/supervised_{task}.safetensors",
        sidecar="results/models/supervised_{task}.json",
        history="results/training/supervised_{task}.csv",
    log:
        "results/logs/supervised_{task}.log",
    benchmark:
        "results/benchmarks/supervised_{task}.tsv"
    wildcard_constraints:
        task="|".join(SUPERVISED),
    conda:
        ENV
    threads: 2
    resources:
        mem_mb=6000,
        runtime=1440,
        gpu=1,
    params:
        config=section("supervised", "seed") | ENCODER,
        checkpoints="results/checkpoints/supervised_{task}",
        code=hash_modules("training/supervised", "models/supervised", "models/semantic_encoder", *TRAINING_MODULES),
    message:
        "train the supervised encoder: {wildcards.task}"
    script:
        "../workflow_scripts/supervised.py"


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
        system="|".join(SYSTEMS),
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
        code=hash_modules("evaluation/embeddings", "evaluation/scans", "cohort/split", "files", *LDAE_MODULES),
    message:
        "encode every scan: {wildcards.system}"
    script:
        "../workflow_scripts/system_embeddings.py"


use rule downstream as downstream_paper with:
    input:
        **{name: f"results/embeddings/{name}.npz" for name in ENCODERS | SYSTEMS},
    output:
        table=report("results/tables/downstream_paper.csv", caption="captions/downstream_paper.rst", category="Tables"),
        subjects="results/models/probe_subjects_paper.json",
    log:
        "results/logs/downstream_paper.log",
    benchmark:
        "results/benchmarks/downstream_paper.tsv"
    params:
        encoders=ENCODERS | SYSTEMS,
    message:
        "fit the linear probes, those of the slow systems as well"
