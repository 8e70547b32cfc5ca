from ldae.cohort.disk import fingerprint

TABLE_SUFFIXES = {".csv", ".tsv", ".txt", ".xls", ".xlsx"}


def clinical_tables():
    """The user's own tables, so that a corrected one counts as changed."""
    if "clinical_dir" not in CONFIG.cohort.folders:
        return []
    files = Path(CONFIG.cohort.clinical_dir).rglob("*")
    return sorted(str(path) for path in files if path.suffix.lower() in TABLE_SUFFIXES)


# Images and tables cannot be told apart here: a changed table converts everything anew, and what follows is trained anew.
rule convert:
    """Convert the whole download with its own converter of Clinica, in one job: two would lose each other's rows."""
    input:
        clinical_tables(),
        dicom_dir=CONFIG.cohort.dicom_dir,
    output:
        bids=directory("results/bids"),
        lost="results/cohort/lost.csv",
    log:
        "results/logs/convert.log",
        clinica="results/logs/clinica.log",
    benchmark:
        "results/benchmarks/convert.tsv"
    conda:
        ENV
    threads: 1
    resources:
        mem_mb=4000,
        runtime=2880,
    params:
        source=CONFIG.cohort.source,
        clinical_dir=CONFIG.cohort.clinical_dir,
        arguments=lambda wildcards: CONFIG.cohort.arguments,
        timeout_s=CONFIG.cohort.conversion_timeout_s,
        download=lambda wildcards: fingerprint(CONFIG.cohort.dicom_dir),
        code=code_of("convert_download.py"),
    message:
        "convert the download to BIDS with Clinica's converter"
    script:
        "../workflow_scripts/convert_download.py"
