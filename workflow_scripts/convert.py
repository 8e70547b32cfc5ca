"""Convert one shard of subjects to BIDS."""

import _rule  # first: puts this checkout on the path

from ldae.cohort.adni.conversion import convert_shard

if __name__ == "__main__":
    with _rule.job(snakemake, private=True):
        params = snakemake.params
        convert_shard(
            snakemake.input.inventory,
            snakemake.output.manifest,
            dicom_dir=params.dicom_dir,
            clinical_dir=params.clinical_dir,
            bids_dir=params.bids_dir,
            state_dir=params.state_dir,
            timeout_s=params.timeout_s,
            code=params.code,
            workers=snakemake.threads,
        )
