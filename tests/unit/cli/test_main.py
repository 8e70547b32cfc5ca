import subprocess
import sys

import pandas as pd
import pytest

from ldae.cli.main import main
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
    assert "first InstanceNumber 6" in said and "cure: download the image again" in said
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
