"""The features that a learnt representation has to beat, as far as they take no label and no network."""

import _rule  # first: puts this checkout on the path

import torch

from ldae.config.partial import partial_config
from ldae.evaluation.features.baselines import write_baselines

if __name__ == "__main__":
    with _rule.job(snakemake):
        torch.set_num_threads(snakemake.threads)
        write_baselines(
            snakemake.input.scans,
            snakemake.input.qc,
            partial_config(snakemake.params.config),
            dict(snakemake.output.items()),
        )
