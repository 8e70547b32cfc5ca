"""Write the table of scans and split it by subject."""

import _rule  # first: puts this checkout on the path

from ldae.cohort.dataset import build_dataset
from ldae.config.cohort import SplitConfig

if __name__ == "__main__":
    with _rule.rule_log(snakemake.log[0]):  # noqa: F821
        output = snakemake.output  # noqa: F821
        build_dataset(
            snakemake.input.conversion,  # noqa: F821
            snakemake.input.quarantine,  # noqa: F821
            list(snakemake.input.manifests),  # noqa: F821
            SplitConfig(**snakemake.params.config["split"]),  # noqa: F821
            seed=snakemake.params.config["seed"],  # noqa: F821
            overrides=next(iter(snakemake.input.overrides), None),  # noqa: F821
            dataset=output.dataset,
            qc=output.qc,
            effects=output.effects,
            exclusions=output.exclusions,
            description=output.description,
            latents_dir=snakemake.params.latents_dir,  # noqa: F821
        )
