"""Tabulate the systems' reconstructions."""

import _rule  # first: puts this checkout on the path

from ldae.config.partial import partial_config
from ldae.evaluation.measure.comparison import read_comparison
from ldae.evaluation.tables.comparison import tabulate_comparison
from ldae.files import write_table

if __name__ == "__main__":
    with _rule.rule_log(snakemake.log[0]):
        config, scans = partial_config(snakemake.params.config), read_comparison(snakemake.input[0])
        write_table(snakemake.output[0], tabulate_comparison(scans, config.evaluation.bootstrap, config.seed))
