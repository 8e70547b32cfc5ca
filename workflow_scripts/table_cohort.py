"""Describe the cohort."""

import _rule  # first: puts this checkout on the path

from ldae.evaluation.tables.cohort import describe_cohort
from ldae.files import read_table, write_table

if __name__ == "__main__":
    with _rule.rule_log(snakemake.log[0]):
        dataset = read_table(snakemake.input[0], dtype={"subject": str, "session": str})
        write_table(snakemake.output[0], describe_cohort(dataset))
