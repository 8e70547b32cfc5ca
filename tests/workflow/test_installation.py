"""Before the first job: Snakemake alone plans, conda installs the lock, paths that cannot work are refused."""

import json
import os
import re
import shutil
import subprocess
import sys
from importlib.metadata import distribution
from pathlib import Path

import pytest
from packaging.requirements import Requirement

from ldae.config.load import load_config
from ldae.files import write_json
from ldae.systems.description import FORMAT, ModelDescription
from tests.bids_dataset import describe, write_image
from tests.workflow.conftest import ROOT, Workflow, copy_sources


def distributions_of(name):
    """The files of a distribution and of all it requires, by distribution."""
    found, waiting = {}, [name]
    while waiting:
        name = waiting.pop()
        if name not in found:
            installed = distribution(name)
            found[name] = installed.files
            requirements = [Requirement(line) for line in installed.requires or []]
            waiting += [each.name for each in requirements if not each.marker or each.marker.evaluate({"extra": ""})]
    return found


@pytest.fixture(scope="module")
def snakemake_alone(tmp_path_factory):
    """The Python of an environment that holds Snakemake and what it requires, nothing else."""
    folder = tmp_path_factory.mktemp("alone")
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", folder], check=True)
    (packages,) = folder.glob("lib/python*/site-packages")
    here = Path(distribution("snakemake").locate_file(""))
    tops = {file.parts[0] for files in distributions_of("snakemake").values() for file in files}
    for top in tops - {"..", "__pycache__"}:
        (packages / top).symlink_to(here / top)
    return folder / "bin" / "python"


@pytest.mark.parametrize("source", ["phantom", "adni", "bids", "oasis", "models_from"])
def test_snakemake_alone_plans_every_kind_of_run(snakemake_alone, tmp_path, source):
    for name in ("images", "tables"):
        (tmp_path / name).mkdir()
    config = load_config(ROOT / "config.yaml").model_dump(mode="json")
    model = ModelDescription(format=FORMAT, phantom=True, config=config, files={}, cohort={})
    write_json(tmp_path / "trained" / "model.json", model.model_dump())
    describe(tmp_path / "bids")
    write_image(tmp_path / "bids", "sub-01_T1w")
    own = f"cohort: {{source: {source}, dicom_dir: {tmp_path}/images, clinical_dir: {tmp_path}/tables}}\n"
    overlay = {
        "phantom": "seed: 1\n",
        "bids": f"cohort: {{source: bids, bids_dir: {tmp_path}/bids}}\n",
        "models_from": f"models_from: {tmp_path}/trained\n",
    }.get(source, own)
    (tmp_path / "own.yaml").write_text(overlay, encoding="utf-8")
    command = [snakemake_alone, "-I", "-m", "snakemake", "--snakefile", ROOT / "Snakefile", "--dry-run", "--cores", "2"]
    command += ["--directory", tmp_path / "run", "--configfile", tmp_path / "own.yaml"]
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    assert done.returncode == 0, done.stdout[-4000:]
    assert "table_downstream" in done.stdout


def test_the_environment_with_snakemake_alone_is_that(snakemake_alone):
    code = "import importlib.util as u; print([n for n in ('pandas', 'numpy', 'torch') if u.find_spec(n)])"
    done = subprocess.run([snakemake_alone, "-I", "-c", code], stdout=subprocess.PIPE, text=True, check=True)
    assert done.stdout.strip() == "[]"


FAKE_CONDA = """\
#!{python}
import json, os, sys
from pathlib import Path
if sys.argv[1] == "--version":
    print("conda 26.7.1")
elif sys.argv[1] == "info":
    info = {{"conda_version": "26.7.1", "platform": "linux-64", "root_prefix": "{root}", "conda_prefix": "{root}"}}
    print(json.dumps(info))
elif sys.argv[1] == "config":
    print(json.dumps({{"get": {{"channel_priority": "strict"}}}}))
elif sys.argv[1] == "env":
    prefix = Path(sys.argv[sys.argv.index("--prefix") + 1])
    (prefix / "bin").mkdir(parents=True)
    fake = prefix / "bin" / "python"
    fake.write_text('#!/bin/sh\\nif [ "$1" = -m ]; then echo "$@" >> {root}/pip.log; else exec {python} "$@"; fi\\n')
    fake.chmod(0o755)
"""


@pytest.fixture
def conda(tmp_path, monkeypatch):
    """A program that takes conda's place: its environments hold a Python that writes down what pip is to install."""
    root = tmp_path / "conda"
    (root / "bin").mkdir(parents=True)
    (root / "bin" / "activate").write_text('export PATH="$1/bin:$PATH"\n', encoding="utf-8")
    program = root / "bin" / "conda"
    program.write_text(FAKE_CONDA.format(python=sys.executable, root=root), encoding="utf-8")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{root / 'bin'}:{os.environ['PATH']}")
    return root


