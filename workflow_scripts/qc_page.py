"""Write the page of quality control."""

import _rule  # first: puts this checkout on the path

from ldae.config.preprocessing import QCConfig
from ldae.report.qc_page import write_qc_page

if __name__ == "__main__":
    with _rule.job(snakemake):
        qc = QCConfig(**snakemake.params.config["qc"])
        write_qc_page(snakemake.input.qc, snakemake.input.overrides, qc, snakemake.output[0])
