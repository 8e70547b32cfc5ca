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
