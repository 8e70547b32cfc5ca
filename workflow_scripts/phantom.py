"""Fabricate the phantom download."""

import _rule  # first: puts this checkout on the path

from ldae.config.cohort import PhantomConfig
from ldae.phantom.download import make_phantom

if __name__ == "__main__":
    with _rule.rule_log(snakemake.log[0]):  # noqa: F821
        config = snakemake.params.config  # noqa: F821
        make_phantom(
            PhantomConfig(**config["phantom"]),
            seed=config["seed"],
            images_dir=snakemake.output.images,  # noqa: F821
            clinical_dir=snakemake.output.clinical,  # noqa: F821
            truth_path=snakemake.output.truth,  # noqa: F821
            workers=snakemake.threads,  # noqa: F821
        )
