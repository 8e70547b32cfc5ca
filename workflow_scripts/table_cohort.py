"""Describe the cohort."""

import _rule  # first: puts this checkout on the path

from ldae.evaluation.tables.cohort import describe_cohort
from ldae.evaluation.tables.result import write_result
from ldae.files import read_table

if __name__ == "__main__":
    with _rule.job(snakemake):
        dataset = read_table(snakemake.input[0])
        table = describe_cohort(dataset)
        write_result(snakemake.output[0], table, snakemake.params.cohort)
