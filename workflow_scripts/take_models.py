"""Take a model that was trained on another cohort."""

from pathlib import Path

import _rule  # first: puts this checkout on the path

from ldae.systems.taken import take_models

if __name__ == "__main__":
    with _rule.job(snakemake):
        take_models(snakemake.params.folder, snakemake.input.scans, Path(snakemake.output.model).parent)
