"""Encode every scan with an encoder from outside."""

import _rule  # first: puts this checkout on the path

import torch

from ldae.config.partial import partial_config
from ldae.evaluation.features.external import embed_with_external

if __name__ == "__main__":
    with _rule.job(snakemake):
        torch.set_num_threads(snakemake.threads)
        embed_with_external(
            snakemake.input.scans,
            snakemake.params.pretrained,
            snakemake.params.input_shape,
            snakemake.params.output_form,
            partial_config(snakemake.params.config).evaluation.batch_size,
            snakemake.output[0],
        )
