"""Tabulate the systems' reconstructions."""

import _rule  # first: puts this checkout on the path

from ldae.evaluation.measure.comparison import read_comparison, summarise
from ldae.files import write_table

if __name__ == "__main__":
    with _rule.rule_log(snakemake.log[0]):
        table = summarise(
            read_comparison(snakemake.input[0]),
            **snakemake.params.config["bootstrap"],
            seed=snakemake.params.seed,
        )
        write_table(snakemake.output[0], table)
