"""State which subjects every fitted thing saw; stop if one of them is a test subject."""

import _rule  # first: puts this checkout on the path

from ldae.data.labels import read_dataset
from ldae.evaluation.tables.leakage import of_embeddings, of_probes, of_weights, tabulate
from ldae.files import write_table

if __name__ == "__main__":
    with _rule.rule_log(snakemake.log[0]):
        fitted = [of_weights(path) for path in snakemake.input.weights]
        fitted += [of_embeddings(path) for path in snakemake.input.embeddings]
        fitted += of_probes(snakemake.input.probes)
        write_table(snakemake.output[0], tabulate(fitted, read_dataset(snakemake.input.dataset)))
