import pytest

from ldae.cohort.bids.tables import Facts, Notes, read_tables
from ldae.errors import UserErrors
from tests.bids_dataset import COLUMNS, DIAGNOSES, write_tsv


def facts_of(root, *scans, columns=COLUMNS, diagnoses=DIAGNOSES):
    """Facts by scan, and all that was found, as one text."""
    notes = Notes()
    facts = Facts(read_tables(root, columns, notes), columns, diagnoses, list(scans), notes)
    return {scan: facts.of_scan(*scan) for scan in scans}, notes.table().to_csv(index=False)


def one(root, **options):
    facts, said = facts_of(root, ("01", "M000"), **options)
    return facts["01", "M000"], said


def participants(root, *lines):
    return write_tsv(root / "participants.tsv", *lines)


def sessions(root, subject, *lines):
    return write_tsv(root / f"sub-{subject}" / f"sub-{subject}_sessions.tsv", *lines)


@pytest.mark.parametrize("label", ["sub-01", "01"])
def test_participants_are_found_with_and_without_prefix(tmp_path, label):
    participants(tmp_path, "participant_id age sex diagnosis site", f"{label} 70 Male mci 12")
    facts, _ = one(tmp_path)
    expected = {
        "diagnosis": "MCI",
        "age": 70,
        "sex": "M",
        "months": 0,
        "site": "12",
        "diagnosis_bl": "MCI",
        "age_bl": 70,
    }
    assert facts == expected | {"field_strength_t": ""}


@pytest.mark.parametrize("value, sex", [("M", "M"), ("f", "F"), ("FEMALE", "F"), ("n/a", ""), ("1", ""), ("O", "")])
def test_sexes(tmp_path, value, sex):
    participants(tmp_path, "participant_id sex", f"sub-01 {value}")
    facts, said = one(tmp_path)
    assert facts["sex"] == sex
    assert ("male or female" in said) == (not sex and value != "n/a")


@pytest.mark.parametrize("value", ["90+", "170", "-1", "seventy"])
def test_ages_that_cannot_be_stay_empty_and_are_told(tmp_path, value):
    participants(tmp_path, "participant_id age", f"sub-01 {value}")
    facts, said = one(tmp_path)
    assert facts["age"] == facts["age_bl"] == ""
    assert f"'{value}'" in said


def test_the_visits_row_goes_before_the_subjects(tmp_path):
    participants(tmp_path, "participant_id age diagnosis site", "sub-01 70 CN 7")
    sessions(tmp_path, "01", "session_id age diagnosis", "ses-M000 70.4 MCI", "ses-M024 72.3 AD")
    facts, _ = facts_of(tmp_path, ("01", "M000"), ("01", "M024"))
    assert [(f["age"], f["diagnosis"], f["months"], f["site"]) for f in facts.values()] == [
        (70.4, "MCI", 0, "7"),
        (72.3, "AD", 24, "7"),
    ]
    assert {f["diagnosis_bl"] for f in facts.values()} == {"CN"}


def test_the_site_of_the_visit_goes_before_the_subjects(tmp_path):
    participants(tmp_path, "participant_id site", "sub-01 7")
    sessions(tmp_path, "01", "session_id site", "ses-M000 n/a", "ses-M012 9")
    facts, _ = facts_of(tmp_path, ("01", "M000"), ("01", "M012"))
    assert [f["site"] for f in facts.values()] == ["7", "9"]


def test_the_diagnosis_at_baseline_is_else_that_of_the_first_scan_with_known_months(tmp_path):
    rows = ["ses-added AD", "ses-M024 AD", "ses-M006 MCI"]
    sessions(tmp_path, "01", "session_id diagnosis", *rows)
    facts, _ = facts_of(tmp_path, ("01", "M024"), ("01", "added"), ("01", "M006"))
    assert {f["diagnosis_bl"] for f in facts.values()} == {"MCI"}
    assert [f["diagnosis"] for f in facts.values()] == ["AD", "AD", "MCI"]


def test_later_scans_are_older_and_have_no_diagnosis_of_the_first(tmp_path):
    participants(tmp_path, "participant_id age_bl diagnosis", "sub-01 70 CN")
    sessions(tmp_path, "01", "session_id diagnosis", "ses-M000 n/a", "ses-M018 n/a")
    facts, _ = facts_of(tmp_path, ("01", "M000"), ("01", "M018"))
    assert [(f["age"], f["diagnosis"]) for f in facts.values()] == [(70, "CN"), (71.5, "")]


