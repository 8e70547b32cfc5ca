from ldae.cohort.bids.layout import fingerprint as bids_fingerprint

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
        shards=expand("results/bids_shards/{shard}.csv", shard=SHARDS),
        report="results/cohort/conversion.csv",
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
        findings="results/cohort/preflight.csv",
        dataset=lambda wildcards: "" if CONFIG.cohort.is_converted else bids_fingerprint(BIDS_DIR),
        code=code_of("index_bids.py"),
    message:
        "index the BIDS dataset"
    script:
        "../workflow_scripts/index_bids.py"
