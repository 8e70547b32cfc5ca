"""Tabulate the predicted scans by gap."""

import _rule  # first: puts this checkout on the path

from ldae.evaluation.tables.interpolation import read_interpolations, summarise
from ldae.files import write_table

if __name__ == "__main__":
    with _rule.rule_log(snakemake.log[0]):
        scans = read_interpolations(snakemake.input[0])
        write_table(
            snakemake.output[0], summarise(scans, **snakemake.params.config["bootstrap"], seed=snakemake.params.seed)
        )
