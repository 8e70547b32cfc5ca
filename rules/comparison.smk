"""The systems side by side: how well they rebuild, what it costs, and whom everything that was fitted has seen."""


rule compare:
    """Rebuild the validation and test scans with LDAE, LDDIM, AutoencoderKL and the voxel DAE."""
    input:
        dataset="results/dataset.csv",
        ldae=LDAE_MODELS,
        dae="results/models/dae.safetensors",
    output:
        "results/evaluation/comparison_scans.csv",
    log:
        "results/logs/compare.log",
    benchmark:
        "results/benchmarks/compare.tsv"
    conda:
        ENV
    threads: 8
    resources:
        mem_mb=8000,
        runtime=1440,
        gpu=1,
    params:
        models=section(*LDAE_SECTIONS, "dae"),
        config=evaluation("comparison_steps", "batch_size", "lpips_net", "lpips_weights"),
        solver=CONFIG.sampling.solver,
        code=hash_modules(
            "evaluation/comparison",
            "evaluation/bootstrap",
            "evaluation/metrics",
            "evaluation/scans",
            "cohort/split",
            "files",
            *LDAE_MODULES,
        ),
    message:
        "rebuild scans with every system"
    script:
        "../workflow_scripts/compare.py"


rule comparison:
    """Means, intervals and paired differences of the systems' reconstructions."""
    input:
        "results/evaluation/comparison_scans.csv",
    output:
        report("results/tables/comparison.csv", caption="captions/comparison.rst", category="Tables"),
    log:
        "results/logs/comparison.log",
    benchmark:
        "results/benchmarks/comparison.tsv"
    conda:
        ENV
    threads: 1
    resources:
        mem_mb=4000,
        runtime=30,
    params:
        config=evaluation("bootstrap_draws", "confidence"),
        seed=CONFIG.seed,
        code=hash_modules(
            "evaluation/comparison",
            "evaluation/bootstrap",
            "evaluation/metrics",
            "evaluation/scans",
            "cohort/split",
            "files",
        ),
    message:
        "tabulate the systems"
    script:
        "../workflow_scripts/comparison.py"


rule efficiency:
    """Time, memory and arithmetic of encoding and decoding; with up to eight cores nothing runs beside it."""
    input:
        scans="results/evaluation/comparison_scans.csv",
        ldae=LDAE_MODELS,
        dae="results/models/dae.safetensors",
    output:
        report("results/tables/efficiency.csv", caption="captions/efficiency.rst", category="Tables"),
    log:
        "results/logs/efficiency.log",
    benchmark:
        "results/benchmarks/efficiency.tsv"
    conda:
        ENV
    threads: 8
    resources:
        mem_mb=8000,
        runtime=240,
        gpu=1,
    params:
        models=section(*LDAE_SECTIONS, "dae"),
        config=evaluation("efficiency_batch", "efficiency_repeats"),
        sampling=section("sampling")["sampling"],
        code=hash_modules(
            "evaluation/efficiency",
            "evaluation/comparison",
            "evaluation/bootstrap",
            "evaluation/metrics",
            "evaluation/scans",
            "cohort/split",
            "files",
            "pool",
            *LDAE_MODULES,
        ),
    message:
        "measure time and memory"
    script:
        "../workflow_scripts/efficiency.py"


rule cohort_table:
    """Who is in the study, by split and diagnosis."""
    input:
        "results/dataset.csv",
    output:
        report("results/tables/cohort.csv", caption="captions/cohort.rst", category="Tables"),
    log:
        "results/logs/cohort_table.log",
    benchmark:
        "results/benchmarks/cohort_table.tsv"
    conda:
        ENV
    threads: 1
    resources:
        mem_mb=2000,
        runtime=10,
    params:
        code=hash_modules("evaluation/cohort_table", "cohort/split", "files"),
    message:
        "describe the cohort"
    script:
        "../workflow_scripts/cohort_table.py"


rule leakage:
    """Whom every fitted thing of the first target has seen."""
    input:
        dataset="results/dataset.csv",
        weights=LDAE_MODELS,
        embeddings=expand("results/embeddings/{name}.npz", name=ENCODERS),
        probes="results/models/probe_subjects.json",
    output:
        report("results/tables/leakage.csv", caption="captions/leakage.rst", category="Tables"),
    log:
        "results/logs/leakage.log",
    benchmark:
        "results/benchmarks/leakage.tsv"
    conda:
        ENV
    threads: 1
    resources:
        mem_mb=2000,
        runtime=10,
    params:
        code=hash_modules("evaluation/leakage", "evaluation/embeddings", "evaluation/scans", "cohort/split", "files"),
    message:
        "check that nothing has seen a test subject"
    script:
        "../workflow_scripts/leakage.py"


use rule leakage as leakage_paper with:
    input:
        dataset="results/dataset.csv",
        weights=LDAE_MODELS + expand("results/models/{name}.safetensors", name=SYSTEMS),
        embeddings=expand("results/embeddings/{name}.npz", name=ENCODERS | SYSTEMS),
        probes="results/models/probe_subjects_paper.json",
    output:
        report("results/tables/leakage_paper.csv", caption="captions/leakage.rst", category="Tables"),
    log:
        "results/logs/leakage_paper.log",
    benchmark:
        "results/benchmarks/leakage_paper.tsv"
