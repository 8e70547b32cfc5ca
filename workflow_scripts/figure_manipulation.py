"""Draw edited scans."""

import _rule  # first: puts this checkout on the path

from ldae.report.edits import draw_manipulation

if __name__ == "__main__":
    with _rule.job(snakemake):
        draw_manipulation(snakemake.input[0], snakemake.output[0], phantom=snakemake.params.phantom)
