TRAINING_MODULES = ["training/fit", "training/data", "training/state", "models/weights", "torchvision_ops", "files"]
DIFFUSION_MODULES = [
    "training/latents",
    "models/autoencoder",
    "models/latent_normalizer",
    "models/denoiser",
    "diffusion",
]
REPRESENTATION_MODULES = ["representation", "semantic_encoder", "gradient_estimator", "conditioned_decoder"]


rule autoencoder:
    """Stage 1: AutoencoderKL."""
    input:
        dataset="results/dataset.csv",
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
        code=hash_modules("training/autoencoder", "training/perceptual", "models/autoencoder", *TRAINING_MODULES),
    message:
        "train the autoencoder"
    script:
        "../workflow_scripts/autoencoder.py"


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
        code=hash_modules(
            "training/latents",
            "training/data",
            "training/state",
            "models/autoencoder",
            "models/latent_normalizer",
            "models/weights",
            "files",
        ),
    message:
        "encode all scans"
    script:
        "../workflow_scripts/latents.py"


rule ldm:
    """Stage 2: the unconditional denoiser."""
    input:
        dataset="results/dataset.csv",
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
        code=hash_modules("training/ldm", *DIFFUSION_MODULES, *TRAINING_MODULES),
    message:
        "train the latent diffusion model"
    script:
        "../workflow_scripts/ldm.py"


rule representation:
    """Stage 3: semantic encoder and gradient estimator, the denoiser frozen."""
    input:
        dataset="results/dataset.csv",
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
        config=section("representation", "ldm", "diffusion", "seed"),
        checkpoints="results/checkpoints/representation",
        code=hash_modules(
            "training/representation",
            *[f"models/{name}" for name in REPRESENTATION_MODULES],
            *DIFFUSION_MODULES,
            *TRAINING_MODULES,
        ),
    message:
        "train the semantic encoder and the gradient estimator"
    script:
        "../workflow_scripts/representation.py"
