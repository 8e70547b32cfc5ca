import pandas as pd
import pytest

from ldae.cohort.adni.merge import merge_shards, write_strata
from ldae.cohort.columns import CONVERSION_COLUMNS, IMAGE_COLUMNS, STRATA_COLUMNS
from ldae.errors import UserError
from tests.adni_download import visit_row, write_tables

A, B, LOST = "011_S_0001", "011_S_0002", "011_S_0003"


def label(ptid):
    return "ADNI" + ptid.replace("_", "")


def row(ptid, viscode="bl", status="converted", **values):
    empty = dict.fromkeys(IMAGE_COLUMNS, "")
    session = "M000" if viscode == "bl" else f"M{int(viscode[1:]):03d}"
    seen = {"session": session, "viscode": viscode if status == "converted" else "", "image_id": "10"}
    return empty | seen | {"subject": label(ptid), "status": status} | values


@pytest.fixture
def visits():
    return [
        visit_row(A, PTGENDER="Male", APOE4="", AGE="66.6", SITE="7"),
        visit_row(B, "m12", "2011-03-01", DX="Dementia", DX_bl="LMCI", AGE="71.2"),
        visit_row(B, DX="MCI", DX_bl="LMCI", AGE="71.2"),
        visit_row(LOST),
    ]


@pytest.fixture
def merge(tmp_path, visits):
    def run(*shards, visits=visits):
        paths = []
        for number, rows in enumerate(shards):
            paths.append(tmp_path / f"{number}.csv")
            pd.DataFrame(rows, columns=IMAGE_COLUMNS).to_csv(paths[-1], index=False)
        bids, clinical = tmp_path / "bids", tmp_path / "clinical"
        clinical.mkdir(exist_ok=True)
        for path in clinical.iterdir():
            path.unlink()
        image = {"SubjectID": A, "Orig/Proc": "Original", "Visit": "ADNI Screening", "MagStrength": "1.5"}
        image |= {"Sequence": "MP-RAGE", "ScanDate": "2010-03-02", "StudyID": "1", "SeriesID": "2", "ImageUID": "3"}
        write_tables(clinical, visits, [image])
        tables = {name: tmp_path / f"{name}.csv" for name in ("conversion", "visits")}
        described = {"participants": bids / "participants.tsv", "description": bids / "dataset_description.json"}
        merge_shards(paths, clinical, **tables, **described, max_lost_fraction=0.2)
        options = {"dtype": str, "keep_default_na": False}
        read = {name: pd.read_csv(path, **options) for name, path in tables.items()}
        return read | {"participants": pd.read_csv(described["participants"], sep="\t", **options)}

    return run


def test_shards_become_one_table_with_the_facts_of_each_visit(merge, tmp_path):
    tables = merge([row(B, "m12"), row(B)], [], [row(A)])
    conversion = tables["conversion"]
    assert conversion.columns.tolist() == CONVERSION_COLUMNS
    facts = ["subject", "session", "diagnosis", "age", "sex", "months", "diagnosis_bl", "age_bl", "site", "phase"]
    assert conversion[facts].values.tolist() == [
        [label(A), "M000", "CN", "66.6", "M", "0", "CN", "66.6", "7", "ADNI1"],
        [label(B), "M000", "MCI", "71.2", "F", "0", "MCI", "71.2", "11", "ADNI1"],
        [label(B), "M012", "AD", "72.1993", "F", "12", "MCI", "71.2", "11", "ADNI1"],
    ]
    sessions = (tmp_path / "bids" / f"sub-{label(B)}" / f"sub-{label(B)}_sessions.tsv").read_text()
    assert sessions.splitlines()[1:] == ["ses-M000\tMCI\t71.2\t0", "ses-M012\tAD\t72.1993\t12"]


def test_one_row_per_subject_of_participants(merge):
    participants = merge([row(B, "m12"), row(B)], [row(A)])["participants"]
    columns = ["participant_id", "sex", "age", "diagnosis_baseline", "apoe4"]
    assert participants[columns].values.tolist() == [
        [f"sub-{label(A)}", "M", "66.6", "CN", "n/a"],
        [f"sub-{label(B)}", "F", "71.2", "MCI", "0"],
    ]


