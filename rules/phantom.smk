rule phantom:
    """Fabricate a raw ADNI download with known anatomy."""
    output:
        images=directory("results/phantom/images"),
        clinical=directory("results/phantom/clinical"),
        truth="results/phantom/truth.csv",
    log:
        "results/logs/phantom.log",
    benchmark:
        "results/benchmarks/phantom.tsv"
    conda:
        ENV
    threads: 4
    resources:
        mem_mb=6000,
        runtime=120,
    params:
        config=section("phantom"),
        code=hash_modules(
            "cohort/phantom",
            "cohort/phantom_model",
            "cohort/phantom_tables",
            "cohort/phantom_naming",
            "cohort/phantom_dicom",
            "cohort/anatomy",
            "files",
            "pool",
        ),
    message:
        "fabricate the phantom download"
    script:
        "../workflow_scripts/phantom.py"


rule phantom_truth:
    """Hold the results on the phantom against its truth file."""
    input:
        truth="results/phantom/truth.csv",
        dataset="results/dataset.csv",
        embeddings="results/embeddings/ldae.npz",
        reconstructions="results/evaluation/reconstruction_scans.csv",
        downstream="results/tables/downstream.csv",
    output:
        report("results/tables/phantom_truth.csv", caption="captions/phantom_truth.rst", category="Tables"),
    log:
        "results/logs/phantom_truth.log",
    benchmark:
        "results/benchmarks/phantom_truth.tsv"
    conda:
        ENV
    threads: 1
    resources:
        mem_mb=4000,
        runtime=60,
    params:
        config=evaluation("probe_alpha_grid", "batch_size", "bootstrap_draws", "confidence"),
        steps=CONFIG.sampling.steps,
        seed=CONFIG.seed,
        code=hash_modules(
            "evaluation/phantom_truth",
            "evaluation/bootstrap",
            "evaluation/downstream",
            "evaluation/embeddings",
            "evaluation/metrics",
            "evaluation/probes",
            "evaluation/reconstruction",
            "evaluation/reconstruction_table",
            "evaluation/scans",
            "evaluation/scores",
            "cohort/split",
            "files",
        ),
    message:
        "hold the results against the phantom's truth"
    script:
        "../workflow_scripts/phantom_truth.py"
