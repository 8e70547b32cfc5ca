rule figure_reconstructions:
    """Scans, their reconstructions and the differences."""
    input:
        "results/evaluation/examples.npz",
    output:
        report("results/figures/reconstructions.png", caption="captions/figure_reconstructions.rst", category="Figures"),
    log:
        "results/logs/figure_reconstructions.log",
    benchmark:
        "results/benchmarks/figure_reconstructions.tsv"
    conda:
        ENV
    threads: 1
    resources:
        mem_mb=2000,
        runtime=10,
    params:
        code=code_of("figure_reconstructions.py"),
    message:
        "draw the reconstructions"
    script:
        "../workflow_scripts/figure_reconstructions.py"


rule figure_training_curves:
    """Training and validation curves of the three stages."""
    input:
        autoencoder="results/training/autoencoder.csv",
        ldm="results/training/ldm.csv",
        representation="results/training/representation.csv",
    output:
        report("results/figures/training_curves.png", caption="captions/figure_training_curves.rst", category="Figures"),
    log:
        "results/logs/figure_training_curves.log",
    benchmark:
        "results/benchmarks/figure_training_curves.tsv"
    conda:
        ENV
    threads: 1
    resources:
        mem_mb=2000,
        runtime=10,
    params:
        code=code_of("figure_training_curves.py"),
    message:
        "draw the training curves"
    script:
        "../workflow_scripts/figure_training_curves.py"


use rule figure_training_curves as figure_training_curves_paper with:
    input:
        **{name: f"results/training/{name}.csv" for name in SLOW_ENCODERS},
    output:
        report(
            "results/figures/training_curves_paper.png",
            caption="captions/figure_training_curves_paper.rst",
            category="Figures",
        ),
    log:
        "results/logs/figure_training_curves_paper.log",
    benchmark:
        "results/benchmarks/figure_training_curves_paper.tsv"


rule figure_probes:
    """What every encoder's probes give."""
    input:
        "results/tables/downstream.csv",
    output:
        report("results/figures/probes.png", caption="captions/figure_probes.rst", category="Figures"),
    log:
        "results/logs/figure_probes.log",
    benchmark:
        "results/benchmarks/figure_probes.tsv"
    conda:
        ENV
    threads: 1
    resources:
        mem_mb=2000,
        runtime=10,
    params:
        code=code_of("figure_probes.py"),
    message:
        "draw what the probes give"
    script:
        "../workflow_scripts/figure_probes.py"


use rule figure_probes as figure_probes_paper with:
    input:
        "results/tables/downstream_paper.csv",
    output:
        report("results/figures/probes_paper.png", caption="captions/figure_probes.rst", category="Figures"),
    log:
        "results/logs/figure_probes_paper.log",
    benchmark:
        "results/benchmarks/figure_probes_paper.tsv"


rule figure_qc_montage:
    """The riskiest scans after preprocessing."""
    input:
        "results/qc.csv",
    output:
        report("results/figures/qc_montage.png", caption="captions/figure_qc_montage.rst", category="Figures"),
    log:
        "results/logs/figure_qc_montage.log",
    benchmark:
        "results/benchmarks/figure_qc_montage.tsv"
    conda:
        ENV
    threads: 1
    resources:
        mem_mb=2000,
        runtime=10,
    params:
        config=section("qc"),
        scans=CONFIG.report.montage_scans,
        code=code_of("figure_qc_montage.py"),
    message:
        "draw the QC montage"
    script:
        "../workflow_scripts/figure_qc_montage.py"


rule qc_page:
    """Every scan's picture on one page, the riskiest first."""
    input:
        qc="results/qc.csv",
        overrides="results/cohort/qc_overrides.csv",
        pictures=expand("results/pictures_shards/{shard}.csv", shard=SHARDS),
        template=f"{workflow.basedir}/ldae/report/qc_page.html",
    output:
        "results/qc.html",
    log:
        "results/logs/qc_page.log",
    benchmark:
        "results/benchmarks/qc_page.tsv"
    conda:
        ENV
    threads: 1
    resources:
        mem_mb=2000,
        runtime=10,
    params:
        config=section("qc"),
        code=code_of("qc_page.py"),
    message:
        "write the page of quality control"
    script:
        "../workflow_scripts/qc_page.py"


rule figure_generated:
    """Generated scans and the training scans nearest to them."""
    input:
        "results/evaluation/generated.npz",
    output:
        report("results/figures/generated.png", caption="captions/figure_generated.rst", category="Figures"),
    log:
        "results/logs/figure_generated.log",
    benchmark:
        "results/benchmarks/figure_generated.tsv"
    conda:
        ENV
    threads: 1
    resources:
        mem_mb=2000,
        runtime=10,
    params:
        code=code_of("figure_generated.py"),
    message:
        "draw the generated scans"
    script:
        "../workflow_scripts/figure_generated.py"
