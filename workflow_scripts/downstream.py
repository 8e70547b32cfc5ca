"""Fit and score the linear probes."""

import _rule  # first: puts this checkout on the path

import pandas as pd

from ldae.evaluation.embeddings import read_embeddings
from ldae.evaluation.probes import evaluate_ad_cn, evaluate_age, probe_summary
from ldae.files import write_json, write_table

if __name__ == "__main__":
    with _rule.rule_log(snakemake.log[0]):
        config = snakemake.params.config
        embeddings = read_embeddings(snakemake.input.embeddings)
        uncertainty = config["bootstrap_draws"], config["confidence"], snakemake.params.seed
        rows, probe = evaluate_ad_cn(embeddings, config["probe_c_grid"], *uncertainty)
        rows += evaluate_age(embeddings, config["probe_alpha_grid"], *uncertainty)
        write_table(snakemake.output.table, pd.DataFrame(rows))
        write_json(snakemake.output.probe, probe_summary(probe, embeddings))
