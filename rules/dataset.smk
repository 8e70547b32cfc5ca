"""Which scans are used, on which side of the split, and what is known of the people."""

from ldae.data.assignments import refuse_other_sides

refuse_other_sides(CONFIG.split.file, SPLIT)


rule split:
    """Give every new subject its side of the split; a side once given stays."""
    input:
        qc="results/qc.csv",
        strata="results/cohort/strata.csv",
    output:
        split=update(SPLIT),
    log:
        "results/logs/split.log",
    benchmark:
        "results/benchmarks/split.tsv"
    conda:
        ENV
    resources:
        **needs(1000, 30),
    params:
        # Functions of `input`, for Snakemake compares no such param: fractions, seed, list and code concern new subjects
        # alone, who come with another qc.csv. Compared, they would train everything anew on the same split.
        config=lambda wildcards, input: section("split"),
        seed=lambda wildcards, input: CONFIG.seed,
    message:
        "split the subjects"
    script:
        "../workflow_scripts/split.py"


rule scans:
    """The table of the scans that passed: all that a training may know of the cohort."""
    input:
        qc="results/qc.csv",
        split=SPLIT,
    output:
        scans="results/scans.csv",
    log:
        "results/logs/scans.log",
    benchmark:
        "results/benchmarks/scans.tsv"
    conda:
        ENV
    resources:
        **needs(1000, 30),
    params:
        code=code_of("scans.py"),
    message:
        "list the scans that are used"
    script:
        "../workflow_scripts/scans.py"


rule dataset:
    """The scans with what is known of the people, and every image that is not among them with the reason."""
    input:
        scans="results/scans.csv",
        conversion="results/cohort/conversion.csv",
        qc="results/qc.csv",
        quarantine="results/cohort/quarantine.csv",
    output:
        dataset="results/dataset.csv",
        exclusions=report(
            "results/tables/exclusions.csv",
            caption="captions/exclusions.rst",
            category="Tables",
        ),
    log:
        "results/logs/dataset.log",
    benchmark:
        "results/benchmarks/dataset.tsv"
    priority: 2  # it says what the tables will lack, before the hours of training
    conda:
        ENV
    resources:
        **needs(1000, 30),
    params:
        overrides=CONFIG.qc_overrides,
        latents_dir="results/latents",
        code=code_of("dataset.py"),
    message:
        "join the labels to the scans"
    script:
        "../workflow_scripts/dataset.py"
