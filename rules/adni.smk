from ldae.cohort.disk import fingerprint

# The user's own tables, so that a corrected one counts as changed; the phantom's are covered by their folder.
CLINICAL_FILES = [] if IS_PHANTOM else sorted(map(str, Path(CONFIG.cohort.tables_dir).rglob("*.csv")))


rule check:
    """Say everything that is wrong with the download; list the images to convert, and what is set aside and why."""
    input:
        CLINICAL_FILES,
        dicom_dir=CONFIG.cohort.images_dir,
        clinical_dir=CONFIG.cohort.tables_dir,
    output:
        inventory="results/cohort/inventory.csv",
        quarantine="results/cohort/quarantine.csv",
        shards=expand("results/cohort/inventory_shards/{shard}.csv", shard=SHARDS),
    log:
        "results/logs/check.log",
    benchmark:
        "results/benchmarks/check.tsv"
    conda:
        ENV
    threads: 8
    resources:
        mem_mb=4000,
        runtime=240,
    params:
        report="results/cohort/preflight.csv",
        state="results/cohort/checked_series.csv",
        download=lambda wildcards: "" if IS_PHANTOM else fingerprint(CONFIG.cohort.images_dir),
        code=code_of("check.py"),
    message:
        "check the download and list its images"
    script:
        "../workflow_scripts/check.py"


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
        dicom_dir=CONFIG.cohort.images_dir,
        clinical_dir=CONFIG.cohort.tables_dir,
        bids_dir=lambda wildcards: "results/bids",
        state_dir="results/bids_shards/subjects",
        timeout_s=CONFIG.cohort.conversion_timeout_s,
        code=code_of("convert.py"),
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
        code=code_of("bids.py"),
    message:
        "merge the BIDS dataset"
    script:
        "../workflow_scripts/bids.py"
