"""Fit and score the linear probes of every encoder on every task."""

import _rule  # first: puts this checkout on the path

from ldae.evaluation.features.embeddings import read_embeddings
from ldae.evaluation.statistics.probes import summarise_probe
from ldae.evaluation.tables.downstream import LDAE, TASKS, Settings, evaluate_encoders, fit_task, of_task
from ldae.files import write_json, write_table

if __name__ == "__main__":
    with _rule.rule_log(snakemake.log[0]):
        config = snakemake.params.config
        settings = Settings(
            **config["probes"],
            **config["bootstrap"],
            seed=snakemake.params.seed,
        )
        names = snakemake.params.encoders
        encoders = {names[key]: read_embeddings(path) for key, path in snakemake.input.items()}
        table, seen = evaluate_encoders(encoders, settings)
        write_table(snakemake.output.table, table)
        write_json(snakemake.output.subjects, seen)
        if "probe" in dict(snakemake.output.items()):
            ad_vs_cn = TASKS[0]
            embeddings = of_task(encoders[LDAE], ad_vs_cn)
            probe = fit_task(ad_vs_cn, embeddings, settings)
            write_json(snakemake.output.probe, summarise_probe(probe, embeddings, *ad_vs_cn.diagnoses))
