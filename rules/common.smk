"""The checked configuration, shards and names that every stage uses."""

import os
import sys
from pathlib import Path

sys.path.insert(0, workflow.basedir)

from snakemake.exceptions import WorkflowError

try:
    from ldae.allocation import GLIBC_KEEPS_MEMORY
    from ldae.config import parse_config
    from ldae.errors import UserError
    from ldae.files import hash_modules
except ModuleNotFoundError as error:
    raise WorkflowError(
        f"The environment Snakemake runs in lacks {error.name}. Take the one that `make demo` creates "
        "(source .venv/bin/activate), or add what the Snakefile needs beside Snakemake: pip install pydantic pandas"
    )

for variable, value in GLIBC_KEEPS_MEMORY.items():
    os.environ.setdefault(variable, value)  # every job inherits it

CONFIG = parse_config(config, "the configuration (config.yaml, --configfile, --config)")
SHARDS = list(range(CONFIG.cohort.shards))
ENV = f"{workflow.basedir}/envs/ldae.yaml"
IS_PHANTOM = CONFIG.cohort.is_phantom


wildcard_constraints:
    shard=r"\d+",


def section(*names):
    """Plain dicts of config sections, so that a job's environment needs no `ldae` to unpickle its params."""
    parts = {name: getattr(CONFIG, name) for name in names}
    return {name: p.model_dump() if hasattr(p, "model_dump") else p for name, p in parts.items()}


def evaluation(*names):
    """Single keys of the section `evaluation`: changing a probe's setting leaves reconstructions alone."""
    return {name: getattr(CONFIG.evaluation, name) for name in names}


def check_paths():
    """Fail before hours are spent where the configuration points to nothing."""
    paths = {f"cohort.{key}": getattr(CONFIG.cohort, key) for key in CONFIG.cohort.folders}
    paths |= {
        "autoencoder.perceptual_weights": CONFIG.autoencoder.perceptual_weights,
        "representation.backbone_weights": CONFIG.representation.backbone_weights,
        "evaluation.lpips_weights": CONFIG.evaluation.lpips_weights,
        "evaluation.medicalnet_weights": CONFIG.evaluation.medicalnet_weights,
        "qc_overrides": CONFIG.qc_overrides,
    }
    for key, path in paths.items():
        if path and not (IS_PHANTOM and path.startswith("results/phantom/")) and not Path(path).exists():
            found = f"nothing there (seen from {Path.cwd()})"
            raise UserError(f"{key}: {path}", "an existing path", found, "correct the path")


check_paths()
