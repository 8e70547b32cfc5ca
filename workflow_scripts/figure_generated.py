"""Draw the generated scans."""

import _rule  # first: puts this checkout on the path

from ldae.report.generated import draw_generated

if __name__ == "__main__":
    with _rule.job(snakemake):
        draw_generated(snakemake.input[0], snakemake.output[0], phantom=snakemake.params.phantom)
