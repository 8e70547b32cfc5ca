"""Draw the reconstructions at each number of sampler steps."""

import _rule  # first: puts this checkout on the path

from ldae.report.reconstructions import draw_reconstruction_steps

if __name__ == "__main__":
    with _rule.job(snakemake):
        draw_reconstruction_steps(snakemake.input[0], snakemake.output[0], phantom=snakemake.params.phantom)
