rule preprocess:
    """Brain extraction, bias field, registration to MNI152, intensity scaling and quality numbers of one shard's scans."""
    input:
        images="results/bids_shards/{shard}.csv",
    output:
        manifest="results/preproc_shards/{shard}.csv",
    log:
        "results/logs/preprocess/{shard}.log",
    benchmark:
        "results/benchmarks/preprocess/{shard}.tsv"
    conda:
        ENV
    resources:
        **needs(4000, 240),
    params:
        config=section("preprocessing", "qc.min_brain_volume_ml", "qc.max_brain_volume_ml", "qc.max_outside"),
        output_dir="results/derivatives/preproc",
        # What makes an image: other code of the shard's bookkeeping runs the job again, but keeps every scan.
        image_code=code_of("../ldae/preprocessing/scan.py"),
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
    resources:
        **needs(1000, 30),
    params:
        **MAX_LOST,
        config=section("qc"),
        code=code_of("qc.py"),
    message:
        "judge the preprocessed scans"
    script:
        "../workflow_scripts/qc.py"


rule pictures:
    """Draw each preprocessed scan of one shard for the page of quality control."""
    input:
        manifest="results/preproc_shards/{shard}.csv",
    output:
        table="results/pictures_shards/{shard}.csv",
    log:
        "results/logs/pictures/{shard}.log",
    benchmark:
        "results/benchmarks/pictures/{shard}.tsv"
    conda:
        ENV
    resources:
        **needs(2000, 120),
    params:
        output_dir="results/derivatives/preproc",
        code=code_of("pictures.py"),
    message:
        "draw the scans of shard {wildcards.shard}"
    script:
        "../workflow_scripts/pictures.py"
