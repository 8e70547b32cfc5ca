"""Merge the shards into one BIDS dataset."""

import _rule  # first: puts this checkout on the path

from ldae.cohort.adni.merge import merge_shards

if __name__ == "__main__":
    with _rule.job(snakemake, private=True):
        merge_shards(
            list(snakemake.input.manifests),
            snakemake.input.clinical_dir,
            conversion=snakemake.output.conversion,
            visits=snakemake.output.visits,
            participants=snakemake.output.participants,
            description=snakemake.output.description,
            max_lost_fraction=snakemake.params.max_lost_fraction,
        )
