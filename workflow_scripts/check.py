"""Check the download."""

import _rule  # first: puts this checkout on the path

from ldae.cohort.adni.preflight import write_check
from ldae.cohort.pilot import Pilot

if __name__ == "__main__":
    with _rule.job(snakemake, private=True):
        params = snakemake.params
        write_check(
            snakemake.input.dicom_dir,
            snakemake.input.clinical_dir,
            quarantine=snakemake.output.quarantine,
            findings=params.findings,
            state=params.state,
            workers=snakemake.threads,
            pilot=Pilot(params.subjects, params.sessions, params.seed, params.exclude),
        )
