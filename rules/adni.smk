"""ADNI's own download, and the phantom, which is laid out like one."""

from functools import cache

from ldae.cohort.adni.names import label_of
from ldae.cohort.adni.table_hash import hash_choice, hash_content_of_tables
from ldae.cohort.disk import find_subjects, fingerprint
from ldae.cohort.shards import shard_of

cached_fingerprint = cache(fingerprint)  # the same for every shard
DICOM_DIR, CLINICAL_DIR = CONFIG.cohort.images_dir, CONFIG.cohort.tables_dir


def of_download():
    """The folders of the user's download; the phantom's change with their rule."""
    return "" if IS_PHANTOM else cached_fingerprint(DICOM_DIR)


# The next two take only wildcards: Snakemake compares no param whose function takes `input` as well. Where the phantom
# is yet to be made they raise FileNotFoundError for an input, and are asked again when it is there.
def all_tables(wildcards):
    """Hash of all that the clinical tables say."""
    return hash_content_of_tables(CLINICAL_DIR)


def tables_of_choice(wildcards):
    """Hash of what the clinical tables say of the choice of one shard's images: no age, no diagnosis."""
    shard, subjects = int(wildcards.shard), find_subjects(DICOM_DIR)
    return hash_choice(CLINICAL_DIR, [ptid for ptid in subjects if shard_of(label_of(ptid), len(SHARDS)) == shard])


rule check:
    """Say everything that is wrong with the download; list the images to convert, and what is set aside and why."""
    input:
        dicom_dir=DICOM_DIR,
        clinical_dir=ancient(CLINICAL_DIR),
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
        findings="results/cohort/findings.csv",
        state="results/cohort/checked_series.csv",
        download=lambda wildcards: of_download(),
        tables=all_tables,
        code=code_of("check.py"),
    message:
        "check the download and list its images"
    script:
        "../workflow_scripts/check.py"


rule convert:
    """Convert one shard of subjects with Clinica; images move into results/bids subject by subject."""
    input:
        inventory=ancient("results/cohort/inventory_shards/{shard}.csv"),
        dicom_dir=DICOM_DIR if IS_PHANTOM else ancient(DICOM_DIR),
        clinical_dir=ancient(CLINICAL_DIR),
    output:
        manifest="results/bids_shards/{shard}.csv",
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
        bids_dir=lambda wildcards: "results/bids",
        state_dir="results/bids_shards/subjects",
        timeout_s=CONFIG.cohort.conversion_timeout_s,
        # The inventory is ancient, for a corrected label rewrites it: what it is made from counts in its place.
        download=lambda wildcards: of_download(),
        tables=tables_of_choice,
        checked_by=lambda wildcards: [code_of("check.py")(wildcards), len(SHARDS)],
        code=code_of("convert.py"),
    message:
        "convert shard {wildcards.shard} to BIDS"
    script:
        "../workflow_scripts/convert.py"


rule bids:
    """Merge the shards into one BIDS dataset, and look up what the clinical tables say of each visit."""
    input:
        manifests=expand("results/bids_shards/{shard}.csv", shard=SHARDS),
        clinical_dir=ancient(CLINICAL_DIR),
    output:
        participants="results/bids/participants.tsv",
        description="results/bids/dataset_description.json",
        conversion="results/cohort/conversion.csv",
        visits="results/cohort/visits.csv",
    log:
        "results/logs/bids.log",
    benchmark:
        "results/benchmarks/bids.tsv"
    conda:
        ENV
    threads: 1
    resources:
        mem_mb=2000,
        runtime=60,
    params:
        tables=all_tables,
        code=code_of("bids.py"),
    message:
        "merge the BIDS dataset"
    script:
        "../workflow_scripts/bids.py"
