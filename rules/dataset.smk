"""Which scans are used, on which side of the split, and what is known of the people."""


rule split:
    """Give every new subject its side of the split; a side once given stays."""
    input:
        # Ancient, for the diagnoses stratify only subjects that have no side yet.
        conversion=ancient("results/cohort/conversion.csv"),
        qc="results/qc.csv",
        file=[CONFIG.split.file] if CONFIG.split.file else [],
    output:
        split=update("results/split.csv"),
    log:
        "results/logs/split.log",
    benchmark:
        "results/benchmarks/split.tsv"
    conda:
        ENV
    threads: 1
    resources:
        mem_mb=1000,
        runtime=30,
    params:
        config=section("split"),
        seed=CONFIG.seed,
        code=code_of("split.py"),
    message:
        "split the subjects"
    script:
        "../workflow_scripts/split.py"


rule scans:
    """The table of the scans that passed: all that a training may know of the cohort."""
    input:
        qc="results/qc.csv",
        split="results/split.csv",
    output:
        scans="results/scans.csv",
    log:
        "results/logs/scans.log",
    benchmark:
        "results/benchmarks/scans.tsv"
    conda:
        ENV
    threads: 1
    resources:
        mem_mb=1000,
        runtime=30,
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
    conda:
        ENV
    threads: 1
    resources:
        mem_mb=1000,
        runtime=30,
    params:
        overrides=CONFIG.qc_overrides,
        latents_dir="results/latents",
        code=code_of("dataset.py"),
    message:
        "join the labels to the scans"
    script:
        "../workflow_scripts/dataset.py"
