LATENTS = {
    "latents": "results/latents/manifest.csv",
    "statistics": "results/models/latent_statistics.safetensors",
}
# What each training reads beside the scans, and the settings it takes beside the seed.
TRAININGS = {
    "autoencoder": ({}, ["autoencoder"]),
    "ldm": (LATENTS, ["ldm", "diffusion"]),
    "representation": (
        LATENTS | {"ldm": "results/models/ldm.safetensors"},
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
        conda:
            ENV
        threads: 2
        resources:
            **needs(6000, 2880, gpu=1),
        params:
            **runs(f"{stage}.py"),
            config=section(*settings, "seed"),
            starts=contents(*STARTS[stage]),
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
    conda:
        ENV
    threads: 2
    resources:
        **needs(6000, 1440, gpu=1),
    params:
        config=section("supervised", "encoder", "seed"),
        starts=contents(*STARTS["supervised"]),
        checkpoints="results/checkpoints/supervised_{task}",
        tensorboard="results/training/tensorboard/supervised_{task}",
        code=code_of("supervised.py"),
    message:
        "train the supervised encoder: {wildcards.task}"
    script:
        "../workflow_scripts/supervised.py"
