"""Encode y_sem of every scan."""

import _rule  # first: puts this checkout on the path

import torch
from _model import load_ldae

from ldae.data.labels import read_dataset
from ldae.evaluation.features.embeddings import extract_embeddings, write_embeddings

if __name__ == "__main__":
    with _rule.rule_log(snakemake.log[0]):
        torch.set_num_threads(snakemake.threads)
        ldae = load_ldae(snakemake.input.models, snakemake.params.ldae)
        dataset = read_dataset(snakemake.input.dataset)
        embeddings = extract_embeddings(ldae.encode_semantic, dataset, snakemake.params.batch_size, "LDAE")
        write_embeddings(snakemake.output[0], embeddings)
