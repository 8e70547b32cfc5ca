"""Convert a download with one of Clinica's converters."""

import _rule  # first: puts this checkout on the path

from ldae.cohort.converters import convert_download

if __name__ == "__main__":
    with _rule.job(snakemake, private=True):
        params = snakemake.params
        convert_download(
            params.source,
            snakemake.input.dicom_dir,
            params.clinical_dir,
            snakemake.output.bids,
            arguments=list(params.arguments),
            timeout_s=params.timeout_s,
            lost=snakemake.output.lost,
            log=snakemake.log.clinica,
        )
