import pandas as pd
import pytest

from ldae.cohort.adni.headers import VERDICT_COLUMNS, check_headers
from ldae.cohort.disk import list_files
from ldae.pool import Outcome
from tests.adni_download import edit_series, write_series

A, B = "011_S_0021", "012_S_0345"


@pytest.fixture
def read(monkeypatch):
    """The subjects whose headers were read, in this process."""
    seen = []

    def run(function, items, **_):
        for item in items:
            seen.append(item[1][0]["ptid"])
            yield Outcome(item, function(item))

    monkeypatch.setattr("ldae.cohort.adni.headers.finish_items", run)
    return seen


@pytest.fixture
def download(tmp_path):
    folder = tmp_path / "images"
    edit_series(write_series(folder, A, 10), MagneticFieldStrength=2.894)
    write_series(folder, B, 11)[4].write_bytes(b"")
    return folder


def check(folder, state=None):
    return check_headers(list_files(folder), folder, workers=1, state=state).set_index("image_id")


def test_every_image_has_its_verdict(download, read):
    table = check(download)
    assert table["verdict"].to_dict() == {"10": "sound", "11": "broken"}
    assert table["header_field_t"].tolist() == ["2.894", ""]
    assert "is empty" in table.loc["11", "fault"]
    assert table.loc["11", "fault_cure"] == "download the image again"


def test_a_sound_series_of_another_contrast_is_told_from_a_broken_one(download, read):
    edit_series(write_series(download, B, 12), EchoTime="98")
    row = check(download).loc["12"]
    assert row["verdict"] == "other"
    assert "EchoTime 98 ms" in row["fault"]
    assert row["fault_cure"].startswith("none")


def test_a_growing_download_reads_only_what_is_new(download, read, tmp_path):
    state = tmp_path / "state.csv"
    first = check(download, state)
    assert read == [A, B]
    again = check(download, state)
    pd.testing.assert_frame_equal(again, first)
    write_series(download, B, 12)
    grown = check(download, state)
    assert read == [A, B, B]
    assert grown["verdict"].to_dict() == {"10": "sound", "11": "broken", "12": "sound"}
    series = sorted(path for path in (download / A).rglob("*.dcm"))
    series[5].write_bytes(b"")
    assert check(download, state).loc["10", "verdict"] == "broken"
    assert read == [A, B, B, A]


def test_other_code_reads_everything_again(download, read, tmp_path, monkeypatch):
    check(download, tmp_path / "state.csv")
    monkeypatch.setattr("ldae.cohort.adni.headers.hash_script", lambda *files: "edited")
    check(download, tmp_path / "state.csv")
    assert read == [A, B, A, B]


def test_what_was_read_before_an_interruption_is_kept(download, read, tmp_path, monkeypatch):
    def stop(function, items, **_):
        yield Outcome(items[0], function(items[0]))
        raise KeyboardInterrupt

    monkeypatch.setattr("ldae.cohort.adni.headers.finish_items", stop)
    with pytest.raises(KeyboardInterrupt):
        check(download, tmp_path / "state.csv")
    assert pd.read_csv(tmp_path / "state.csv")["ptid"].tolist() == [A]


def test_a_crash_is_a_verdict_that_is_not_kept(download, tmp_path, monkeypatch):
    monkeypatch.setattr(
        "ldae.cohort.adni.headers.finish_items",
        lambda function, items, **_: [Outcome(item, error="crashed") for item in items],
    )
    table = check(download, tmp_path / "state.csv")
    assert table["verdict"].eq("broken").all()
    assert "crashed" in table.loc["10", "fault"]
    assert pd.read_csv(tmp_path / "state.csv").empty


def test_files_in_another_format_are_said(download, read):
    folder = download / A / "MP-RAGE" / "x" / "I77"
    folder.mkdir(parents=True)
    (folder / "brain_I77.mnc").write_bytes(b"x")
    (folder / "brain_I77.xml").write_bytes(b"x")
    table = check(download)
    assert table.loc["77", "verdict"] == "broken"
    assert "end in .mnc" in table.loc["77", "fault"]


def test_without_images_there_is_nothing_to_judge(tmp_path, read):
    (tmp_path / A).mkdir()
    table = check_headers(list_files(tmp_path), tmp_path, workers=1)
    assert table.empty
    assert set(VERDICT_COLUMNS) <= set(table)


@pytest.mark.parametrize("content", [b"", b"\x00\xff\xfe", b"ptid\nA\n", b'a,b\n"x\n', "ptid,é".encode("latin-1")])
def test_a_damaged_state_is_none(download, read, tmp_path, content):
    check(download, tmp_path / "state.csv")
    (tmp_path / "state.csv").write_bytes(content)
    again = check(download, tmp_path / "state.csv")
    assert again["verdict"].isin(["sound", "broken"]).all()
    assert read == [A, B, A, B]
    assert len(pd.read_csv(tmp_path / "state.csv")) == len(again)
