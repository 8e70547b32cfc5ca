import json

import pandas as pd
import pytest

from ldae.cohort.bids import describe, merge_shards
from ldae.cohort.columns import REPORT_COLUMNS
from ldae.errors import UserError


def row(subject, session="M000", status="converted", **values):
    empty = dict.fromkeys(REPORT_COLUMNS, "")
    facts = {"age": "71.2501", "sex": "F", "months": "0", "diagnosis_bl": "CN", "age_bl": "71.2", "apoe4": "1"}
    return empty | facts | {"subject": subject, "session": session, "status": status, "image_id": "10"} | values


def merge(tmp_path, *shards):
    paths = []
    for number, rows in enumerate(shards):
        paths.append(tmp_path / f"{number}.csv")
        pd.DataFrame(rows, columns=REPORT_COLUMNS).to_csv(paths[-1], index=False)
    bids = tmp_path / "bids"
    merge_shards(paths, tmp_path / "report.csv", bids / "participants.tsv", bids / "dataset_description.json")
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


def test_subjects_that_left_the_download_leave_the_dataset(tmp_path):
    for name in ("sub-A", "sub-OLD"):
        (tmp_path / "bids" / name).mkdir(parents=True)
    merge(tmp_path, [row("A")])
    assert sorted(path.name for path in (tmp_path / "bids").glob("sub-*")) == ["sub-A"]


def test_nothing_converted_is_an_error_with_the_reasons(tmp_path):
    with pytest.raises(UserError, match="2 x truncated"):
        merge(tmp_path, [row("A", status="broken", reason="truncated"), row("B", status="broken", reason="truncated")])


def test_the_description_is_what_bids_requires():
    content = json.loads(json.dumps(describe("raw", "a name", "pandas")))
    assert content["DatasetType"] == "raw" and content["Name"] and content["BIDSVersion"]
    assert content["GeneratedBy"][0]["Version"] == pd.__version__
