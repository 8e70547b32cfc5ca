rule convert:
    """Convert one shard of subjects with Clinica; images move into results/bids subject by subject."""
    input:
        inventory="results/cohort/inventory_shards/{shard}.csv",
    output:
        manifest="results/bids_shards/{shard}.csv",
        visits="results/bids_shards/visits/{shard}.csv",
    log:
        "results/logs/convert/{shard}.log",
    benchmark:
        "results/benchmarks/convert/{shard}.tsv"
    conda:
        ENV
    threads: 1
    resources:
        mem_mb=3000,
        runtime=480,
    params:
        dicom_dir=CONFIG.cohort.dicom_dir,
        clinical_dir=CONFIG.cohort.clinical_dir,
        bids_dir=lambda wildcards: "results/bids",
        state_dir="results/bids_shards/subjects",
        timeout_s=CONFIG.cohort.conversion_timeout_s,
        code=hash_modules(
            "cohort/conversion",
            "cohort/selection",
            "cohort/clinica",
            "cohort/programs",
            "cohort/converted",
            "cohort/orientation",
            "cohort/visits",
            "cohort/dicom",
            "cohort/contrast",
            "cohort/nifti",
            "cohort/disk",
            "cohort/adni_tables",
            "cohort/adni_adapters",
            "cohort/adni_files",
            "cohort/adni_names",
            "cohort/adni_rules",
            "cohort/columns",
            "files",
            "pool",
        ),
    message:
        "convert shard {wildcards.shard} to BIDS"
    script:
        "../workflow_scripts/convert.py"


rule bids:
    """Merge the shards into one BIDS dataset with one conversion report."""
    input:
        manifests=expand("results/bids_shards/{shard}.csv", shard=SHARDS),
        visits=expand("results/bids_shards/visits/{shard}.csv", shard=SHARDS),
    output:
        participants="results/bids/participants.tsv",
        description="results/bids/dataset_description.json",
        report="results/cohort/conversion.csv",
        visits="results/cohort/visits.csv",
    log:
        "results/logs/bids.log",
    benchmark:
        "results/benchmarks/bids.tsv"
    conda:
        ENV
    threads: 1
    resources:
        mem_mb=1000,
        runtime=30,
    params:
        code=hash_modules("cohort/bids", "cohort/columns", "files"),
    message:
        "merge the BIDS dataset"
    script:
        "../workflow_scripts/bids.py"
