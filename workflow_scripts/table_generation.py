"""Tabulate the generated scans."""

import _rule  # first: puts this checkout on the path

from ldae.config.partial import partial_config
from ldae.evaluation.measure.generation import read_measurements
from ldae.evaluation.tables.generation import tabulate_generation
from ldae.files import write_table

if __name__ == "__main__":
    with _rule.rule_log(snakemake.log[0]):
        config, measured = partial_config(snakemake.params.config), read_measurements(snakemake.input[0])
        write_table(snakemake.output[0], tabulate_generation(measured, config.evaluation.bootstrap, config.seed))
