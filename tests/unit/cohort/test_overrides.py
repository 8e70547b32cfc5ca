import logging

import pandas as pd
import pytest

from ldae.cohort.overrides import EFFECT_COLUMNS, NO_IMAGE, NO_SCAN, apply_overrides, read_overrides
from ldae.errors import UserError, UserErrors

HEADER = "subject\tsession\tverdict\treason\trater\n"


@pytest.fixture
def read(tmp_path):
    def run(text, name="qc_overrides.tsv", header=HEADER, encoding="utf-8"):
        path = tmp_path / name
        path.write_bytes((header + text).encode(encoding))
        return read_overrides(path)

    return run


def scans(**status):
    rows = [{"subject": subject, "session": "M000", "status": value} for subject, value in status.items()]
    return pd.DataFrame(rows)


def test_no_list_is_an_empty_one():
    table, effects = apply_overrides(scans(A="pass", B="error"), read_overrides(None))
    assert table["verdict"].tolist() == ["pass", "error"]
    assert table["override"].tolist() == ["", ""]
    assert effects.empty
    assert effects.columns.tolist() == EFFECT_COLUMNS


def test_prefixes_spaces_order_of_columns_and_a_windows_editor_do_not_matter(read):
    text = 'sub-A\tses-M000\tpass\tlarge ventricles\tAB\r\n\r\n B\tM012 \tfail\t"motion, strong"\tCD\r\n'
    table = read(text, encoding="utf-8-sig")
    assert table[["subject", "session", "verdict", "reason", "rater", "line"]].values.tolist() == [
        ["A", "M000", "pass", "large ventricles", "AB", 2],
        ["B", "M012", "fail", "motion, strong", "CD", 4],
    ]
    swapped = read("AB\tA\tM000\tpass\tx\n", header="rater\tsubject\tsession\tverdict\treason\n")
    assert swapped["subject"].tolist() == ["A"]
    assert swapped["rater"].tolist() == ["AB"]


def test_a_lone_quotation_mark_swallows_no_row(read):
    assert read('A\tM000\tfail\t"motion\tAB\nB\tM000\tfail\tblur"\tAB\n')["subject"].tolist() == ["A", "B"]


def test_all_faults_come_at_once(read):
    text = "A\tM000\tok\tx\tAB\nB\tM000\tfail\t\tAB\nC\tM000\tfail\tx\tAB\nsub-C\tses-M000\tpass\ty\tCD\nD\tM000\n"
    with pytest.raises(UserErrors) as raised:
        read(text)
    assert [error.where.split(": ")[1] for error in raised.value.errors] == ["line 2", "line 3", "line 6", "lines 4, 5"]
    for words in ("'ok'", "no reason", "no verdict, reason, rater", "fail and pass for sub-C ses-M000"):
        assert words in str(raised.value)


@pytest.mark.parametrize(
    "text, options, said",
    [
        ("A\tM000\tfail\tx\n", {"header": "subject\tsession\tverdict\treason\n"}, "no column rater"),
        ("A\tM000\tfail\tx\ty\tAB\n", {}, "more cells"),
        ("A,M000,fail,x,AB\n", {"name": "list.csv"}, "ends in .tsv"),
        ("A\tM000\tfail\tmüde\tAB\n", {"encoding": "latin-1"}, "UTF-8"),
        ("", {"header": ""}, "empty"),
    ],
)
def test_an_unusable_file_is_refused(read, text, options, said):
    with pytest.raises(UserError, match=said):
        read(text, **options)


def test_an_absent_file_is_refused(tmp_path):
    with pytest.raises(UserError, match="no such file"):
        read_overrides(tmp_path / "none.tsv")


def test_the_same_verdict_twice_is_one_but_other_sessions_count(read):
    table = read("A\tM000\tfail\tx\tAB\nA\tM000\tfail\ty\tCD\nA\tM012\tpass\tx\tAB\n")
    assert table[["session", "verdict", "reason"]].values.tolist() == [["M000", "fail", "x"], ["M012", "pass", "x"]]


def test_what_looks_like_a_missing_value_is_a_text(read):
    assert read("NA\tM000\tfail\tn/a\tnan\n")[["subject", "reason", "rater"]].values.tolist() == [["NA", "n/a", "nan"]]


@pytest.mark.parametrize(
    "status, verdict, final, effect",
    [
        ("fail", "pass", "pass", "readmitted"),
        ("fail", "warn", "warn", "readmitted"),
        ("pass", "fail", "fail", "removed"),
        ("warn", "fail", "fail", "removed"),
        ("warn", "pass", "pass", "warn became pass"),
        ("fail", "fail", "fail", "confirmed"),
        ("error", "pass", "error", NO_IMAGE),
        ("error", "fail", "error", NO_IMAGE),
    ],
)
def test_a_person_wins_over_the_numbers_but_not_over_a_missing_image(read, status, verdict, final, effect):
    table, effects = apply_overrides(scans(A=status, B="pass"), read(f"A\tM000\t{verdict}\tseen\tAB\n"))
    assert table["verdict"].tolist() == [final, "pass"]
    assert table["status"].tolist() == [status, "pass"]
    assert table.loc[0, ["override", "override_reason", "rater"]].tolist() == [verdict, "seen", "AB"]
    assert effects["effect"].tolist() == [effect]


def test_a_verdict_is_on_one_scan_of_a_subject(read):
    rows = [{"subject": "A", "session": session, "status": "pass"} for session in ("M000", "M012", "M024")]
    table, _ = apply_overrides(pd.DataFrame(rows), read("A\tM012\tfail\tblur\tAB\n"))
    assert table["verdict"].tolist() == ["pass", "fail", "pass"]


def test_a_verdict_on_a_scan_that_does_not_exist_is_warned_of(read, caplog):
    with caplog.at_level(logging.WARNING):
        table, effects = apply_overrides(scans(A="pass"), read("A\tM006\tfail\tx\tAB\n"))
    assert table["verdict"].tolist() == ["pass"]
    assert effects["effect"].tolist() == [NO_SCAN]
    assert "sub-A ses-M006, line 2: none: there is no such scan" in caplog.text
