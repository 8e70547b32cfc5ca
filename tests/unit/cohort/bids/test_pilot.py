"""A pilot of a BIDS dataset."""

import pytest

from ldae.cohort.bids.index import write_index
from ldae.cohort.pilot import Pilot
from ldae.errors import UserError
from ldae.files import read_table
from tests.bids_dataset import describe, write_image


@pytest.fixture
def dataset(tmp_path):
    root = describe(tmp_path / "bids")
    for name in ("sub-01_ses-M000_T1w", "sub-01_ses-M012_T1w", "sub-02_run-1_T1w", "sub-02_run-2_T1w", "sub-03_T1w"):
        write_image(root, name)
    return root


def test_a_pilot_uses_a_part_and_names_the_rest(dataset, tmp_path):
    shards = [str(tmp_path / "0.csv")]
    pilot = Pilot(["sub-01", "03"], ["M000"])
    write_index(dataset, "bids", [], pilot, shard_tables=shards, findings=tmp_path / "findings.csv")
    rows = read_table(shards[0], dtype=str, keep_default_na=False)
    used = rows[rows["status"] == "converted"]
    assert list(used["image_id"]) == ["sub-01_ses-M000_T1w", "sub-03_T1w"]
    rest = rows[rows["status"] != "converted"]
    assert rest["reason"].str.contains("not of the pilot").all() and not rest["path"].any() and len(rest) == 3


def test_a_pilot_of_nobody_is_an_error_in_the_findings(dataset, tmp_path):
    places = {"shard_tables": [str(tmp_path / "0.csv")], "findings": tmp_path / "f.csv"}
    with pytest.raises(UserError, match="1 that are not: 99"):
        write_index(dataset, "bids", [], Pilot(["99"]), **places)
    assert "cohort.subjects" in set(read_table(tmp_path / "f.csv")["where"])


def test_what_is_left_out_says_why_and_gives_way_to_another_image(dataset, tmp_path):
    exclude = ["sub-02_run-1_T1w, it moves", "sub-01_ses-M012", "03", "nobody"]
    pilot = Pilot(exclude=exclude)
    write_index(dataset, "bids", [], pilot, shard_tables=[str(tmp_path / "0.csv")], findings=tmp_path / "findings.csv")
    rows = read_table(tmp_path / "0.csv", keep_default_na=False).set_index("image_id")
    used = rows.index[rows["status"] == "converted"]
    assert list(used) == ["sub-01_ses-M000_T1w", "sub-02_run-2_T1w"]
    assert rows.loc["sub-02_run-1_T1w", "reason"] == "left out by cohort.exclude: it moves"
    assert set(rows["status"].drop(used)) == {"unselected"} and rows["cure"].drop(used).str.contains("exclude").all()
