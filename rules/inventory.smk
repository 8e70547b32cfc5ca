from ldae.cohort.disk import fingerprint

# The user's own tables, so that a corrected one counts as changed; the phantom's are covered by their folder.
CLINICAL_FILES = [] if IS_PHANTOM else sorted(map(str, Path(CONFIG.cohort.clinical_dir).rglob("*.csv")))


rule inventory:
    """List the images to convert, and what is set aside with reason and cure."""
    input:
        CLINICAL_FILES,
        dicom_dir=CONFIG.cohort.dicom_dir,
        clinical_dir=CONFIG.cohort.clinical_dir,
    output:
        inventory="results/cohort/inventory.csv",
        quarantine="results/cohort/quarantine.csv",
        shards=expand("results/cohort/inventory_shards/{shard}.csv", shard=SHARDS),
    log:
        "results/logs/inventory.log",
    benchmark:
        "results/benchmarks/inventory.tsv"
    conda:
        ENV
    threads: 1
    resources:
        mem_mb=4000,
        runtime=240,
    params:
        download=lambda wildcards: "" if IS_PHANTOM else fingerprint(CONFIG.cohort.dicom_dir),
        code=hash_modules("cohort/inventory", "cohort/disk", "cohort/adni_tables", "cohort/columns", "files"),
    message:
        "check the download and list its images"
    script:
        "../workflow_scripts/inventory.py"
