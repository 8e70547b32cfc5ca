"""Preprocess one shard of scans."""

import _rule  # first: puts this checkout on the path

from ldae.config.preprocessing import PreprocessingConfig, QCConfig
from ldae.preprocessing.shard import preprocess_shard

if __name__ == "__main__":
    with _rule.rule_log(snakemake.log[0]):  # noqa: F821
        preprocess_shard(
            snakemake.input[0],  # noqa: F821
            snakemake.output.manifest,  # noqa: F821
            snakemake.params.output_dir,  # noqa: F821
            PreprocessingConfig(**snakemake.params.config["preprocessing"]),  # noqa: F821
            QCConfig(**snakemake.params.config["qc"]),  # noqa: F821
            code=snakemake.params.code,  # noqa: F821
            workers=snakemake.threads,  # noqa: F821
        )
