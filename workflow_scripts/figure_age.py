"""Draw predicted against true ages."""

import _rule  # first: puts this checkout on the path

from ldae.report.predictions import draw_age

if __name__ == "__main__":
    with _rule.job(snakemake):
        draw_age(snakemake.input[0], snakemake.output[0], phantom=snakemake.params.phantom)
