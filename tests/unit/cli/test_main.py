import errno
import re
import shlex
import subprocess
import sys

import pandas as pd
import pytest
from typer.testing import CliRunner

from ldae.cli.main import app, main
from tests.adni_download import Download, write_series
from tests.unit.sources import ROOT

A, B = "011_S_0021", "012_S_0345"


@pytest.fixture
def download(tmp_path):
    made = Download(tmp_path / "download")
    made.add(A, 10)
    made.add(B, 11)[5].unlink()
    return made.write()


def test_a_usable_download_gives_a_summary_and_exit_code_0(download, tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert main(["check", str(download.dicom_dir), str(download.clinical_dir), "--workers", "1"]) == 0
    said = capsys.readouterr().out
    assert "2 images of 2 subjects on disk, 1 can be converted" in said
    assert "1 slices missing by their positions" in said and "cure: download the image again" in said
    assert [path.name for path in tmp_path.iterdir()] == ["download"], "nothing is written"


def test_a_fault_gives_exit_code_1_and_the_report(download, tmp_path, capsys):
    (download.clinical_dir / "ADNIMERGE.csv").unlink()
    report = tmp_path / "report.csv"
    folders = [str(download.dicom_dir), str(download.clinical_dir)]
    assert main(["check", *folders, "--workers", "1", "--report", str(report)]) == 1
    said = capsys.readouterr().out
    assert "Errors" in said and "ADNIMERGE" in said and "expected:" in said
    assert set(pd.read_csv(report)["severity"]) == {"error", "warning"}


def test_it_runs_as_a_module_with_its_pool(download):
    write_series(download.dicom_dir, A, 12)
    command = [sys.executable, "-m", "ldae", "check", download.dicom_dir, download.clinical_dir, "--workers", "2"]
    done = subprocess.run(list(map(str, command)), cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0 and done.stderr == ""
    assert "12 of ADNI011S0021: not listed in MPRAGEMETA" in done.stdout


@pytest.mark.parametrize("arguments", [[], ["check"], ["check", "a", "b", "--workers", "0"]])
def test_wrong_arguments_are_refused(arguments):
    with pytest.raises(SystemExit) as error:
        main(arguments)
    assert error.value.code == 2


COMMANDS = ["check", "predict", "reconstruct", "manipulate", "interpolate", "vary", "sample", "preprocess", "export"]
COMMANDS += ["fetch-weights"]


@pytest.mark.parametrize("command", COMMANDS)
def test_each_command_s_help_has_an_example_that_is_a_command(command):
    result = CliRunner().invoke(app, [command, "--help"])
    assert result.exit_code == 0
    examples = re.findall(rf"^ +(ldae {command} .+)$", result.output, re.MULTILINE)
    assert examples and "Example" in result.output
    known = set(re.findall(r"(?<![\w-])--?[a-z]+", result.output.partition("Options:")[2]))
    for example in examples:
        assert {word for word in shlex.split(example) if word.startswith("-")} <= known


def test_help_loads_nothing_heavy():
    code = "import sys, ldae.cli.main; print([m for m in ('torch', 'pandas', 'nibabel', 'ants') if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_an_error_is_said_without_a_traceback(tmp_path, capsys):
    assert main(["sample", "--models", str(tmp_path), "--out", str(tmp_path / "out")]) == 1
    said = capsys.readouterr().err
    assert "expected: the description of a trained model" in said and "cure:" in said and "Traceback" not in said


@pytest.mark.parametrize("trouble", [MemoryError(), OSError(errno.ENOSPC, "No space left on device", "edited.nii.gz")])
def test_what_the_machine_lacks_is_said_without_a_traceback(tmp_path, capsys, monkeypatch, trouble):
    def lacks(*_: object) -> None:
        raise trouble

    monkeypatch.setattr("ldae.config.load.load_config", lacks)
    assert main(["plan"]) == 1
    said = capsys.readouterr().err
    assert "run the same command again" in said and "Traceback" not in said
