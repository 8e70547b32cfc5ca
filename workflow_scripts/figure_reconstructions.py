"""Draw the reconstructions."""

import _rule  # first: puts this checkout on the path

from ldae.report.reconstructions import draw_reconstructions

if __name__ == "__main__":
    with _rule.job(snakemake):
        draw_reconstructions(
            snakemake.input.examples, snakemake.input.dataset, snakemake.output[0], phantom=snakemake.params.phantom
        )