def test_participants_are_described_at_baseline_even_if_scanned_later(merge):
    participants = merge([row(B, "m12")])["participants"]
    assert participants[["age", "diagnosis_baseline"]].values.tolist() == [["71.2", "MCI"]]


def test_the_strata_are_those_of_the_converted_images(merge, tmp_path):
    shards = [row(B, "m12"), row(LOST, status="broken")], [row(A)]
    merge(*shards)
    write_strata([tmp_path / "0.csv", tmp_path / "1.csv"], tmp_path / "clinical", tmp_path / "strata.csv")
    strata = pd.read_csv(tmp_path / "strata.csv")
    assert strata.columns.tolist() == STRATA_COLUMNS
    assert strata.values.tolist() == [[label(A), "M000", 0, "CN", "CN"], [label(B), "M012", 12, "MCI", "AD"]]


def test_a_corrected_table_is_looked_up_anew(merge, visits):
    shards = [row(B, "m12"), row(B)], [row(A)]
    before = merge(*shards)["conversion"]
    corrected = [visit | {"AGE": "61.0", "DX": "CN"} if visit["PTID"] == B else visit for visit in visits]
    after = merge(*shards, visits=corrected)["conversion"]
    assert after["age"].tolist() == ["66.6", "61.0", "61.9993"]
    assert set(after["diagnosis"]) == {"CN"}
    labels = ["age", "age_bl", "diagnosis"]
    assert after.drop(columns=labels).equals(before.drop(columns=labels))


def test_what_did_not_convert_has_no_facts(merge):
    tables = merge([row(A), row(B, status="broken", reason="truncated")])
    broken = tables["conversion"].set_index("subject").loc[label(B)]
    assert broken[["diagnosis", "age", "sex", "months", "site"]].eq("").all()
    assert broken["reason"] == "truncated"
    assert tables["participants"]["participant_id"].tolist() == [f"sub-{label(A)}"]


def test_a_visit_that_the_tables_lack_is_an_error(merge, visits):
    with pytest.raises(UserError, match=f"{label(B)} at m12"):
        merge([row(A), row(B, "m12")], visits=[visit for visit in visits if visit["VISCODE"] != "m12"])


def test_subjects_that_left_the_download_leave_the_dataset_and_that_is_said(merge, tmp_path, caplog):
    for name in (f"sub-{label(A)}/.partial-x", "sub-OLD", f"sub-{label(LOST)}", ".partial-y"):
        (tmp_path / "bids" / name).mkdir(parents=True)
    merge([row(A), row(LOST, status="broken", reason="truncated")])
    folders = [path for path in (tmp_path / "bids").iterdir() if path.is_dir()]
    assert [path.name for path in folders] == [f"sub-{label(A)}"]
    assert [path.name for path in folders[0].iterdir()] == [f"sub-{label(A)}_sessions.tsv"]
    assert "sub-OLD is no longer in the download and is removed" in caplog.text
    assert f"sub-{label(LOST)} has no converted image any more and is removed" in caplog.text


def test_visits_without_an_image_stay_visible(merge):
    visits = merge([row(B)])["visits"]
    assert visits[["session", "diagnosis", "images", "image_id"]].values.tolist() == [
        ["M000", "MCI", "1", "10"],
        ["M012", "AD", "0", ""],
    ]


def test_nothing_converted_is_an_error_with_the_reasons(merge):
    with pytest.raises(UserError, match="2 x truncated"):
        merge([row(A, status="broken", reason="truncated"), row(B, status="broken", reason="truncated")])


def test_a_disk_that_is_not_mounted_deletes_nothing(merge, tmp_path):
    folders = [tmp_path / "bids" / f"sub-ADNI099S{number:04}" for number in range(7)]
    for folder in folders:
        (folder / "ses-M000").mkdir(parents=True)
    with pytest.raises(UserError, match="7 of 7 are gone"):
        merge([row(A), row(B)])
    assert all((folder / "ses-M000").is_dir() for folder in folders)
    for folder in folders[:2]:
        (folder / "ses-M000").rmdir()
        folder.rmdir()
    merge([row(A), row(B)])
    assert not any(folder.exists() for folder in folders), "five may always go"
