"""Check the download and list the images to convert."""

import _rule  # first: puts this checkout on the path

from ldae.cohort.adni.preflight import write_check

if __name__ == "__main__":
    with _rule.rule_log(snakemake.log[0]):
        write_check(
            snakemake.input.dicom_dir,
            snakemake.input.clinical_dir,
            inventory=snakemake.output.inventory,
            quarantine=snakemake.output.quarantine,
            shard_tables=list(snakemake.output.shards),
            findings=snakemake.params.findings,
            state=snakemake.params.state,
            workers=snakemake.threads,
        )
