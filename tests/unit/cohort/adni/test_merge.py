import json

import pandas as pd
import pytest

from ldae.cohort.adni.merge import describe, merge_shards
from ldae.cohort.columns import CONVERSION_COLUMNS, VISIT_COLUMNS
from ldae.errors import UserError


def row(subject, session="M000", status="converted", **values):
    empty = dict.fromkeys(CONVERSION_COLUMNS, "")
    facts = {"age": "71.2501", "sex": "F", "months": "0", "diagnosis_bl": "CN", "age_bl": "71.2", "apoe4": "1"}
    return empty | facts | {"subject": subject, "session": session, "status": status, "image_id": "10"} | values


def merge(tmp_path, *shards):
    paths = []
    for number, rows in enumerate(shards):
        paths.append(tmp_path / f"{number}.csv")
        pd.DataFrame(rows, columns=CONVERSION_COLUMNS).to_csv(paths[-1], index=False)
    bids = tmp_path / "bids"
    visits = tmp_path / "visits_0.csv"
    seen = [("B", "M012", "2011-03-01", "CN", 0, ""), ("B", "M000", "2010-03-01", "CN", 1, "10")]
    pd.DataFrame(seen, columns=VISIT_COLUMNS).to_csv(visits, index=False)
    described = (bids / "participants.tsv", bids / "dataset_description.json")
    merge_shards(paths, [visits], tmp_path / "report.csv", tmp_path / "visits.csv", *described)
    return pd.read_csv(tmp_path / "report.csv", dtype=str), pd.read_csv(bids / "participants.tsv", sep="\t")


def test_shards_become_one_report_and_one_row_a_subject(tmp_path):
    rows = [row("B", "M000"), row("B", "M012", age="72.25", diagnosis_bl="CN")]
    report, participants = merge(tmp_path, rows, [], [row("A", sex="M", apoe4="")])
    assert report["subject"].tolist() == ["A", "B", "B"]
    assert report["age"].tolist() == ["71.2501", "71.2501", "72.25"]
    assert participants["participant_id"].tolist() == ["sub-A", "sub-B"]
    assert participants["age"].tolist() == [71.2, 71.2]
    assert "\tn/a" in (tmp_path / "bids" / "participants.tsv").read_text()


def test_unconverted_subjects_are_reported_but_no_participants(tmp_path):
    report, participants = merge(tmp_path, [row("A"), row("B", status="broken", reason="truncated")])
    assert len(report) == 2 and participants["participant_id"].tolist() == ["sub-A"]


def test_subjects_that_left_the_download_leave_the_dataset_and_that_is_said(tmp_path, caplog):
    for name in ("sub-A/.partial-x", "sub-OLD", "sub-LOST", ".partial-y"):
        (tmp_path / "bids" / name).mkdir(parents=True)
    merge(tmp_path, [row("A"), row("LOST", status="broken", reason="truncated")])
    assert sorted(path.name for path in (tmp_path / "bids").iterdir() if path.is_dir()) == ["sub-A"]
    assert not list((tmp_path / "bids" / "sub-A").iterdir())
    assert "sub-OLD is no longer in the download and is removed" in caplog.text
    assert "sub-LOST has no converted image any more and is removed" in caplog.text


def test_visits_without_an_image_stay_visible(tmp_path):
    merge(tmp_path, [row("B")])
    visits = pd.read_csv(tmp_path / "visits.csv", dtype=str, keep_default_na=False)
    assert visits[["session", "image_id"]].to_numpy().tolist() == [["M000", "10"], ["M012", ""]]


def test_nothing_converted_is_an_error_with_the_reasons(tmp_path):
    with pytest.raises(UserError, match="2 x truncated"):
        merge(tmp_path, [row("A", status="broken", reason="truncated"), row("B", status="broken", reason="truncated")])


def test_the_description_is_what_bids_requires():
    content = json.loads(json.dumps(describe("raw", "a name", "pandas")))
    assert content["DatasetType"] == "raw" and content["Name"] and content["BIDSVersion"]
    assert content["GeneratedBy"][0]["Version"] == pd.__version__
