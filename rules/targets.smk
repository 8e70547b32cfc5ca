"""Targets that stand for many files; a single stage is a target by its own rule's name."""


localrules:
    all,
    preprocess_all,
    downstream,
    tables,
    figures,
    paper_tables,


rule preprocess_all:
    """Preprocessing and QC of every scan."""
    input:
        "results/tables/exclusions.csv",
        "results/figures/qc_montage.png",
        "results/qc.html",


rule downstream:
    """The linear probes of every encoder."""
    input:
        "results/tables/downstream.csv",


rule tables:
    """Every table of the first target."""
    input:
        expand("results/tables/{table}.csv", table=TABLES),
        SPLIT,


rule figures:
    """Every figure of the first target."""
    input:
        expand("results/figures/{figure}.{kind}", figure=FIGURES, kind=["png", "svg"]),


rule paper_tables:
    """Tables and figures that need the slow systems (the voxel DAE, the supervised encoders) or sampling."""
    input:
        expand("results/tables/{table}.csv", table=PAPER_TABLES),
        expand("results/figures/{figure}.{kind}", figure=PAPER_FIGURES, kind=["png", "svg"]),
        SPLIT,
