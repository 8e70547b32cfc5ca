rule preprocess:
    """Brain extraction, bias field, registration to MNI152, intensity scaling and QC of one shard's scans."""
    input:
        "results/bids_shards/{shard}.csv",
    output:
        manifest="results/preproc_shards/{shard}.csv",
    log:
        "results/logs/preprocess/{shard}.log",
    benchmark:
        "results/benchmarks/preprocess/{shard}.tsv"
    conda:
        ENV
    threads: 1
    resources:
        mem_mb=4000,
        runtime=240,
    params:
        config=section("preprocessing", "qc"),
        output_dir="results/derivatives/preproc",
        code=code_of("preprocess.py"),
    message:
        "preprocess shard {wildcards.shard}"
    script:
        "../workflow_scripts/preprocess.py"


rule qc:
    """Judge every scan by its numbers, let a person's verdicts win, and drop what left the cohort."""
    input:
        manifests=expand("results/preproc_shards/{shard}.csv", shard=SHARDS),
        overrides=[CONFIG.qc_overrides] if CONFIG.qc_overrides else [],
    output:
        qc="results/qc.csv",
        effects="results/cohort/qc_overrides.csv",
        description="results/derivatives/preproc/dataset_description.json",
    log:
        "results/logs/qc.log",
    benchmark:
        "results/benchmarks/qc.tsv"
    conda:
        ENV
    threads: 1
    resources:
        mem_mb=1000,
        runtime=30,
    params:
        config=section("qc"),
        code=code_of("qc.py"),
    message:
        "judge the preprocessed scans"
    script:
        "../workflow_scripts/qc.py"
