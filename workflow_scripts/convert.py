"""Convert one shard of subjects to BIDS."""

import _rule  # first: puts this checkout on the path

from ldae.cohort.adni.conversion import convert_shard

if __name__ == "__main__":
    with _rule.rule_log(snakemake.log[0]):  # noqa: F821
        params = snakemake.params  # noqa: F821
        convert_shard(
            snakemake.input.inventory,  # noqa: F821
            snakemake.output.manifest,  # noqa: F821
            snakemake.output.visits,  # noqa: F821
            dicom_dir=params.dicom_dir,
            clinical_dir=params.clinical_dir,
            bids_dir=params.bids_dir,
            state_dir=params.state_dir,
            timeout_s=params.timeout_s,
            code=params.code,
            workers=snakemake.threads,  # noqa: F821
        )
