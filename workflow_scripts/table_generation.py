"""Tabulate the generated scans."""

import _rule  # first: puts this checkout on the path

from ldae.config.partial import partial_config
from ldae.evaluation.measure.generation import read_measurements
from ldae.evaluation.tables.generation import tabulate_generation
from ldae.evaluation.tables.result import write_result

if __name__ == "__main__":
    with _rule.job(snakemake):
        config, measured = partial_config(snakemake.params.config), read_measurements(snakemake.input[0])
        table = tabulate_generation(measured, config.evaluation.bootstrap, config.seed)
        write_result(snakemake.output[0], table, snakemake.params.cohort)
