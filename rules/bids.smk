"""A BIDS dataset, read in place or made by one of Clinica's converters."""

from ldae.cohort.bids.layout import fingerprint as bids_fingerprint
from ldae.cohort.bids.layout import fingerprint_images

BIDS_DIR = CONFIG.cohort.dataset_dir


localrules:
    check,


rule check:
    """All there is to say about the dataset: the index says it."""
    input:
        "results/cohort/conversion.csv",


rule bids:
    """Index a BIDS dataset: its T1w images, what its tables say of each, and what is set aside."""
    input:
        bids_dir=BIDS_DIR,
        set_aside=["results/cohort/lost.csv"] if CONFIG.cohort.is_converted else [],
    output:
        conversion="results/cohort/conversion.csv",
        quarantine="results/cohort/quarantine.csv",
    log:
        "results/logs/bids.log",
    benchmark:
        "results/benchmarks/bids.tsv"
    conda:
        ENV
    threads: 1
    resources:
        mem_mb=2000,
        runtime=240,
    params:
        source=CONFIG.cohort.source,
        columns=CONFIG.cohort.columns.model_dump(),
        diagnoses=CONFIG.cohort.diagnoses,
        findings="results/cohort/findings.csv",
        dataset=lambda wildcards: "" if CONFIG.cohort.is_converted else bids_fingerprint(BIDS_DIR),
        code=code_of("index_bids.py"),
    message:
        "index the BIDS dataset"
    script:
        "../workflow_scripts/index_bids.py"


rule shards:
    """Cut the index into shards for preprocessing, without a word on the people."""
    input:
        # Ancient, for a corrected label rewrites the index: the images it lists count in its place.
        conversion=ancient("results/cohort/conversion.csv"),
        bids_dir=[BIDS_DIR] if CONFIG.cohort.is_converted else [],
    output:
        expand("results/bids_shards/{shard}.csv", shard=SHARDS),
    log:
        "results/logs/shards.log",
    benchmark:
        "results/benchmarks/shards.tsv"
    conda:
        ENV
    threads: 1
    resources:
        mem_mb=1000,
        runtime=30,
    params:
        images=lambda wildcards: "" if CONFIG.cohort.is_converted else fingerprint_images(BIDS_DIR),
        indexed_by=code_of("index_bids.py"),
        code=code_of("shards.py"),
    message:
        "cut the images into shards"
    script:
        "../workflow_scripts/shards.py"
