"""Join the labels to the scans."""

import _rule  # first: puts this checkout on the path

from ldae.cohort.dataset import build_dataset

if __name__ == "__main__":
    with _rule.job(snakemake):
        build_dataset(
            snakemake.input.scans,
            snakemake.input.conversion,
            snakemake.input.qc,
            snakemake.input.quarantine,
            overrides=snakemake.params.overrides,
            latents_dir=snakemake.params.latents_dir,
            dataset=snakemake.output.dataset,
            exclusions=snakemake.output.exclusions,
        )
