"""From a raw ADNI download to results tables: DICOM -> BIDS -> preprocessing -> LDAE -> reconstructions and probes."""

from snakemake.utils import min_version

min_version("9.20")


configfile: f"{workflow.basedir}/config.yaml"


include: "rules/common.smk"
include: "rules/preprocess.smk"
include: "rules/dataset.smk"
include: "rules/encode.smk"
include: "rules/measure.smk"
include: "rules/tables.smk"
include: "rules/figures.smk"
include: "rules/targets.smk"


if CONFIG.models_from:

    include: "rules/trained.smk"

else:

    include: "rules/train.smk"


if IS_PHANTOM:

    include: "rules/phantom.smk"


if CONFIG.cohort.is_adni:

    include: "rules/adni.smk"

else:

    include: "rules/bids.smk"


if CONFIG.cohort.is_converted:

    include: "rules/clinica.smk"


rule all:
    """Every table and figure of the first target."""
    default_target: True
    input:
        expand("results/tables/{table}.csv", table=TABLES),
        expand("results/figures/{figure}.{kind}", figure=FIGURES, kind=["png", "svg"]),
        "results/qc.html",
        "results/predictions.csv",
        LATENTS,
        MODEL,
        SPLIT,
