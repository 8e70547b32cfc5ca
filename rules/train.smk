"""The trainings, and what makes their folder a model; rules/trained.smk stands in its place with `models_from`."""

LATENT_INPUTS = {
    "latents": LATENTS,
    "statistics": "results/models/latent_statistics.safetensors",
}
# What each training reads beside the scans, and the settings it takes beside the seed.
TRAININGS = {
    "autoencoder": ({}, ["autoencoder"]),
    "ldm": (LATENT_INPUTS, ["ldm", "diffusion"]),
    "representation": (
        LATENT_INPUTS | {"ldm": "results/models/ldm.safetensors"},
        ["representation", "encoder", "ldm", "diffusion"],
    ),
    "dae": ({}, ["dae", "encoder", "diffusion"]),
}

for stage, (reads, settings) in TRAININGS.items():

    rule:
        """Train one stage: its weights, what they come from, and its losses."""
        name:
            stage
        input:
            **reads,
            scans="results/scans.csv",
        output:
            weights=f"results/models/{stage}.safetensors",
            sidecar=f"results/models/{stage}.json",
            history=f"results/training/{stage}.csv",
        log:
            f"results/logs/{stage}.log",
        benchmark:
            f"results/benchmarks/{stage}.tsv"
        retries: further_jobs(stage)
        conda:
            ENV
        threads: 2
        resources:
            **planned(stage, gpu=setting(f"{stage}.training.devices")),
        params:
            **runs(f"{stage}.py"),
            **starts_from(stage),
            **computes(stage),
            config=section(*settings, "seed"),
            checkpoints=f"results/checkpoints/{stage}",
            tensorboard=f"results/training/tensorboard/{stage}",
        message:
            f"train: {stage}"
        script:
            SCRIPT


rule supervised:
    """The semantic encoder with a linear head, trained with labels."""
    input:
        scans="results/scans.csv",
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
        task="|".join(names.SUPERVISED),
    priority: 1  # before the other trainings, for it stops where the labels do not suffice
    retries: further_jobs("supervised")
    conda:
        ENV
    threads: 2
    resources:
        **planned("supervised", gpu=setting("supervised.training.devices")),
    params:
        **starts_from("supervised"),
        **computes("supervised"),
        config=section("supervised", "encoder", "seed"),
        checkpoints="results/checkpoints/supervised_{task}",
        tensorboard="results/training/tensorboard/supervised_{task}",
        code=code_of("supervised.py"),
    message:
        "train the supervised encoder: {wildcards.task}"
    script:
        "../workflow_scripts/supervised.py"


rule latents:
    """Encode every scan; statistics of the training latents."""
    input:
        scans="results/scans.csv",
        autoencoder="results/models/autoencoder.safetensors",
    output:
        manifest=LATENTS,
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
        **planned("latents", gpu=1),
    params:
        config=section("autoencoder", "latents"),
        code=code_of("latents.py"),
    message:
        "encode all scans"
    script:
        "../workflow_scripts/latents.py"


rule reference:
    """How far the validation scans are from the training scans: the measure of any new scan."""
    input:
        scans="results/scans.csv",
        embeddings="results/embeddings/ldae.npz",
        models=LDAE_MODELS,
    output:
        weights=REFERENCE,
        sidecar=REFERENCE.replace(".safetensors", ".json"),
    log:
        "results/logs/reference.log",
    benchmark:
        "results/benchmarks/reference.tsv"
    conda:
        ENV
    threads: 8
    resources:
        **planned("reference", gpu=1),
    params:
        config=section(*LDAE_SECTIONS, "sampling", "seed") | evaluation("batch_size"),
        code=code_of("reference.py"),
    message:
        "measure how familiar the validation scans are"
    script:
        "../workflow_scripts/reference.py"


rule model:
    """Describe the trained model, so that its folder can be loaded on its own."""
    input:
        dataset="results/dataset.csv",
        models=LDAE_MODELS,
        probes=PROBES,
        reference=REFERENCE,
    output:
        MODEL,
    log:
        "results/logs/model.log",
    benchmark:
        "results/benchmarks/model.tsv"
    conda:
        ENV
    resources:
        **needs(2000, 10),
    params:
        config=section(*LDAE_SECTIONS, "qc", "sampling") | evaluation("batch_size"),
        phantom=IS_PHANTOM,
        code=code_of("model.py"),
    message:
        "describe the trained model"
    script:
        "../workflow_scripts/model.py"
