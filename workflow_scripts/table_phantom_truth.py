"""Hold the results on the phantom against its truth file."""

import _rule  # first: puts this checkout on the path

from ldae.config.partial import partial_config
from ldae.evaluation.tables.phantom_truth import write_truth_table

if __name__ == "__main__":
    with _rule.job(snakemake):
        write_truth_table(
            snakemake.input.truth,
            snakemake.input.dataset,
            snakemake.input.embeddings,
            snakemake.input.reconstructions,
            snakemake.input.downstream,
            snakemake.input.counterfactual,
            partial_config(snakemake.params.config),
            snakemake.output[0],
        )
