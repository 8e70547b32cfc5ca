import pytest

from ldae.cohort.bids.facts import Facts
from ldae.cohort.bids.notes import Notes
from ldae.cohort.bids.tables import read_tables
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
    participants(tmp_path, "subject", "sub-01")
    sessions(tmp_path, "01", "session", "ses-1")
    sessions(tmp_path, "02")
    (tmp_path / "sub-03").mkdir()
    (tmp_path / "sub-03" / "sub-03_sessions.tsv").write_bytes(b"session_id\tname\nses-1\t\x81\xfe\n")
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


MISSING = ["n/a", "N/A", "NA", "na", "NaN", "nan", "None", "null", "-", "--", ".", "?", "#N/A", "unknown", "<NA>"]


@pytest.mark.parametrize("text", MISSING)
def test_what_is_missing_is_no_value_and_no_fault(tmp_path, text):
    participants(tmp_path, "participant_id age sex diagnosis dx", f"sub-01 {text} {text} {text} CN")
    facts, said = one(tmp_path)
    assert (facts["age"], facts["sex"], facts["diagnosis"]) == ("", "", "CN")
    assert f"'{text}'" not in said


@pytest.mark.parametrize("text", ["NA", "null", "-"])
def test_a_subject_and_a_site_may_be_called_so(tmp_path, text):
    participants(tmp_path, "participant_id age site", f"sub-{text} 71 {text}", "sub-02 72 7")
    facts, _ = facts_of(tmp_path, (text, "M000"), ("02", "M000"))
    assert [(fact["age"], fact["site"]) for fact in facts.values()] == [(71, text), (72, "7")]


def test_a_site_that_is_not_available_is_none(tmp_path):
    participants(tmp_path, "participant_id site", "sub-01 N/A")
    assert one(tmp_path)[0]["site"] == ""


def test_a_diagnosis_may_be_called_what_the_config_says(tmp_path):
    participants(tmp_path, "participant_id diagnosis", "sub-01 none")
    assert one(tmp_path, diagnoses={"None": "CN"})[0]["diagnosis"] == "CN"


def test_columns_are_found_in_any_case(tmp_path):
    participants(tmp_path, "Participant_ID Age Sex Group Site", "sub-01 70 M CN 7")
    sessions(tmp_path, "01", "Session_ID AGE GROUP", "ses-M000 71 n/a", "ses-M012 72 MCI")
    facts, _ = facts_of(tmp_path, ("01", "M000"), ("01", "M012"))
    assert [(fact["age"], fact["sex"], fact["diagnosis"]) for fact in facts.values()] == [
        (71, "M", "CN"),
        (72, "M", "MCI"),
    ]
    named = COLUMNS.model_copy(update={"age": "AGE", "diagnosis": "gRoUp"})
    assert one(tmp_path, columns=named)[0]["diagnosis"] == "CN"


def test_commas_and_units_are_read_with_a_note(tmp_path):
    participants(tmp_path, "participant_id age", "sub-01 72,5", "sub-02 71,5", "sub-03 80y")
    facts, said = facts_of(tmp_path, ("01", "a"), ("02", "a"), ("03", "a"))
    assert [fact["age"] for fact in facts.values()] == [72.5, 71.5, 80]
    assert "note,age" in said and "a decimal comma (2 x, such as sub-01)" in said


def test_a_capped_age_is_unknown_and_said_to_be_a_bound(tmp_path):
    participants(tmp_path, "participant_id age", "sub-01 89+")
    facts, said = one(tmp_path)
    assert facts["age"] == "" and "not a bound" in said and "'89+'" in said


def test_rows_that_contradict_each_other_are_named_and_what_they_agree_on_is_known(tmp_path):
    participants(tmp_path, "participant_id age sex site", "sub-01 70 M 7", "sub-02 60 F 8", "01 75 m n/a")
    facts, said = facts_of(tmp_path, ("01", "M000"), ("02", "M000"))
    assert [(fact["age"], fact["sex"], fact["site"]) for fact in facts.values()] == [("", "M", "7"), (60, "F", "8")]
    assert "warning,participants.tsv" in said
    assert "rows that contradict each other in age (1 x, such as sub-01)" in said


def test_a_value_that_is_contradicted_is_not_looked_for_elsewhere_in_the_row(tmp_path):
    participants(tmp_path, "participant_id diagnosis group", "sub-01 CN CN", "sub-01 AD CN")
    assert one(tmp_path)[0]["diagnosis"] == ""


@pytest.mark.parametrize("column", ["session_id", "Session_ID"])
def test_participants_may_have_a_row_for_each_session(tmp_path, column):
    rows = ["sub-01 ses-M000 70 M CN", "sub-01 M024 72 n/a AD", "sub-02 ses-M012 66 F n/a"]
    participants(tmp_path, f"participant_id {column} age sex diagnosis", *rows)
    facts, said = facts_of(tmp_path, ("01", "M000"), ("01", "M024"), ("02", "M012"), ("02", "M036"))
    assert [(f["age"], f["sex"], f["diagnosis"]) for f in facts.values()] == [
        (70, "M", "CN"),
        (72, "M", "AD"),
        (66, "F", ""),
        ("", "F", ""),
    ]
    assert {f["diagnosis_bl"] for scan, f in facts.items() if scan[0] == "01"} == {"CN"}
    assert "participants.tsv,a row for each session with an image" in said and "sub-02_ses-M036" in said


def test_the_same_session_in_both_tables(tmp_path):
    participants(tmp_path, "participant_id session_id age sex", "sub-01 ses-M000 70 M", "sub-01 ses-M012 n/a M")
    sessions(tmp_path, "01", "session_id age", "ses-M000 60", "ses-M012 71")
    facts, said = facts_of(tmp_path, ("01", "M000"), ("01", "M012"))
    assert [fact["age"] for fact in facts.values()] == ["", 71]
    assert "contradict each other in age (1 x, such as sub-01_ses-M000)" in said


def test_of_two_columns_that_differ_in_case_the_one_named_alone_is_taken(tmp_path):
    participants(tmp_path, "participant_id Age age", "sub-01 70 60")
    facts, said = one(tmp_path)
    assert facts["age"] == "" and "Age and age, which contradict each other" in said
    for name, age in (("Age", 70), ("age", 60)):
        facts, said = one(tmp_path, columns=COLUMNS.model_copy(update={"age": name}))
        assert facts["age"] == age and "contradict" not in said
