"""Cut the index of a BIDS dataset into shards."""

import _rule  # first: puts this checkout on the path

from ldae.cohort.bids.index import cut_shards

if __name__ == "__main__":
    with _rule.rule_log(snakemake.log[0]):
        cut_shards(snakemake.input.conversion, list(snakemake.output))
