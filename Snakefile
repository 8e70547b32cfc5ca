"""From a raw ADNI download to results tables: DICOM -> BIDS -> preprocessing -> LDAE -> reconstructions and probes."""

from snakemake.utils import min_version

min_version("9.20")


configfile: f"{workflow.basedir}/config.yaml"


include: "rules/common.smk"
include: "rules/cohort.smk"
include: "rules/preprocess.smk"
include: "rules/dataset.smk"
include: "rules/train.smk"
include: "rules/evaluation.smk"
include: "rules/systems.smk"
include: "rules/comparison.smk"
include: "rules/interpolation.smk"
include: "rules/generation.smk"
include: "rules/report.smk"
include: "rules/targets.smk"


rule all:
    """Every table and figure of the first target."""
    default_target: True
    input:
        expand("results/tables/{table}.csv", table=TABLES),
        expand("results/figures/{figure}.png", figure=FIGURES),
        "results/qc.html",
