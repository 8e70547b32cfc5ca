rule dataset:
    """One table of the scans that passed, split by subject, and one of the scans that did not."""
    input:
        conversion="results/cohort/conversion.csv",
        quarantine="results/cohort/quarantine.csv",
        manifests=expand("results/preproc_shards/{shard}.csv", shard=SHARDS),
        overrides=[CONFIG.qc_overrides] if CONFIG.qc_overrides else [],
    output:
        dataset="results/dataset.csv",
        qc="results/qc.csv",
        effects="results/cohort/qc_overrides.csv",
        description="results/derivatives/preproc/dataset_description.json",
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
        config=section("split", "seed"),
        latents_dir="results/latents",
        code=code_of("dataset.py"),
    message:
        "write the table of scans and split it by subject"
    script:
        "../workflow_scripts/dataset.py"
