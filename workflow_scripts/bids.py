"""Merge the shards into one BIDS dataset."""

import _rule  # first: puts this checkout on the path

from ldae.cohort.adni.merge import merge_shards

if __name__ == "__main__":
    with _rule.rule_log(snakemake.log[0]):  # noqa: F821
        merge_shards(
            list(snakemake.input.manifests),  # noqa: F821
            list(snakemake.input.visits),  # noqa: F821
            report=snakemake.output.report,  # noqa: F821
            visits=snakemake.output.visits,  # noqa: F821
            participants=snakemake.output.participants,  # noqa: F821
            description=snakemake.output.description,  # noqa: F821
        )
