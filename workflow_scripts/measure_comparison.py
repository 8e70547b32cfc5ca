"""Rebuild the validation and test scans with every system."""

import _rule  # first: puts this checkout on the path

import torch
from _model import load_dae, load_ldae

from ldae.data.labels import read_dataset
from ldae.evaluation.measure.comparison import compare, systems_of
from ldae.evaluation.measure.metrics import load_lpips
from ldae.files import write_table

if __name__ == "__main__":
    with _rule.rule_log(snakemake.log[0]):
        torch.set_num_threads(snakemake.threads)
        config, sections = snakemake.params.config, snakemake.params.models
        lpips, note = load_lpips(**config["lpips"])
        table = compare(
            systems_of(load_ldae(snakemake.input.ldae, sections), load_dae(snakemake.input.dae, sections)),
            read_dataset(snakemake.input.dataset),
            steps=config["comparison"]["steps"],
            solver=snakemake.params.solver,
            spacing_mm=sections["preprocessing"]["grid_spacing_mm"],
            batch_size=config["batch_size"],
            lpips=lpips,
            note=note,
        )
        write_table(snakemake.output[0], table)