def test_a_diagnosis_of_participants_alone_holds_at_every_visit(tmp_path):
    participants(tmp_path, "participant_id group", "sub-01 HC")
    facts, _ = facts_of(tmp_path, ("01", "1"), ("01", "2"))
    assert [f["diagnosis"] for f in facts.values()] == ["CN", "CN"]


def test_sessions_without_known_months_have_no_age_of_the_first(tmp_path):
    participants(tmp_path, "participant_id age", "sub-01 70")
    facts, said = facts_of(tmp_path, ("01", "post"), ("01", "pre"), ("02", "x"))
    assert [(f["age"], f["months"]) for f in facts.values()] == [("", ""), ("", ""), ("", 0)]
    assert "cohort.columns.months" in said


def test_months_come_from_their_column_first(tmp_path):
    sessions(tmp_path, "01", "session_id months", "ses-a 0", "ses-b 11.6", "ses-M024 25")
    facts, _ = facts_of(tmp_path, ("01", "a"), ("01", "b"), ("01", "M024"), ("01", "M036"))
    assert [f["months"] for f in facts.values()] == [0, 12, 25, 36]


def test_numbers_are_one_value_however_they_are_written(tmp_path):
    columns = COLUMNS.model_copy(update={"diagnosis": "cdr"})
    for written in ("0.5", "0.50", ".5"):
        participants(tmp_path, "participant_id cdr", f"sub-01 {written}")
        facts, _ = one(tmp_path, columns=columns, diagnoses={"0.5": "MCI"})
        assert facts["diagnosis"] == "MCI"


def test_unknown_diagnoses_are_told_with_value_and_number(tmp_path):
    participants(tmp_path, "participant_id diagnosis", "sub-01 FTD", "sub-02 FTD")
    _, said = facts_of(tmp_path, ("01", "M000"), ("01", "M012"), ("02", "M000"))
    assert "'FTD' (2 x, such as sub-01)" in said


def test_rows_that_are_not_there_are_told(tmp_path):
    participants(tmp_path, "participant_id", "sub-02")
    sessions(tmp_path, "01", "session_id", "ses-1")
    _, said = one(tmp_path)
    assert "a row for each scanned subject" in said
    assert "a row for each session with an image" in said


def test_a_named_column_must_be_there_one_of_several_need_not(tmp_path):
    participants(tmp_path, "participant_id years", "sub-01 70")
    named = COLUMNS.model_copy(update={"age": "years_old", "sex": "gender", "site": None})
    with pytest.raises(UserErrors) as raised:
        one(tmp_path, columns=named)
    assert len(raised.value.errors) == 2
    assert "participants.tsv has participant_id, years" in str(raised.value)
    _, said = one(tmp_path)
    assert "cohort.columns.age" in said
    assert "participants.tsv has participant_id, years" in said
    assert "cohort.columns.site" not in one(tmp_path, columns=COLUMNS.model_copy(update={"site": None}))[1]


def test_faults_of_all_tables_come_at_once(tmp_path):
    participants(tmp_path, "participant_id", "sub-01", "sub-01")
    sessions(tmp_path, "01", "session", "ses-1")
    sessions(tmp_path, "02", "session_id", "ses-1", "1")
    (tmp_path / "sub-03").mkdir()
    (tmp_path / "sub-03" / "sub-03_sessions.tsv").write_bytes(b"session_id\tname\nses-1\t\xff\xfe\n")
    with pytest.raises(UserErrors) as raised:
        one(tmp_path)
    assert [error.where.rsplit("/", 1)[1] for error in raised.value.errors] == [
        "participants.tsv",
        "sub-01_sessions.tsv",
        "sub-02_sessions.tsv",
        "sub-03_sessions.tsv",
    ]


def test_a_byte_order_mark_and_spaces_are_no_part_of_a_table(tmp_path):
    (tmp_path / "participants.tsv").write_bytes("\ufeffparticipant_id\tsex\nsub-01\t M \n".encode())
    assert one(tmp_path)[0]["sex"] == "M"
