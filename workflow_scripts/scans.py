"""List the scans that are used."""

import _rule  # first: puts this checkout on the path

from ldae.cohort.scans import write_scans

if __name__ == "__main__":
    with _rule.job(snakemake):
        write_scans(snakemake.input.qc, snakemake.input.split, snakemake.output.scans)
