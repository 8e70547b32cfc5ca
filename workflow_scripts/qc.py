"""Judge the preprocessed scans."""

import _rule  # first: puts this checkout on the path

from ldae.config.preprocessing import QCConfig
from ldae.preprocessing.qc_table import build_qc

if __name__ == "__main__":
    with _rule.job(snakemake):
        build_qc(
            list(snakemake.input.manifests),
            QCConfig(**snakemake.params.config["qc"]),
            overrides=next(iter(snakemake.input.overrides), None),
            qc=snakemake.output.qc,
            effects=snakemake.output.effects,
            description=snakemake.output.description,
            max_lost_fraction=snakemake.params.max_lost_fraction,
        )
