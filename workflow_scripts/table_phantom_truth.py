"""Hold the results on the phantom against its truth file."""

import _rule  # first: puts this checkout on the path

from ldae.data.labels import read_dataset
from ldae.evaluation.features.embeddings import read_embeddings
from ldae.evaluation.tables.phantom_truth import check_against_truth, read_truth
from ldae.evaluation.tables.reconstruction import read_reconstructions
from ldae.files import read_table, write_table

if __name__ == "__main__":
    with _rule.rule_log(snakemake.log[0]):
        config = snakemake.params.config
        table = check_against_truth(
            read_truth(snakemake.input.truth),
            read_dataset(snakemake.input.dataset),
            read_embeddings(snakemake.input.embeddings),
            read_reconstructions(snakemake.input.reconstructions),
            read_table(snakemake.input.downstream, ("encoder", "task", "scans", "metric", "value", "low", "high")),
            steps=snakemake.params.steps,
            alpha_grid=snakemake.params.alpha_grid,
            batch_size=config["batch_size"],
            **config["bootstrap"],
            seed=snakemake.params.seed,
        )
        write_table(snakemake.output[0], table)
