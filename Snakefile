"""From a raw ADNI download to results tables: DICOM -> BIDS -> preprocessing -> LDAE -> reconstructions and probes."""

from snakemake.utils import min_version

min_version("9.20")


configfile: f"{workflow.basedir}/config.yaml"


include: "rules/common.smk"
include: "rules/phantom.smk"
include: "rules/inventory.smk"
include: "rules/bids.smk"
include: "rules/preprocess.smk"
include: "rules/dataset.smk"
include: "rules/train.smk"
include: "rules/evaluation.smk"
include: "rules/report.smk"


TABLES = ["exclusions", "reconstruction", "downstream"] + ["phantom_truth"] * IS_PHANTOM
FIGURES = ["qc_montage", "training_curves", "reconstructions"]


localrules:
    all,
    preprocess_all,
    tables,
    figures,


rule all:
    """Every table and figure."""
    default_target: True
    input:
        expand("results/tables/{table}.csv", table=TABLES),
        expand("results/figures/{figure}.png", figure=FIGURES),


rule preprocess_all:
    """Preprocessing and QC of every scan; the other stages are targets by their own rule's name."""
    input:
        expand("results/preproc_shards/{shard}.csv", shard=SHARDS),
        "results/tables/exclusions.csv",
        "results/figures/qc_montage.png",


rule tables:
    """Every table."""
    input:
        expand("results/tables/{table}.csv", table=TABLES),


rule figures:
    """Every figure."""
    input:
        expand("results/figures/{figure}.png", figure=FIGURES),
