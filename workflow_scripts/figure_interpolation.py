"""Draw a visit predicted from two others."""

import _rule  # first: puts this checkout on the path

from ldae.report.interpolation import draw_interpolation

if __name__ == "__main__":
    with _rule.job(snakemake):
        draw_interpolation(snakemake.input[0], snakemake.output[0], phantom=snakemake.params.phantom)
