"""Rebuild the test scans in every way and measure them."""

import _rule  # first: puts this checkout on the path

import numpy as np
import torch
from _model import load_ldae

from ldae.data.labels import read_dataset
from ldae.evaluation.features.embeddings import read_embeddings
from ldae.evaluation.measure.metrics import load_lpips
from ldae.evaluation.measure.reconstruction import Plan, reconstruct
from ldae.files import atomic_path, write_table

if __name__ == "__main__":
    with _rule.rule_log(snakemake.log[0]):
        torch.set_num_threads(snakemake.threads)
        config, sampling = snakemake.params.config, snakemake.params.sampling
        lpips, note = load_lpips(**config["lpips"])
        plan = Plan(config["reconstruction"]["steps"], sampling["steps"], sampling["solver"], snakemake.params.seed)
        scans, examples = reconstruct(
            load_ldae(snakemake.input.models, snakemake.params.ldae),
            read_dataset(snakemake.input.dataset),
            read_embeddings(snakemake.input.embeddings),
            plan,
            batch_size=config["batch_size"],
            examples=config["figure_scans"],
            lpips=lpips,
            note=note,
        )
        write_table(snakemake.output.scans, scans)
        with atomic_path(snakemake.output.examples) as temporary:
            np.savez_compressed(temporary, **examples)
