"""Every command of the README exists and can run; `make demo` and `make test` are run for real elsewhere (CI)."""

import re
import shlex
import shutil
import subprocess
import sys
import textwrap

import pytest
import yaml

from tests.workflow.conftest import ROOT

README = (ROOT / "README.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"^ *```bash\n(.*?)^ *```", README, flags=re.DOTALL | re.MULTILINE)
COMMANDS = [line for block in BLOCKS for line in textwrap.dedent(block).splitlines()]
OWN_CONFIG = textwrap.dedent(re.search(r"^ *```yaml\n(.*?)^ *```", README, flags=re.DOTALL | re.MULTILINE)[1])


def snakemake(arguments, folder):
    """The arguments in a scratch working directory, as a dry run."""
    replaced = {"my_adni.yaml": str(folder / "my_adni.yaml"), "../my_study": str(folder)}
    arguments = [replaced.get(argument, argument) for argument in arguments]
    if "--directory" not in arguments:
        arguments = ["--directory", str(folder), *arguments]
    return [sys.executable, "-m", "snakemake", *arguments, *["--dry-run"] * ("--dry-run" not in arguments)]


@pytest.fixture
def folder(tmp_path):
    """A working directory with `my_adni.yaml` as the README prints it, its two folders put here."""
    for name in ("images", "tables"):
        (tmp_path / name).mkdir()
    (tmp_path / "my_adni.yaml").write_text(OWN_CONFIG.replace("/data/adni", str(tmp_path)))
    return tmp_path


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
    else:
        assert line in ("source .venv/bin/activate", "mkdir -p ../my_study")
        return
    done = subprocess.run(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    assert done.returncode == 0, done.stdout[-4000:]


@pytest.mark.parametrize("path", sorted(set(re.findall(r"\]\(([^)]+)\)", README))))
def test_a_link_leads_somewhere(path):
    assert path.startswith("https://") or (ROOT / path).is_file()


def test_every_named_setting_exists():
    """Settings named like `section.key` in the README and the protocol are in config.yaml."""
    config = yaml.safe_load((ROOT / "config.yaml").read_text(encoding="utf-8"))
    text = README + (ROOT / "docs" / "protocol.md").read_text(encoding="utf-8")
    named = [match for match in re.findall(r"`(\w+)\.(\w+)", text) if match[0] in config]
    assert len(named) >= 4
    assert all(key in config[section] for section, key in named), named
