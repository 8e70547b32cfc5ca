"""Tabulate the predicted scans by gap."""

import _rule  # first: puts this checkout on the path

from ldae.config.partial import partial_config
from ldae.evaluation.tables.interpolation import read_interpolations, tabulate_interpolations
from ldae.evaluation.tables.result import write_result

if __name__ == "__main__":
    with _rule.job(snakemake):
        config, scans = partial_config(snakemake.params.config), read_interpolations(snakemake.input[0])
        table = tabulate_interpolations(scans, config.evaluation.bootstrap, config.seed)
        write_result(snakemake.output[0], table, snakemake.params.cohort)
