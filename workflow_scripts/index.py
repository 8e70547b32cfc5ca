"""List the images of a BIDS dataset."""

import _rule  # first: puts this checkout on the path

from ldae.cohort.bids.index import write_index

if __name__ == "__main__":
    with _rule.rule_log(snakemake.log[0]):
        write_index(
            snakemake.input.bids_dir,
            snakemake.params.source,
            list(snakemake.params.prefer),
            shard_tables=list(snakemake.output.shards),
            findings=snakemake.params.findings,
        )
