"""Draw which axial slices the semantic encoder attends to."""

import _rule  # first: puts this checkout on the path

from ldae.report.attention import draw_slice_attention

if __name__ == "__main__":
    with _rule.job(snakemake):
        draw_slice_attention(snakemake.input[0], snakemake.output[0], phantom=snakemake.params.phantom)
