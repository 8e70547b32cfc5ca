"""Preprocess one shard of scans."""

import _rule  # first: puts this checkout on the path

from ldae.config.preprocessing import PreprocessingConfig
from ldae.preprocessing.mask_limits import MaskLimits
from ldae.preprocessing.shard import preprocess_shard

if __name__ == "__main__":
    with _rule.job(snakemake, private=True):
        preprocess_shard(
            snakemake.input.images,
            snakemake.output.manifest,
            snakemake.params.output_dir,
            PreprocessingConfig(**snakemake.params.config["preprocessing"]),
            MaskLimits(**snakemake.params.config["qc"]),
            code=snakemake.params.image_code,
            workers=snakemake.threads,
        )
