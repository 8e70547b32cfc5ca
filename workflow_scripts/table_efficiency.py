"""Tabulate time, memory and arithmetic."""

import _rule  # first: puts this checkout on the path

from ldae.evaluation.measure.efficiency import read_efficiency
from ldae.evaluation.tables.efficiency import tabulate_efficiency
from ldae.files import write_table

if __name__ == "__main__":
    with _rule.rule_log(snakemake.log[0]):
        write_table(snakemake.output[0], tabulate_efficiency(read_efficiency(snakemake.input[0])))
