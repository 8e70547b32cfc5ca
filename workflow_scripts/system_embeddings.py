"""Encode every scan with the voxel DAE or a supervised encoder."""

import _rule  # first: puts this checkout on the path

import torch
from _model import load_encoder

from ldae.data.labels import read_dataset
from ldae.evaluation.features.embeddings import extract_embeddings, write_embeddings

if __name__ == "__main__":
    with _rule.rule_log(snakemake.log[0]):
        torch.set_num_threads(snakemake.threads)
        encode = load_encoder(snakemake.input.model, snakemake.params.models)
        dataset, system = read_dataset(snakemake.input.dataset), snakemake.wildcards.system
        write_embeddings(snakemake.output[0], extract_embeddings(encode, dataset, snakemake.params.batch_size, system))
