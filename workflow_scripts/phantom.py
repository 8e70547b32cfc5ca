"""Fabricate the phantom download."""

import _rule  # first: puts this checkout on the path

from ldae.config.cohort import PhantomConfig
from ldae.phantom.download import make_phantom

if __name__ == "__main__":
    with _rule.job(snakemake):
        config = snakemake.params.config
        make_phantom(
            PhantomConfig(**config["phantom"]),
            seed=config["seed"],
            images_dir=snakemake.output.images,
            clinical_dir=snakemake.output.clinical,
            truth_path=snakemake.output.truth,
            workers=snakemake.threads,
        )
