"""The tiny workflow on a download with private text in all its headers, and what is held against an undisturbed run."""

from __future__ import annotations

import shutil
from pathlib import Path

from tests.planted_download import plant
from tests.workflow.conftest import Workflow, copy_sources
from tests.workflow.test_privacy import readable, secrets_in

TINY = Path(__file__).parents[1] / "workflow" / "tiny.yaml"

# Trainings that last, so that a signal meets them at work.
LONGER = """
autoencoder: {training: {steps: 24}}
ldm: {training: {steps: 120}}
representation: {training: {steps: 48}}
"""


def planted_workflow(folder: Path) -> Workflow:
    """The tiny workflow with an empty working directory, ``run``, and a planted download beside it."""
    tiny = Path(shutil.copy2(TINY, folder / "tiny.yaml"))
    checkout = copy_sources(folder / "checkout")
    for name in ("phantom", "run"):
        (folder / name).mkdir()
    Workflow(checkout, folder / "phantom", (tiny,)).run("--cores", "2", "phantom")
    download = (folder / "phantom" / "results" / "phantom").rename(folder / "download")
    plant(download / "images")
    (folder / "longer.yaml").write_text(LONGER, encoding="utf-8")
    paths = f"cohort: {{source: adni, dicom_dir: {download}/images, clinical_dir: {download}/clinical}}\n"
    return Workflow(checkout, folder / "run", (tiny, folder / "longer.yaml")).with_overlay(folder / "paths.yaml", paths)


def in_another_place(workflow: Workflow, folder: Path) -> Workflow:
    """The same workflow with an empty working directory of its own."""
    (folder / "run").mkdir()
    return Workflow(workflow.checkout, folder / "run", workflow.overlays)


def differing_tables(one: Path, other: Path) -> list[str]:
    """Tables of results that are not the same byte by byte; none of the first target's holds a measured time."""
    names = {path.name for folder in (one, other) for path in (folder / "results" / "tables").glob("*.csv")}
    assert names
    files = [[folder / "results" / "tables" / name for folder in (one, other)] for name in sorted(names)]
    return [pair[0].name for pair in files if len({path.read_bytes() if path.is_file() else b"" for path in pair}) > 1]


def leaks(*folders: Path) -> dict[str, list[str]]:
    """Planted texts in the files of folders, or in their names, by file."""
    files = [path for folder in folders for path in folder.rglob("*") if path.is_file()]
    found = {str(path): secrets_in(readable(path)) + secrets_in(path.name.encode()) for path in files}
    return {path: secrets for path, secrets in found.items() if secrets}
