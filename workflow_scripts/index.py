"""List the images of a BIDS dataset."""

import _rule  # first: puts this checkout on the path

from ldae.cohort.bids.index import write_index
from ldae.cohort.pilot import Pilot

if __name__ == "__main__":
    with _rule.job(snakemake, private=True):
        params = snakemake.params
        write_index(
            snakemake.input.bids_dir,
            params.source,
            list(params.prefer),
            Pilot(params.subjects, params.sessions, params.seed, params.exclude),
            shard_tables=list(snakemake.output.shards),
            findings=params.findings,
        )
