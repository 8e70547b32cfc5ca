"""Tabulate the systems' reconstructions."""

import _rule  # first: puts this checkout on the path

from ldae.config.partial import partial_config
from ldae.evaluation.measure.comparison import read_comparison
from ldae.evaluation.tables.comparison import tabulate_comparison
from ldae.evaluation.tables.result import write_result

if __name__ == "__main__":
    with _rule.job(snakemake):
        config, scans = partial_config(snakemake.params.config), read_comparison(snakemake.input[0])
        table = tabulate_comparison(scans, config.evaluation.bootstrap, config.seed)
        write_result(snakemake.output[0], table, snakemake.params.cohort)
