"""A BIDS dataset, read in place or made by one of Clinica's converters.

The images and what the tables say are read by rules of their own, so that a corrected label preprocesses and trains
nothing anew.
"""

from ldae.cohort.bids.layout import fingerprint as bids_fingerprint
from ldae.cohort.bids.layout import fingerprint_images

BIDS_DIR = CONFIG.cohort.bids_dir or "results/bids"
IN_PLACE = not CONFIG.cohort.is_converted


localrules:
    check,


rule check:
    """All there is to say about the dataset: the rules that read it say it."""
    input:
        "results/cohort/conversion.csv",


rule index:
    """List the T1w images of a BIDS dataset."""
    input:
        bids_dir=ancient(BIDS_DIR) if IN_PLACE else BIDS_DIR,
    output:
        shards=expand("results/bids_shards/{shard}.csv", shard=SHARDS),
    log:
        "results/logs/index.log",
    benchmark:
        "results/benchmarks/index.tsv"
    conda:
        ENV
    resources:
        **needs(2000, 240),
    params:
        **PILOT,
        source=CONFIG.cohort.source,
        prefer=CONFIG.cohort.prefer,
        findings="results/cohort/findings.csv",
        images=lambda wildcards: fingerprint_images(BIDS_DIR) if IN_PLACE else "",
        shards=len(SHARDS),
        code=code_of("index.py"),
    message:
        "list the images of the BIDS dataset"
    script:
        "../workflow_scripts/index.py"


rule bids:
    """Read what a BIDS dataset's tables say of each image, and what is set aside."""
    input:
        bids_dir=ancient(BIDS_DIR) if IN_PLACE else BIDS_DIR,
        shards=expand("results/bids_shards/{shard}.csv", shard=SHARDS),
        set_aside=[] if IN_PLACE else ["results/cohort/lost.csv"],
    output:
        conversion="results/cohort/conversion.csv",
        quarantine="results/cohort/quarantine.csv",
    log:
        "results/logs/bids.log",
    benchmark:
        "results/benchmarks/bids.tsv"
    conda:
        ENV
    resources:
        **needs(2000, 60),
    params:
        columns=CONFIG.cohort.columns.model_dump(),
        diagnoses=CONFIG.cohort.diagnoses,
        prefer=CONFIG.cohort.prefer,
        findings="results/cohort/findings.csv",
        dataset=lambda wildcards: bids_fingerprint(BIDS_DIR) if IN_PLACE else "",
        code=code_of("label_bids.py"),
    message:
        "read the tables of the BIDS dataset"
    script:
        "../workflow_scripts/label_bids.py"


rule strata:
    """Look up by what the subjects are stratified; made for the split alone, and only when it has new subjects."""
    input:
        bids_dir=ancient(BIDS_DIR) if IN_PLACE else BIDS_DIR,
        shards=expand("results/bids_shards/{shard}.csv", shard=SHARDS),
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
    params:
        # Functions of `input`, for Snakemake compares no such param: other columns split nobody anew.
        columns=lambda wildcards, input: CONFIG.cohort.columns.model_dump(),
        diagnoses=lambda wildcards, input: CONFIG.cohort.diagnoses,
    message:
        "look up the baseline diagnoses"
    script:
        "../workflow_scripts/strata_of_bids.py"
