rule phantom:
    """Fabricate a raw ADNI download with known anatomy."""
    output:
        images=directory("results/phantom/images"),
        clinical=directory("results/phantom/clinical"),
        truth="results/phantom/truth.csv",
    log:
        "results/logs/phantom.log",
    benchmark:
        "results/benchmarks/phantom.tsv"
    conda:
        ENV
    threads: 4
    resources:
        mem_mb=6000,
        runtime=120,
    params:
        config=section("phantom", "seed"),
        code=code_of("phantom.py"),
    message:
        "fabricate the phantom download"
    script:
        "../workflow_scripts/phantom.py"
