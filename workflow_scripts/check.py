"""Check the download and list the images to convert."""

import _rule  # first: puts this checkout on the path

from ldae.cohort.adni.preflight import write_check

if __name__ == "__main__":
    with _rule.rule_log(snakemake.log[0]):  # noqa: F821
        write_check(
            snakemake.input.dicom_dir,  # noqa: F821
            snakemake.input.clinical_dir,  # noqa: F821
            inventory=snakemake.output.inventory,  # noqa: F821
            quarantine=snakemake.output.quarantine,  # noqa: F821
            shard_tables=list(snakemake.output.shards),  # noqa: F821
            report=snakemake.params.report,  # noqa: F821
            state=snakemake.params.state,  # noqa: F821
            workers=snakemake.threads,  # noqa: F821
        )
