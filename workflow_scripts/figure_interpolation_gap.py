"""Draw the error of predicted visits by gap."""

import _rule  # first: puts this checkout on the path

from ldae.report.interpolation import draw_interpolation_gap

if __name__ == "__main__":
    with _rule.job(snakemake):
        draw_interpolation_gap(snakemake.input[0], snakemake.output[0], phantom=snakemake.params.phantom)
