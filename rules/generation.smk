import math

GENERATED_MB = 4 * CONFIG.evaluation.generation_samples * math.prod(CONFIG.preprocessing.grid_shape) // 10**6


rule generate:
    """Sample scans from noise, and measure them, the test scans and their reconstructions."""
    input:
        dataset="results/dataset.csv",
        models=LDAE_MODELS,
    output:
        measured="results/evaluation/generation.npz",
        examples="results/evaluation/generated.npz",
    log:
        "results/logs/generate.log",
    benchmark:
        "results/benchmarks/generate.tsv"
    conda:
        ENV
    threads: 8
    resources:
        mem_mb=8000 + 3 * GENERATED_MB,
        runtime=1440,
        gpu=1,
    params:
        ldae=section(*LDAE_SECTIONS),
        config=evaluation("generation_samples", "medicalnet_weights", "batch_size", "figure_scans"),
        sampling=section("sampling")["sampling"],
        seed=CONFIG.seed,
        code=hash_modules(
            "evaluation/generation",
            "evaluation/features",
            "evaluation/metrics",
            "evaluation/scans",
            "cohort/split",
            "files",
            *LDAE_MODULES,
        ),
    message:
        "sample scans from noise"
    script:
        "../workflow_scripts/generate.py"


rule generation:
    """Likeness, diversity and novelty of the samples."""
    input:
        "results/evaluation/generation.npz",
    output:
        report("results/tables/generation.csv", caption="captions/generation.rst", category="Tables"),
    log:
        "results/logs/generation.log",
    benchmark:
        "results/benchmarks/generation.tsv"
    conda:
        ENV
    threads: 1
    resources:
        mem_mb=4000,
        runtime=480,
    params:
        config=evaluation("bootstrap_draws", "confidence"),
        seed=CONFIG.seed,
        code=hash_modules(
            "evaluation/generation_table",
            "evaluation/generation",
            "evaluation/features",
            "evaluation/frechet",
            "evaluation/metrics",
            "evaluation/scans",
            "cohort/split",
            "evaluation/bootstrap",
            "files",
        ),
    message:
        "tabulate the generated scans"
    script:
        "../workflow_scripts/generation.py"


rule figure_generated:
    """Generated scans and the training scans nearest to them."""
    input:
        "results/evaluation/generated.npz",
    output:
        report("results/figures/generated.png", caption="captions/figure_generated.rst", category="Figures"),
    log:
        "results/logs/figure_generated.log",
    benchmark:
        "results/benchmarks/figure_generated.tsv"
    conda:
        ENV
    threads: 1
    resources:
        mem_mb=2000,
        runtime=10,
    params:
        code=hash_modules("report/generated", "report/figures", "files"),
    message:
        "draw the generated scans"
    script:
        "../workflow_scripts/figure_generated.py"
