"""A copy of the checkout, a working directory elsewhere, and the tiny DAG run once in it."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import IO

import pytest

from tests.planted_download import damage_subjects, name_folders, plant, write_into_tables

ROOT = Path(__file__).resolve().parents[2]
SOURCES = ("Snakefile", "config.yaml", "requirements.lock")
FOLDERS = ("presets", "profiles", "rules", "workflow_scripts", "ldae", "envs")


@dataclass(frozen=True)
class Workflow:
    """Snakemake on one checkout, in one working directory."""

    checkout: Path
    directory: Path
    overlays: tuple[Path, ...] = ()

    def start(
        self, *arguments: str, stdout: int | IO[str] = subprocess.PIPE, environment: Mapping[str, str] | None = None
    ) -> subprocess.Popen[str]:
        """Start Snakemake; all it prints goes to `stdout`."""
        command = [sys.executable, "-m", "snakemake", "--snakefile", self.checkout / "Snakefile"]
        command += ["--directory", self.directory]
        if self.overlays:
            command += ["--configfile", *self.overlays]
        path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
        return subprocess.Popen(
            [*map(str, command), *arguments],
            env=os.environ | {"PATH": path} | dict(environment or {}),
            cwd=self.directory,
            stdout=stdout,
            stderr=subprocess.STDOUT,
            text=True,
        )

    def run(self, *arguments: str, check: bool = True) -> str:
        """Run Snakemake and return all it printed; with `check`, fail on a nonzero exit, else on exit 0."""
        with self.start(*arguments) as process:
            printed, _ = process.communicate()
        assert (process.returncode == 0) == check, f"exit {process.returncode}\n{printed[-8000:]}"
        return printed

    def plan(self, *arguments: str) -> dict[str, int]:
        """The rules that would run, with their numbers of jobs."""
        output = self.run("--cores", "2", "--dry-run", *arguments)
        table = re.search(r"Job stats:\n.*\n-.*\n((?:\w+ +\d+\n)+)", output)
        jobs = dict(line.split() for line in table[1].splitlines()) if table else {}
        return {
            rule: int(count)
            for rule, count in jobs.items()
            if rule not in ("total", "all", "tables", "figures", "downstream")
        }

    def with_overlay(self, path: Path, text: str) -> Workflow:
        """The same workflow with one more config file laid over."""
        path.write_text(text, encoding="utf-8")
        return Workflow(self.checkout, self.directory, (*self.overlays, path))

    def read(self, path: str) -> str:
        """Text of a file below the working directory."""
        return (self.directory / path).read_text(encoding="utf-8")


def copy_sources(folder: Path) -> Path:
    """Copy what the workflow runs on, without anything installed or derived."""
    for name in (*SOURCES, *FOLDERS):
        source, target = ROOT / name, folder / name
        if source.is_dir():
            shutil.copytree(source, target, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            folder.mkdir(parents=True, exist_ok=True)
            shutil.copy2(source, target)
    return folder


def listing(folder: Path) -> dict[str, int]:
    """Files of a folder with their sizes, without Python's own."""
    files = (path for path in folder.rglob("*") if path.is_file() and "__pycache__" not in path.parts)
    return {str(path.relative_to(folder)): path.stat().st_size for path in files}


@pytest.fixture
def fresh(tmp_path):
    """The default workflow of this checkout in an empty working directory."""
    directory = tmp_path / "run"
    directory.mkdir()
    return Workflow(ROOT, directory)


@pytest.fixture(scope="session")
def tiny(tmp_path_factory):
    """The tiny DAG, run from DICOM to the last table by a copy of the checkout."""
    folder = tmp_path_factory.mktemp("tiny")
    directory = folder / "run"
    directory.mkdir()
    overlay = shutil.copy2(Path(__file__).parent / "tiny.yaml", folder / "tiny.yaml")
    workflow = Workflow(copy_sources(folder / "checkout"), directory, (Path(overlay),))
    before = listing(workflow.checkout)
    workflow.run("--cores", "2")
    assert listing(workflow.checkout) == before, "something was written into the checkout"
    return workflow


@pytest.fixture(scope="session")
def planted(tmp_path_factory):
    """Phantoms with private text in headers, names and tables, some of them damaged, taken from DICOM to the QC page.

    Temporary files go to the folder `tmp` beside the run. The workflow, all it printed, and the subjects without an
    image in the end.
    """
    folder = tmp_path_factory.mktemp("planted")
    tiny_yaml = Path(shutil.copy2(Path(__file__).parent / "tiny.yaml", folder / "tiny.yaml"))
    checkout = copy_sources(folder / "checkout")
    for name in ("phantom", "run"):
        (folder / name).mkdir()
    workflow = Workflow(checkout, folder / "phantom", (tiny_yaml,))
    small = "phantom: {subjects: 11, visits_per_subject: [1.0, 0.0]}\n"
    workflow.with_overlay(folder / "phantom.yaml", small).run("--cores", "2", "phantom")
    download = (folder / "phantom" / "results" / "phantom").rename(folder / "download")
    plant(download / "images")
    write_into_tables(download / "clinical")
    damaged = [*damage_subjects(download / "images"), name_folders(download / "images")]
    paths = f"cohort: {{source: adni, dicom_dir: {download}/images, clinical_dir: {download}/clinical}}\n"
    workflow = Workflow(checkout, folder / "run", (tiny_yaml,)).with_overlay(folder / "paths.yaml", paths)
    (folder / "tmp").mkdir()
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TMPDIR", str(folder / "tmp"))
        return workflow, workflow.run("--cores", "2", "preprocess_all"), damaged
