from ldae.cohort.disk import fingerprint

# The user's own tables, so that a corrected one counts as changed; the phantom's are covered by their folder.
CLINICAL_FILES = [] if IS_PHANTOM else sorted(map(str, Path(CONFIG.cohort.clinical_dir).rglob("*.csv")))


rule check:
    """Say everything that is wrong with the download; list the images to convert, and what is set aside and why."""
    input:
        CLINICAL_FILES,
        dicom_dir=CONFIG.cohort.dicom_dir,
        clinical_dir=CONFIG.cohort.clinical_dir,
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
        download=lambda wildcards: "" if IS_PHANTOM else fingerprint(CONFIG.cohort.dicom_dir),
        code=hash_modules(
            "cohort/preflight",
            "cohort/inventory",
            "cohort/headers",
            "cohort/dicom",
            "cohort/contrast",
            "cohort/nifti",
            "cohort/disk",
            "cohort/shards",
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
        "check the download and list its images"
    script:
        "../workflow_scripts/check.py"
