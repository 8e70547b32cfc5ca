"""Both namings of the phantom's tables say the same."""

from pathlib import Path

import pytest

from ldae.cohort.adni.names import META, TABLE_COLUMNS
from ldae.cohort.adni.row_rules import NOT_T1
from ldae.cohort.adni.tables import read_tables
from ldae.config.load import load_config
from ldae.files import write_table
from ldae.phantom.naming import rename_tables
from ldae.phantom.people import draw_cohort
from ldae.phantom.tables import build_tables

ROOT = Path(__file__).resolve().parents[3]
SEED = 7
CONFIG = load_config(ROOT / "config.yaml").phantom.model_copy(
    update={"subjects": 60, "visits_per_subject": [0.25] * 4, "missing_scan_fraction": 0.1}
)
NOT_LISTED = {META: {"SeriesID", "MagStrength"}}


@pytest.fixture(scope="module")
def namings(tmp_path_factory):
    """The tables of one cohort, written in either naming and read again."""
    tables = build_tables(draw_cohort(CONFIG, SEED), SEED)
    read = []
    for written in (tables, rename_tables(tables)):
        folder = tmp_path_factory.mktemp("clinical")
        for stem, table in written.items():
            write_table(folder / f"{stem}.csv", table)
        read.append(read_tables(folder))
    return read


def test_the_list_of_images_has_codes_and_neither_series_ids_nor_field_strengths():
    images = rename_tables(build_tables(draw_cohort(CONFIG, SEED), SEED))["LDAE_All_Images_21Nov2025"]
    assert set(images["VISCODE2"]) == {"sc", "m06", "m12", "m24", "4_bl"}
    assert set(images["image_type"]) == {"Original", "Pre-processed"}
    assert not {"series_id", "mri_field_str", *TABLE_COLUMNS[META]} & set(images)
    assert images["image_id"].is_unique


@pytest.mark.parametrize("name", list(TABLE_COLUMNS))
def test_the_tables_read_are_the_same_but_for_what_today_is_not_listed(namings, name):
    legacy, today = (tables.frames[name].reset_index(drop=True) for tables in namings)
    missing = NOT_LISTED.get(name, set())
    columns = [column for column in TABLE_COLUMNS[name] if column not in missing]
    assert len(legacy)
    assert today[columns].equals(legacy[columns])
    assert (today[sorted(missing)] == "").all(axis=None)


def test_genotypes_are_the_same_in_either_naming(namings):
    columns = ["RID", "APGEN1", "APGEN2"]
    legacy, today = (tables.frames["APOERES"][columns].reset_index(drop=True) for tables in namings)
    assert today.equals(legacy)
    assert legacy["APGEN1"].ne(legacy["APGEN2"]).any()


def test_nothing_but_adni4_and_other_series_is_set_aside(namings):
    legacy, today = namings
    assert legacy.quarantine.empty
    reasons = today.quarantine["reason"]
    assert reasons.str.contains(f"ADNI4|4_bl|10001|a visit that Clinica can convert|{NOT_T1}").all(), set(reasons)
    assert (reasons == NOT_T1).sum() == (legacy.frames[META]["Orig/Proc"] == "Original").sum()
    adni4 = today.quarantine[reasons != NOT_T1]
    assert set(adni4["subject"]) == {"ADNI002S10001", adni4["subject"].iloc[0]}
    assert {name.split("_21Nov")[0] for name in adni4["table"]} == {
        *("ADNIMERGE", "APOERES", "DXSUM", "LDAE_All_Images")
    }


def test_a_subject_who_went_on_into_adni4_keeps_its_earlier_visits(namings):
    today = namings[1]
    went_on = today.quarantine.loc[today.quarantine["reason"].str.startswith("COLPROT"), "subject"].item()
    merge = today.frames["ADNIMERGE"]
    assert ("ADNI" + merge["PTID"].str.replace("_", "")).eq(went_on).any()


def test_the_notes_say_what_was_assumed(namings):
    legacy, today = namings
    assert legacy.notes == []
    for words in ("subject_id as SubjectID", "MagStrength", "SeriesID", "visit codes", "PHASE"):
        assert any(words in note for note in today.notes), words
