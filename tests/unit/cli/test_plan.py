"""`ldae plan`."""

import pandas as pd
import pytest

from ldae.cli.main import main
from tests.rules import ROOT

PAPER = str(ROOT / "presets" / "paper.yaml")


@pytest.fixture(autouse=True)
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


def planned(here, *arguments):
    assert main(["plan", *arguments, "--table", "plan.csv"]) == 0
    return pd.read_csv(here / "plan.csv").set_index("stage")


def test_every_stage_has_memory_and_hours(here):
    table = planned(here, PAPER, "--scans", "10000")
    assert table.scans["preprocess"] == 10_000 and table.host_gb.notna().all() and (table.hours > 0).all()
    assert table.gpu_gb["autoencoder"] > 20 and (table.device == "h100").all()
    assert table.hours["all, one after the other"] == pytest.approx(table.hours[:-1].sum())


def test_a_slower_device_takes_longer_and_another_number_of_scans_is_another_plan(here):
    fast, slow = (planned(here, PAPER, "--scans", "1000", "--device", name).hours for name in ("h100", "v100"))
    assert (slow[["ldm", "measure_comparison"]] > 5 * fast[["ldm", "measure_comparison"]]).all()
    more = planned(here, PAPER, "--scans", "2000").hours
    assert more["preprocess"] == pytest.approx(2 * fast["preprocess"])


def test_the_scans_of_a_run_are_taken_where_there_is_one(here):
    assert planned(here).scans["preprocess"] > 100  # the phantom's
    (here / "results").mkdir()
    (here / "results" / "scans.csv").write_text("subject,split\na,train\nb,validation\nc,test\nd,test\n")
    table = planned(here)
    assert (table.scans["preprocess"], table.scans["measure_reconstruction"]) == (4, 2)


def test_a_device_without_a_speed_and_a_cohort_without_a_number_are_refused(here, capsys):
    assert main(["plan", "--device", "abacus"]) == 1
    assert "plan.tflops" in capsys.readouterr().err
    (here / "bids").mkdir()
    (here / "mine.yaml").write_text(f"cohort: {{source: bids, bids_dir: {here / 'bids'}}}\n")
    assert main(["plan", "mine.yaml"]) == 1
    assert "--scans" in capsys.readouterr().err


def test_the_speed_of_this_machine_can_be_measured(here, monkeypatch):
    monkeypatch.setattr("ldae.evaluation.measure.speed.SECONDS", 0.1)
    monkeypatch.setattr("ldae.evaluation.measure.speed.LARGEST", 16)
    table = planned(here, "--measure")
    assert set(table.device) <= {"cpu", "this GPU"} and (table.hours > 0).all()
