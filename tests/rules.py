"""The workflow's rules as Snakemake parses them."""

from __future__ import annotations

import os
import tempfile
from functools import cache
from pathlib import Path

import yaml
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

from ldae.config.load import load_config
from ldae.systems.description import FILES, MODEL, write_description

ROOT = Path(__file__).resolve().parents[1]


@cache
def script_rules(source: str = "phantom") -> dict[str, Rule]:
    """The rules that run a script, by name.

    Parameters
    ----------
    source : `cohort.source`; ``phantom`` gives ADNI's rules as well; ``taken`` is a phantom with `models_from`
    """
    with tempfile.TemporaryDirectory() as folder:
        if source == "taken":
            return parse_rules({"models_from": describe_nothing(folder, {})}, folder)
        return parse_rules({"cohort": _folders(source, folder)}, folder)


def describe_nothing(folder: str | Path, settings: dict) -> str:
    """A folder below `folder` that says it is a model of `settings`, laid over config.yaml; its files are empty."""
    models, overlay = Path(folder, "taken"), Path(folder, "taken.yaml")
    models.mkdir()
    overlay.write_text(yaml.safe_dump(settings), encoding="utf-8")
    for name in FILES:
        (models / name).touch()
    write_description(models, load_config(ROOT / "config.yaml", overlay), {}, True, models / MODEL)
    return str(models)


def parse_rules(settings: dict, folder: str | Path) -> dict[str, Rule]:
    """The rules that run a script, by name, with `settings` laid over config.yaml, as seen from `folder`.

    A rule made in a loop names its script in a param; here it has it like the others.
    """
    here = Path.cwd()
    with SnakemakeApi(OutputSettings()) as api:
        workflow = api.workflow(
            resource_settings=ResourceSettings(cores=1),
            config_settings=ConfigSettings(config=settings),
            storage_settings=StorageSettings(),
            workflow_settings=WorkflowSettings(),
            deployment_settings=DeploymentSettings(),
            snakefile=ROOT / "Snakefile",
            workdir=Path(folder),
        )
        rules = {rule.name: rule for rule in workflow._workflow.rules if rule.script}
        os.chdir(here)
    for rule in rules.values():
        rule.script = str(rule.script).replace("{params.script}", str(dict(rule.params).get("script")))
    return rules


def _folders(source: str, folder: str) -> dict[str, str]:
    if source == "phantom":
        return {}
    keys = ("bids_dir",) if source == "bids" else ("dicom_dir", "clinical_dir")
    return {"source": source} | dict.fromkeys(keys, folder)
