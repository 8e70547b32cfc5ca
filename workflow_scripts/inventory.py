"""List the images of the download."""

import _rule  # first: puts this checkout on the path

from ldae.cohort.adni.preflight import write_inventory

if __name__ == "__main__":
    with _rule.rule_log(snakemake.log[0]):
        write_inventory(
            snakemake.input.dicom_dir,
            snakemake.input.clinical_dir,
            inventory=snakemake.output.inventory,
            shard_tables=list(snakemake.output.shards),
            findings=snakemake.params.findings,
            state=snakemake.params.state,
            workers=snakemake.threads,
        )
