"""Measure time, memory and arithmetic of the systems."""

from pathlib import Path

import _rule  # first: puts this checkout on the path

from _model import make_config

from ldae.evaluation.measure.comparison import DAE, LDAE, LDDIM, best_steps, read_comparison
from ldae.evaluation.measure.efficiency import measure_all, plan_jobs
from ldae.files import write_table
from ldae.systems.dae import DAE as VoxelAutoencoder
from ldae.systems.ldae import LDAE as LatentAutoencoder

if __name__ == "__main__":
    with _rule.rule_log(snakemake.log[0]):
        config, sampling = snakemake.params.config, snakemake.params.sampling
        latent = LatentAutoencoder.load
        jobs = plan_jobs(
            {LDAE: latent, LDDIM: latent, DAE: VoxelAutoencoder.load},
            Path(snakemake.input.dae).parent,
            make_config(snakemake.params.models),
            steps=sampling["steps"],
            own_steps=best_steps(read_comparison(snakemake.input.scans)),
            solver=sampling["solver"],
            batch=config["efficiency"]["batch_size"],
            repeats=config["efficiency"]["repeats"],
            threads=snakemake.threads,
        )
        write_table(snakemake.output[0], measure_all(jobs, snakemake.resources.runtime * 60))