def test_a_conda_environment_gets_the_lock_and_a_new_lock_another(conda, tmp_path):
    workflow = Workflow(copy_sources(tmp_path / "checkout"), tmp_path)
    lock = workflow.checkout / "requirements.lock"
    workflow.run("--cores", "1", "--use-conda", "--conda-create-envs-only")
    torch, torchvision = re.findall(r"(?m)^torch(?:vision)?==.*$", lock.read_text(encoding="utf-8"))
    assert (conda / "pip.log").read_text(encoding="utf-8").splitlines() == [
        f"-m pip install --constraint {lock} {torch} {torchvision}",
        f"-m pip install --no-deps --requirement {lock}",
    ]
    made = list((tmp_path / ".snakemake" / "conda").glob("*_"))
    lock.write_text(lock.read_text(encoding="utf-8").replace(torch, "torch==99"), encoding="utf-8")
    script = workflow.checkout / "envs" / "ldae.post-deploy.sh"
    script.write_text(script.read_text(encoding="utf-8").replace("sha256=", "sha256=0"), encoding="utf-8")
    output = workflow.run("--cores", "1", "--use-conda", "--conda-create-envs-only", check=False)
    assert "check out both at one commit" in output, "the script belongs to another lock"
    assert made == list((tmp_path / ".snakemake" / "conda").glob("*_"))


def test_a_space_in_the_path_of_the_interpreter_is_refused_before_anything_starts(fresh, tmp_path):
    environment = tmp_path / "a b"
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", environment], check=True)
    (packages,) = environment.glob("lib/python*/site-packages")
    (packages / "tests.pth").write_text(str(distribution("snakemake").locate_file("")), encoding="utf-8")
    command = [environment / "bin" / "python", "-m", "snakemake", "--snakefile", ROOT / "Snakefile", "--cores", "1"]
    command += ["--directory", fresh.directory]
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    assert done.returncode != 0
    assert "a Python whose path has no spaces or quotes" in done.stdout and "cure:" in done.stdout
    assert not (fresh.directory / "results").exists()


def test_make_refuses_a_checkout_with_a_space_before_it_installs(tmp_path):
    checkout = tmp_path / "a b"
    checkout.mkdir()
    shutil.copy2(ROOT / "Makefile", checkout)
    done = subprocess.run(["make", "demo"], cwd=checkout, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    assert done.returncode != 0
    assert "expected a path without spaces" in done.stdout
    assert not (checkout / ".venv").exists()


@pytest.mark.parametrize(
    "home, own, cache", [("/proc/none", {}, ".cache"), ("/proc/none", {"XDG_CACHE_HOME": "/x"}, "/x"), ("", {}, "")]
)
def test_make_gives_snakemake_a_cache_where_there_is_no_home(tmp_path, home, own, cache):
    environment = {"PATH": os.environ["PATH"], "HOME": home or str(tmp_path)} | own
    shutil.copy2(ROOT / "Makefile", tmp_path)
    command = ["make", "--silent", "--eval", "shown:; @echo $$XDG_CACHE_HOME", "shown"]
    done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == (str(tmp_path / cache) if cache else "")


@pytest.mark.parametrize("place", ["checkout", "working directory", "setting"])
def test_braces_in_a_path_are_refused_before_anything_starts(tmp_path, place):
    named = {
        name: tmp_path / ("a{b}" if name == place else "plain") / name for name in ("checkout", "working directory")
    }
    checkout = copy_sources(named["checkout"])
    named["working directory"].mkdir(parents=True)
    (tmp_path / "a{b}").mkdir(exist_ok=True)
    overlay = tmp_path / "own.yaml"
    folder = tmp_path / ("a{b}" if place == "setting" else "plain")
    overlay.write_text(json.dumps({"split": {"file": str(folder)}}) if place == "setting" else "seed: 1\n")
    output = Workflow(checkout, named["working directory"], (overlay,)).run("--cores", "1", check=False)
    assert "a path without { and }" in output and "cure:" in output


def test_other_odd_characters_do_no_harm(tmp_path):
    folder = tmp_path / "it's a $b & (c) é"
    workflow = Workflow(copy_sources(folder / "checkout"), folder, (ROOT / "tests" / "workflow" / "tiny.yaml",))
    workflow.run("--cores", "1", "check")
    assert (folder / "results/cohort/findings.csv").is_file()
