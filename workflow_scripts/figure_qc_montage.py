"""Draw the QC montage."""

import _rule  # first: puts this checkout on the path

from ldae.report.figures import draw_qc_montage

if __name__ == "__main__":
    with _rule.rule_log(snakemake.log[0]):
        draw_qc_montage(snakemake.input[0], snakemake.output[0], snakemake.params.scans)
