"""Age, sex, brain volume and the scanner as features."""

import _rule  # first: puts this checkout on the path

from ldae.evaluation.features.demographics import write_demographics

if __name__ == "__main__":
    with _rule.job(snakemake):
        write_demographics(snakemake.input.dataset, snakemake.input.qc, dict(snakemake.output.items()))
