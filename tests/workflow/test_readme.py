"""Every command of the README exists and can run; `make demo` and `make test` are run for real elsewhere (CI)."""

import re
import shlex
import shutil
import subprocess
import sys
import textwrap

import pandas as pd
import pytest
import yaml

from tests.adni_download import Download
from tests.workflow.conftest import ROOT

README = (ROOT / "README.md").read_text(encoding="utf-8")
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
BLOCKS = re.findall(r"^ *```bash\n(.*?)^ *```", README, flags=re.DOTALL | re.MULTILINE)
COMMANDS = [line for block in BLOCKS for line in textwrap.dedent(block).splitlines()]
CONFIGS = {
    name: textwrap.dedent(block)
    for name, block in re.findall(
        r"`(my_\w+\.yaml)`:\n\n *```yaml\n(.*?)^ *```", README, flags=re.DOTALL | re.MULTILINE
    )
}


def snakemake(arguments, folder):
    """The arguments in a scratch working directory, as a dry run."""
    replaced = {name: str(folder / name) for name in CONFIGS} | {"../my_study": str(folder)}
    if "presets/paper.yaml" in arguments:
        arguments.insert(arguments.index("presets/paper.yaml") + 1, str(folder / "weights.yaml"))
    arguments = [replaced.get(argument, argument) for argument in arguments]
    if "--directory" not in arguments:
        arguments = ["--directory", str(folder), *arguments]
    return [sys.executable, "-m", "snakemake", *arguments, *["--dry-run"] * ("--dry-run" not in arguments)]


@pytest.fixture
def folder(tmp_path):
    """A working directory with the configurations that the README prints, their folders put here."""
    for name in ("adni/images", "adni/tables", "bids", "oasis/images", "oasis/tables"):
        (tmp_path / name).mkdir(parents=True)
    (tmp_path / "weights.pth").touch()  # in place of the published ones, which are a download
    named = "encoder: {{backbone_weights: {0}}}\nautoencoder: {{perceptual_weights: {0}}}\n"
    (tmp_path / "weights.yaml").write_text(named.format(tmp_path / "weights.pth"))
    for name, text in CONFIGS.items():
        (tmp_path / name).write_text(text.replace("/data/", f"{tmp_path}/"))
    return tmp_path


def test_every_configuration_has_a_name():
    assert list(CONFIGS) == ["my_adni.yaml", "my_bids.yaml", "my_oasis.yaml"]
    assert README.count("```yaml") == len(CONFIGS)


def test_the_first_screen_has_the_two_commands():
    assert [shlex.split(line, comments=True) for line in COMMANDS[:2]] == [["make", "demo"], ["make", "test"]]
    assert README.index("make test") < 2000


def test_ci_runs_the_test_command():
    assert (ROOT / ".ci" / "run").read_text(encoding="utf-8").rstrip().endswith("\nmake test")


@pytest.mark.parametrize("line", COMMANDS)
def test_a_command_can_run(line, folder):
    program, *arguments = shlex.split(line, comments=True)
    if program == "make":
        command = ["make", "--dry-run", *arguments]
    elif program == "snakemake" and "--report" in arguments:
        pytest.skip("needs a finished run: tests/workflow/test_dag.py makes a report")
    elif program == "snakemake" and "--use-conda" in arguments and not shutil.which("conda"):
        pytest.skip("no conda here")
    elif program == "snakemake":
        command = snakemake(arguments, folder)
    elif arguments[:1] == ["fetch-weights"]:
        pytest.skip("needs a network: tests/unit/use/test_fetch.py has one of its own")
    elif arguments[:1] == ["predict"]:
        pytest.skip("needs a trained model: test_the_command_for_one_scan runs it")
    elif program == "ldae":
        download = Download(folder / "download")
        download.add("011_S_0021", 10)
        download.write()
        replaced = {"/data/adni/images": download.dicom_dir, "/data/adni/tables": download.clinical_dir}
        command = [sys.executable, "-m", "ldae", *[str(replaced.get(argument, argument)) for argument in arguments]]
    else:
        assert line in ("source .venv/bin/activate", "mkdir -p ../my_study")
        return
    done = subprocess.run(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    assert done.returncode == 0, done.stdout[-4000:]


def test_the_command_for_one_scan(tiny, tmp_path):
    line = next(line for line in COMMANDS if line.startswith("ldae predict"))
    scan = next((tiny.directory / "results/bids").rglob("*_T1w.nii.gz"))
    replaced = {"/data/scans/T1w.nii.gz": scan, "results/models": tiny.directory / "results/models"}
    replaced["results/predicted"] = tmp_path / "predicted"
    _, *arguments = shlex.split(line)
    command = [sys.executable, "-m", "ldae", *[str(replaced.get(argument, argument)) for argument in arguments]]
    done = subprocess.run(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    assert done.returncode == 0, done.stdout[-4000:]
    predicted = pd.read_csv(tmp_path / "predicted/predictions.csv")
    assert predicted["p_AD"].between(0, 1).all()


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_link_leads_somewhere(page):
    links = re.findall(r"\]\(([^)#]+)\)", page.read_text(encoding="utf-8"))
    assert not [link for link in links if not link.startswith("https://") and not (page.parent / link).is_file()]


def test_every_named_setting_exists():
    """Settings named like `section.key` in the README and the documentation are in config.yaml."""
    config = yaml.safe_load((ROOT / "config.yaml").read_text(encoding="utf-8"))
    text = "".join(page.read_text(encoding="utf-8") for page in PAGES)
    named = [match for match in re.findall(r"`(\w+)\.(\w+)", text) if match[0] in config]
    assert len(named) >= 4
    assert all(key in config[section] for section, key in named), named
