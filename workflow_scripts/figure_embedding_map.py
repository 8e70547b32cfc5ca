"""Draw a map of the embeddings."""

import _rule  # first: puts this checkout on the path

from ldae.report.embedding_map import draw_embedding_map

if __name__ == "__main__":
    with _rule.job(snakemake):
        draw_embedding_map(
            snakemake.input.codes, snakemake.input.dataset, snakemake.output[0], phantom=snakemake.params.phantom
        )
