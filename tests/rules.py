"""The workflow's rules as Snakemake parses them."""

from __future__ import annotations

import os
import tempfile
from functools import cache
from pathlib import Path

from snakemake.api import SnakemakeApi
from snakemake.rules import Rule
from snakemake.settings.types import (
    ConfigSettings,
    DeploymentSettings,
    OutputSettings,
    ResourceSettings,
    StorageSettings,
    WorkflowSettings,
)

ROOT = Path(__file__).resolve().parents[1]


@cache
def script_rules(source: str = "phantom") -> dict[str, Rule]:
    """The rules that run a script, by name.

    Parameters
    ----------
    source : `cohort.source`; ``phantom`` gives ADNI's rules as well
    """
    here = Path.cwd()
    with (
        tempfile.TemporaryDirectory() as folder,
        SnakemakeApi(OutputSettings()) as api,
    ):
        workflow = api.workflow(
            resource_settings=ResourceSettings(cores=1),
            config_settings=ConfigSettings(config={"cohort": _folders(source, folder)}),
            storage_settings=StorageSettings(),
            workflow_settings=WorkflowSettings(),
            deployment_settings=DeploymentSettings(),
            snakefile=ROOT / "Snakefile",
            workdir=Path(folder),
        )
        rules = {rule.name: rule for rule in workflow._workflow.rules if rule.script}
        os.chdir(here)
    return rules


def _folders(source: str, folder: str) -> dict[str, str]:
    if source == "phantom":
        return {}
    keys = ("bids_dir",) if source == "bids" else ("dicom_dir", "clinical_dir")
    return {"source": source} | dict.fromkeys(keys, folder)
