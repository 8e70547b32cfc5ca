"""State which subjects every fitted thing saw; stop if one of them is a test subject."""

import _rule  # first: puts this checkout on the path

from ldae.data.scans import read_scans
from ldae.evaluation.tables.leakage import read_fitted, tabulate_leakage
from ldae.evaluation.tables.result import write_result

if __name__ == "__main__":
    with _rule.job(snakemake):
        fitted = read_fitted(
            snakemake.input.weights,
            snakemake.input.embeddings,
            snakemake.input.probes,
            trained=snakemake.input.trained,
            external=snakemake.input.external,
        )
        table = tabulate_leakage(fitted, read_scans(snakemake.input.scans))
        write_result(snakemake.output[0], table, snakemake.params.cohort)
