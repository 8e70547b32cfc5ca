rule autoencoder:
    """Stage 1: AutoencoderKL."""
    input:
        scans="results/scans.csv",
    output:
        weights="results/models/autoencoder.safetensors",
        sidecar="results/models/autoencoder.json",
        history="results/training/autoencoder.csv",
    log:
        "results/logs/autoencoder.log",
    benchmark:
        "results/benchmarks/autoencoder.tsv"
    conda:
        ENV
    threads: 2
    resources:
        mem_mb=6000,
        runtime=2880,
        gpu=1,
    params:
        config=section("autoencoder", "seed"),
        checkpoints="results/checkpoints/autoencoder",
        tensorboard="results/training/tensorboard/autoencoder",
        code=code_of("autoencoder.py"),
    message:
        "train the autoencoder"
    script:
        "../workflow_scripts/autoencoder.py"


rule ldm:
    """Stage 2: the unconditional denoiser."""
    input:
        scans="results/scans.csv",
        latents="results/latents/manifest.csv",
        statistics="results/models/latent_statistics.safetensors",
    output:
        weights="results/models/ldm.safetensors",
        sidecar="results/models/ldm.json",
        history="results/training/ldm.csv",
    log:
        "results/logs/ldm.log",
    benchmark:
        "results/benchmarks/ldm.tsv"
    conda:
        ENV
    threads: 2
    resources:
        mem_mb=6000,
        runtime=2880,
        gpu=1,
    params:
        config=section("ldm", "diffusion", "seed"),
        checkpoints="results/checkpoints/ldm",
        tensorboard="results/training/tensorboard/ldm",
        code=code_of("ldm.py"),
    message:
        "train the latent diffusion model"
    script:
        "../workflow_scripts/ldm.py"


rule representation:
    """Stage 3: semantic encoder and gradient estimator, the denoiser frozen."""
    input:
        scans="results/scans.csv",
        latents="results/latents/manifest.csv",
        statistics="results/models/latent_statistics.safetensors",
        ldm="results/models/ldm.safetensors",
    output:
        weights="results/models/representation.safetensors",
        sidecar="results/models/representation.json",
        history="results/training/representation.csv",
    log:
        "results/logs/representation.log",
    benchmark:
        "results/benchmarks/representation.tsv"
    conda:
        ENV
    threads: 2
    resources:
        mem_mb=6000,
        runtime=2880,
        gpu=1,
    params:
        config=section("representation", "encoder", "ldm", "diffusion", "seed"),
        checkpoints="results/checkpoints/representation",
        tensorboard="results/training/tensorboard/representation",
        code=code_of("representation.py"),
    message:
        "train the semantic encoder and the gradient estimator"
    script:
        "../workflow_scripts/representation.py"


rule dae:
    """The diffusion autoencoder on the image grid."""
    input:
        scans="results/scans.csv",
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
        config=section("dae", "encoder", "diffusion", "seed"),
        checkpoints="results/checkpoints/dae",
        tensorboard="results/training/tensorboard/dae",
        code=code_of("dae.py"),
    message:
        "train the voxel DAE"
    script:
        "../workflow_scripts/dae.py"


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
        mem_mb=6000,
        runtime=1440,
        gpu=1,
    params:
        config=section("supervised", "encoder", "seed"),
        checkpoints="results/checkpoints/supervised_{task}",
        tensorboard="results/training/tensorboard/supervised_{task}",
        code=code_of("supervised.py"),
    message:
        "train the supervised encoder: {wildcards.task}"
    script:
        "../workflow_scripts/supervised.py"
