"""Tabulate the generated scans."""

import _rule  # first: puts this checkout on the path

from ldae.evaluation.measure.generation import read_measured
from ldae.evaluation.tables.generation import summarise
from ldae.files import write_table

if __name__ == "__main__":
    with _rule.rule_log(snakemake.log[0]):
        measured = read_measured(snakemake.input[0])
        write_table(
            snakemake.output[0], summarise(measured, **snakemake.params.config["bootstrap"], seed=snakemake.params.seed)
        )
