"""Sample scans from noise and measure them."""

import _rule  # first: puts this checkout on the path

import numpy as np
import torch
from _model import load_ldae

from ldae.data.labels import read_dataset
from ldae.evaluation.measure.extractors import load_extractors
from ldae.evaluation.measure.generation import Plan, generate, write_measured
from ldae.files import atomic_path

if __name__ == "__main__":
    with _rule.rule_log(snakemake.log[0]):
        torch.set_num_threads(snakemake.threads)
        config, sampling = snakemake.params.config, snakemake.params.sampling
        plan = Plan(
            samples=config["generation"]["samples"],
            steps=sampling["steps"],
            solver=sampling["solver"],
            seed=snakemake.params.seed,
            shown=config["figure_scans"],
        )
        ldae = load_ldae(snakemake.input.models, snakemake.params.ldae)
        extractors = load_extractors(ldae, config["generation"]["medicalnet_weights"])
        dataset = read_dataset(snakemake.input.dataset)
        measured, examples = generate(ldae, dataset, extractors, plan, config["batch_size"])
        write_measured(snakemake.output.measured, measured)
        with atomic_path(snakemake.output.examples) as temporary:
            np.savez_compressed(temporary, **examples)
