EXAMPLES = {"examples": "results/evaluation/figure_volumes.npz"}
PREDICTIONS = {"predictions": "results/predictions.csv"}
QC_MONTAGE = {"config": section("qc"), "scans": CONFIG.report.montage_scans}
# The script of each figure, and what it reads.
FIGURE_SOURCES = {
    "qc_montage": ("qc_montage", {"qc": "results/qc.csv"}),
    "reconstructions": (
        "reconstructions",
        {"examples": "results/evaluation/examples.npz", "dataset": "results/dataset.csv"},
    ),
    "reconstruction_steps": ("reconstruction_steps", EXAMPLES),
    "manipulation": ("manipulation", EXAMPLES),
    "variation": ("variation", EXAMPLES),
    "interpolation": ("interpolation", EXAMPLES),
    "slice_attention": ("slice_attention", EXAMPLES),
    "embedding_map": ("embedding_map", {"codes": "results/embeddings.csv", "dataset": "results/dataset.csv"}),
    "diagnosis": ("diagnosis", PREDICTIONS),
    "age": ("age", PREDICTIONS),
    "interpolation_gap": ("interpolation_gap", {"table": "results/tables/interpolation.csv"}),
    "generated": ("generated", {"generated": "results/evaluation/generated.npz"}),
    "probes": ("probes", {"table": "results/tables/downstream.csv"}),
    "probes_paper": ("probes", {"table": "results/tables/downstream_paper.csv"}),
    "training_curves": ("training_curves", histories("autoencoder", "ldm", "representation")),
    "training_curves_paper": ("training_curves", histories(*SLOW_ENCODERS)),
}

for figure, (kind, sources) in FIGURE_SOURCES.items():

    rule:
        """Draw a figure for the report."""
        name:
            f"figure_{figure}"
        input:
            **sources,
        output:
            report(f"results/figures/{figure}.png", caption=f"captions/figure_{figure}.rst", category="Figures"),
            f"results/figures/{figure}.svg",
        log:
            f"results/logs/figure_{figure}.log",
        benchmark:
            f"results/benchmarks/figure_{figure}.tsv"
        conda:
            ENV
        resources:
            **needs(2000, 30),
        params:
            **(QC_MONTAGE if kind == "qc_montage" else {}),
            **runs(f"figure_{kind}.py"),
            phantom=IS_PHANTOM,
        message:
            f"draw: {figure}"
        script:
            SCRIPT


rule qc_page:
    """Every scan's picture on one page, the riskiest first."""
    input:
        qc="results/qc.csv",
        overrides="results/cohort/qc_overrides.csv",
        pictures=expand("results/pictures_shards/{shard}.csv", shard=SHARDS),
    output:
        "results/qc.html",
    log:
        "results/logs/qc_page.log",
    benchmark:
        "results/benchmarks/qc_page.tsv"
    conda:
        ENV
    resources:
        **needs(2000, 10),
    params:
        config=section("qc"),
        template=lambda wildcards: hash_text("ldae/report/qc_page.html"),
        code=code_of("qc_page.py"),
    message:
        "write the page of quality control"
    script:
        "../workflow_scripts/qc_page.py"
