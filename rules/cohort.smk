"""The stages up to one BIDS dataset with its report, by where the cohort comes from."""

if IS_PHANTOM:

    include: "phantom.smk"


if CONFIG.cohort.source == "adni":

    include: "check.smk"
    include: "bids.smk"

else:

    include: "cohort_bids.smk"


if CONFIG.cohort.is_converted:

    include: "cohort_convert.smk"
