"""ADNI's own download, and the phantom, which is laid out like one.

A corrected label must run `check` and `bids` and nothing before `dataset`. So no rule on the way to the trainings has
an input that a label changes, not even an ancient one: Snakemake does not ask the jobs after a job that runs whether
they have changed themselves, but goes by their inputs, and past an ancient one it does not go.
"""

from ldae.cohort.adni.table_hash import hash_choice, hash_content_of_tables
from ldae.cohort.disk import find_subjects, fingerprint

DICOM_DIR, CLINICAL_DIR = CONFIG.cohort.images_dir, CONFIG.cohort.tables_dir


# Functions in params take only wildcards: Snakemake compares no param whose function takes `input` as well. Where the
# phantom is yet to be made they raise FileNotFoundError for an input, and are asked again when it is there.
rule inventory:
    """List the images of the download to convert."""
    input:
        dicom_dir=DICOM_DIR,
        clinical_dir=ancient(CLINICAL_DIR),
    output:
        inventory="results/cohort/inventory.csv",
        shards=expand("results/cohort/inventory_shards/{shard}.csv", shard=SHARDS),
    log:
        "results/logs/inventory.log",
    benchmark:
        "results/benchmarks/inventory.tsv"
    conda:
        ENV
    threads: 8
    resources:
        **needs(4000, 240),
    params:
        **PILOT,
        findings="results/cohort/findings.csv",
        state="results/cohort/checked_series.csv",
        download=lambda wildcards: "" if IS_PHANTOM else fingerprint(DICOM_DIR),  # the phantom changes with its rule
        tables=lambda wildcards: hash_choice(CLINICAL_DIR, find_subjects(DICOM_DIR)),  # no age, no diagnosis
        shards=len(SHARDS),
        code=code_of("inventory.py"),
    message:
        "list the images of the download"
    script:
        "../workflow_scripts/inventory.py"


rule check:
    """Say everything that is wrong with the download, and what is set aside and why."""
    input:
        "results/cohort/inventory.csv",  # and with it the verdicts on all headers
        dicom_dir=DICOM_DIR,
        clinical_dir=ancient(CLINICAL_DIR),
    output:
        quarantine="results/cohort/quarantine.csv",
    log:
        "results/logs/check.log",
    benchmark:
        "results/benchmarks/check.tsv"
    priority: 1  # before the hours of conversion, which does not wait for it
    conda:
        ENV
    threads: 8
    resources:
        **needs(4000, 240),
    params:
        **PILOT,
        findings="results/cohort/findings.csv",
        state="results/cohort/checked_series.csv",
        tables=lambda wildcards: hash_content_of_tables(CLINICAL_DIR),
        code=code_of("check.py"),
    message:
        "check the download"
    script:
        "../workflow_scripts/check.py"


rule convert:
    """Convert one shard of subjects with Clinica; images move into results/bids subject by subject."""
    input:
        inventory="results/cohort/inventory_shards/{shard}.csv",
    output:
        manifest="results/bids_shards/{shard}.csv",
    log:
        "results/logs/convert/{shard}.log",
    benchmark:
        "results/benchmarks/convert/{shard}.tsv"
    conda:
        ENV
    resources:
        **needs(3000, 480),
    params:
        dicom_dir=DICOM_DIR,
        clinical_dir=CLINICAL_DIR,
        bids_dir=lambda wildcards: "results/bids",
        state_dir="results/bids_shards/subjects",
        timeout_s=CONFIG.cohort.conversion_timeout_s,
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
    resources:
        **needs(2000, 60),
    params:
        **MAX_LOST,
        tables=lambda wildcards: hash_content_of_tables(CLINICAL_DIR),
        code=code_of("bids.py"),
    message:
        "merge the BIDS dataset"
    script:
        "../workflow_scripts/bids.py"


rule strata:
    """Look up by what the subjects are stratified; made for the split alone, and only when it has new subjects."""
    input:
        manifests=expand("results/bids_shards/{shard}.csv", shard=SHARDS),
        clinical_dir=ancient(CLINICAL_DIR),
    output:
        strata=temp("results/cohort/strata.csv"),
    log:
        "results/logs/strata.log",
    benchmark:
        "results/benchmarks/strata.tsv"
    conda:
        ENV
    resources:
        **needs(2000, 60),
    message:
        "look up the baseline diagnoses"
    script:
        "../workflow_scripts/strata.py"
