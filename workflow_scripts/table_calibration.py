"""Tabulate how far the probabilities can be taken at their word."""

import _rule  # first: puts this checkout on the path

from ldae.config.partial import partial_config
from ldae.evaluation.tables.calibration import tabulate_calibration
from ldae.evaluation.tables.predictions import read_predictions
from ldae.evaluation.tables.result import write_result

if __name__ == "__main__":
    with _rule.job(snakemake):
        config, predictions = partial_config(snakemake.params.config), read_predictions(snakemake.input[0])
        table = tabulate_calibration(predictions, config.evaluation.bootstrap, config.seed)
        write_result(snakemake.output[0], table, snakemake.params.cohort)
