"""Draw scans with one y_sem and several noises."""

import _rule  # first: puts this checkout on the path

from ldae.report.edits import draw_variation

if __name__ == "__main__":
    with _rule.job(snakemake):
        draw_variation(snakemake.input[0], snakemake.output[0], phantom=snakemake.params.phantom)
