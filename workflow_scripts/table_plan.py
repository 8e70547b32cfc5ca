"""Plan the run."""

import _rule  # first: puts this checkout on the path

from ldae.config.partial import partial_config
from ldae.evaluation.tables.plan import tabulate_plan
from ldae.evaluation.tables.result import write_result
from ldae.planning.resources import count_sides

if __name__ == "__main__":
    with _rule.job(snakemake):
        config = partial_config(snakemake.params.config, snakemake.params.computed)
        table = tabulate_plan(config, count_sides(snakemake.input.scans))
        write_result(snakemake.output[0], table, snakemake.params.cohort)
