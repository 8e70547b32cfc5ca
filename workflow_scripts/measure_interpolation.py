"""Predict test scans from two others of the same subject and measure the predictions."""

import _rule  # first: puts this checkout on the path

import torch
from _model import load_ldae

from ldae.data.labels import read_dataset
from ldae.evaluation.measure.interpolation import Sampler, interpolate
from ldae.files import write_table

if __name__ == "__main__":
    with _rule.rule_log(snakemake.log[0]):
        torch.set_num_threads(snakemake.threads)
        ldae = load_ldae(snakemake.input.models, snakemake.params.ldae)
        sampler = Sampler(**snakemake.params.sampling)
        dataset = read_dataset(snakemake.input.dataset)
        write_table(snakemake.output[0], interpolate(ldae, dataset, sampler, snakemake.params.batch_size))
