"""Draw ROC and calibration of the predicted diagnosis."""

import _rule  # first: puts this checkout on the path

from ldae.report.predictions import draw_diagnosis

if __name__ == "__main__":
    with _rule.job(snakemake):
        draw_diagnosis(snakemake.input[0], snakemake.output[0], phantom=snakemake.params.phantom)
