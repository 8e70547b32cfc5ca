"""With `models_from` nothing is trained: the model of another run, or of someone else, is taken."""

from ldae.systems.settings import check_place, check_settings, fingerprint_model

check_place(CONFIG.models_from)
check_settings(CONFIG.models_from, CONFIG, "results/model_settings.yaml")


rule take_models:
    """Check the model of another cohort, against itself and against this cohort's subjects, and copy it."""
    input:
        scans="results/scans.csv",
    output:
        models=LDAE_MODELS,
        sidecars=[weights.replace(".safetensors", ".json") for weights in [*LDAE_MODELS, REFERENCE]],
        reference=REFERENCE,
        probes=PROBES,
        probe_subjects=TRAINED_PROBE_SUBJECTS,
        model=MODEL,
    log:
        "results/logs/take_models.log",
    benchmark:
        "results/benchmarks/take_models.tsv"
    conda:
        ENV
    resources:
        **needs(6000, 60),
    params:
        # A function of `input`, for Snakemake compares no such param: a folder that was moved is the same model.
        folder=lambda wildcards, input: CONFIG.models_from,
        content=lambda wildcards: fingerprint_model(CONFIG.models_from),
        code=code_of("take_models.py"),
    message:
        "take the model of another cohort"
    script:
        "../workflow_scripts/take_models.py"


rule latents:
    """Encode every scan with the autoencoder of another cohort."""
    input:
        scans="results/scans.csv",
        autoencoder="results/models/autoencoder.safetensors",
    output:
        manifest=LATENTS,
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
        config=section("autoencoder"),
        code=code_of("encode_latents.py"),
    message:
        "encode all scans"
    script:
        "../workflow_scripts/encode_latents.py"
