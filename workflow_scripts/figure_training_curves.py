"""Draw the training curves."""

import _rule  # first: puts this checkout on the path

from ldae.report.figures import draw_training_curves

if __name__ == "__main__":
    with _rule.job(snakemake):
        draw_training_curves(dict(snakemake.input.items()), snakemake.output[0], phantom=snakemake.params.phantom)
