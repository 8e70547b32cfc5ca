"""Draw the QC montage."""

import _rule  # first: puts this checkout on the path

from ldae.config.preprocessing import QCConfig
from ldae.report.qc_montage import draw_qc_montage

if __name__ == "__main__":
    with _rule.job(snakemake):
        qc = QCConfig(**snakemake.params.config["qc"])
        count, phantom = snakemake.params.scans, snakemake.params.phantom
        draw_qc_montage(snakemake.input[0], qc, snakemake.output[0], count, phantom=phantom)
