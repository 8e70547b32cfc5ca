"""Edit test scans along the probes' directions and measure what changes."""

from pathlib import Path

import _rule  # first: puts this checkout on the path

import torch

from ldae.config.partial import partial_config
from ldae.evaluation.measure.counterfactual import measure_counterfactuals

if __name__ == "__main__":
    with _rule.job(snakemake):
        torch.set_num_threads(snakemake.threads)
        measure_counterfactuals(
            snakemake.input.scans,
            snakemake.input.probes,
            Path(snakemake.input.models[0]).parent,
            partial_config(snakemake.params.config),
            snakemake.output[0],
            parts_dir=snakemake.params.parts,
            code=snakemake.params.code,
        )
