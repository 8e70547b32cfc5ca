import pandas as pd
import pytest

from ldae.cohort.bids.notes import Notes
from ldae.cohort.bids.spellings import note_spellings
from ldae.cohort.bids.tables import DatasetTables


def said(scans, participants=(), sessions=()):
    notes = Notes()
    tables = DatasetTables({label: {} for label in participants}, {scan: {} for scan in sessions})
    note_spellings(pd.DataFrame(scans, columns=["subject", "session"]), tables, notes)
    return notes.table()["found"].tolist()


@pytest.mark.parametrize("written", ["1", "0001", "SUB-001", "sub_001"])
def test_another_spelling_of_a_folder_is_named(written):
    (found,) = said([("001", "M000"), ("02", "M000")], [written, "02"])
    assert f"sub-{written} for sub-001" in found


@pytest.mark.parametrize("written", ["001", "10", "0", "002", "a1"])
def test_other_subjects_are_none(written):
    assert not said([("001", "M000")], [written])


def test_who_has_a_row_already_is_not_meant_by_another():
    assert not said([("01", "M000")], ["01", "1"])


def test_sessions_too():
    (found,) = said([("01", "M012"), ("10", "1")], ["01"], [("01", "m12"), ("10", "1"), ("1", "01")])
    assert "(1 x, such as sub-01_ses-m12 for sub-01_ses-M012)" in found
