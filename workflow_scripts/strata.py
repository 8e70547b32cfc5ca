"""Look up by what the subjects are stratified."""

import _rule  # first: puts this checkout on the path

from ldae.cohort.adni.merge import write_strata

if __name__ == "__main__":
    with _rule.job(snakemake, private=True):
        write_strata(list(snakemake.input.manifests), snakemake.input.clinical_dir, snakemake.output.strata)
