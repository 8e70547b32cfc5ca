rule interpolate:
    """Predict test scans from an earlier and a later one of the same subject."""
    input:
        dataset="results/dataset.csv",
        models=LDAE_MODELS,
    output:
        "results/evaluation/interpolation_scans.csv",
    log:
        "results/logs/interpolate.log",
    benchmark:
        "results/benchmarks/interpolate.tsv"
    conda:
        ENV
    threads: 8
    resources:
        mem_mb=8000,
        runtime=1440,
        gpu=1,
    params:
        ldae=section(*LDAE_SECTIONS),
        sampling=section("sampling")["sampling"],
        batch_size=CONFIG.evaluation.batch_size,
        code=hash_modules(
            "evaluation/interpolation",
            "evaluation/metrics",
            "evaluation/scans",
            "cohort/split",
            "diffusion/interpolation",
            "files",
            *LDAE_MODULES,
        ),
    message:
        "predict test scans from two others of the same subject"
    script:
        "../workflow_scripts/interpolate.py"


rule interpolation:
    """Means and intervals of the predicted scans by gap."""
    input:
        "results/evaluation/interpolation_scans.csv",
    output:
        report("results/tables/interpolation.csv", caption="captions/interpolation.rst", category="Tables"),
    log:
        "results/logs/interpolation.log",
    benchmark:
        "results/benchmarks/interpolation.tsv"
    conda:
        ENV
    threads: 1
    resources:
        mem_mb=4000,
        runtime=60,
    params:
        config=evaluation("bootstrap_draws", "confidence"),
        seed=CONFIG.seed,
        code=hash_modules(
            "evaluation/interpolation_table",
            "evaluation/interpolation",
            "evaluation/metrics",
            "evaluation/scans",
            "cohort/split",
            "evaluation/bootstrap",
            "diffusion/interpolation",
            "files",
        ),
    message:
        "tabulate the predicted scans"
    script:
        "../workflow_scripts/interpolation.py"
