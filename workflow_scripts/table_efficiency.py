"""Tabulate time, memory and arithmetic."""

import _rule  # first: puts this checkout on the path

from ldae.evaluation.measure.efficiency import read_efficiency
from ldae.evaluation.tables.efficiency import tabulate_efficiency
from ldae.evaluation.tables.result import write_result

if __name__ == "__main__":
    with _rule.job(snakemake):
        table = tabulate_efficiency(read_efficiency(snakemake.input[0]))
        write_result(snakemake.output[0], table, snakemake.params.cohort)
