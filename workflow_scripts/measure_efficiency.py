"""Measure time, memory and arithmetic of the systems."""

from pathlib import Path

import _rule  # first: puts this checkout on the path

from ldae.config.partial import partial_config
from ldae.evaluation.measure.efficiency import measure_efficiency

if __name__ == "__main__":
    with _rule.job(snakemake):
        measure_efficiency(
            snakemake.input.comparison,
            Path(snakemake.input.models[0]).parent,
            partial_config(snakemake.params.config),
            partial_config(snakemake.params.published),
            threads=snakemake.threads,
            timeout_s=60 * snakemake.resources.runtime,
            output=snakemake.output[0],
        )
