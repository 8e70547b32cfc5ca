"""The facts of each scan, out of what the tables of a BIDS dataset say."""

from __future__ import annotations

import math
import re
from collections import Counter

from ldae.cohort.bids.notes import Notes
from ldae.cohort.bids.tables import SESSION, DatasetTables, candidates_of
from ldae.cohort.bids.tsv import CONTRADICTED
from ldae.cohort.bids.values import (
    EMPTY,
    MISSING,
    SEXES,
    expected_number,
    normalise,
    read_number,
    tell_label,
    tell_value,
)
from ldae.config.cohort import ColumnsConfig

MONTHS_PER_YEAR = 12


class Facts:
    """The facts of each scan. A visit's own row goes before the subject's.

    The subject's age is that at baseline: the months since are added. The subject's diagnosis holds at the first scan,
    and at later ones only where no sessions table has a diagnosis. What is missing or cannot be understood stays empty,
    with a note: such scans serve the stages that need no label.

    Parameters
    ----------
    tables : the dataset's tables
    columns : the config's names of columns
    diagnoses : what a value of the diagnosis column means
    scans : (subject, session) of all images
    """

    def __init__(
        self,
        tables: DatasetTables,
        columns: ColumnsConfig,
        diagnoses: dict[str, str],
        scans: list[tuple[str, str]],
        notes: Notes,
    ) -> None:
        self._tables, self._notes = tables, notes
        self._candidates = {key: [name.lower() for name in candidates_of(named)] for key, named in columns}
        self._diagnoses = {normalise(value): diagnosis for value, diagnosis in diagnoses.items()}
        self._sessions_of_participants = SESSION in map(str.lower, tables.participant_columns)
        self._have_visits = {subject for subject, _ in tables.sessions}
        self._visits_have_diagnosis = any(
            name.lower() in self._candidates["diagnosis"] for name in tables.session_columns
        )
        known = {scan: self._months_of(*scan) for scan in scans}
        subjects = Counter(subject for subject, _ in scans)
        self._months = {scan: 0.0 if m is None and subjects[scan[0]] == 1 else m for scan, m in known.items()}
        ordered = sorted(scans, key=lambda scan: (math.inf if self._months[scan] is None else self._months[scan], scan))
        self._first = dict(reversed(ordered))

    def of_scan(self, subject: str, session: str) -> dict:
        """Diagnosis, age (years), sex, months, field_strength_t, site, diagnosis_bl, age_bl; empty where not known."""
        months, first = self._months[subject, session], session == self._first[subject]
        age, age_bl = self._number("age", subject, session), self._number("age", subject)
        if age is None and age_bl is not None and months is not None:
            age = age_bl + months / MONTHS_PER_YEAR
        diagnosis_bl = self._diagnosis(subject) or self._diagnosis(subject, self._first[subject])
        holds_here = (first and months is not None) or not self._visits_have_diagnosis
        tesla = [self._number("field_strength_t", subject, place) for place in (session, "")]
        facts = {
            "diagnosis": self._diagnosis(subject, session) or (diagnosis_bl if holds_here else ""),
            "age": "" if age is None else round(age, 4),
            "sex": self._sex(subject, session),
            "months": "" if months is None else round(months),
            "field_strength_t": next((value for value in tesla if value is not None), ""),
            "site": self._value("site", subject, session) or self._value("site", subject),
            "diagnosis_bl": diagnosis_bl,
            "age_bl": "" if age_bl is None else age_bl,
        }
        self._note_what_lacks(subject, session, facts)
        return facts

    def _note_what_lacks(self, subject: str, session: str, facts: dict) -> None:
        scan = f"sub-{subject}_ses-{session}"
        if self._tables.participants and subject not in self._tables.participants:
            cure = "add the subject; until then nothing but the image is known"
            self._notes.add("participants.tsv", "a row for each scanned subject", "no row", cure, f"sub-{subject}")
        if subject in self._have_visits and (subject, session) not in self._tables.sessions:
            cure = "add the session, or name it as its folder is named"
            table = "participants.tsv" if self._sessions_of_participants else "sessions.tsv"
            self._notes.add(table, "a row for each session with an image", "no row", cure, scan)
        if facts["months"] == "":
            cure = "name the column with the months from baseline: cohort.columns.months"
            self._notes.add("months", "a value, or session labels like ses-M012", "neither", cure, scan)
        for key in ("age", "diagnosis"):
            if facts[key] == "":
                cure = "none is needed for the stages without labels; scores leave these scans out"
                self._notes.add(key, "a value for each scan", "not known", cure, scan, severity="note")

    def _value(self, key: str, subject: str, session: str = "") -> str:
        """The first value of the key's columns at a session, or, without session, of the subject."""
        tables = self._tables
        row = tables.sessions.get((subject, session)) if session else tables.participants.get(subject)
        for name in self._candidates[key]:
            if row and name in row and not self._is_missing(key, row[name]):
                return row[name]
        return ""

    def _is_missing(self, key: str, text: str) -> bool:
        """Whether a cell says nothing. A site may be called NA, a diagnosis whatever the config says.

        A contradicted cell, empty here, does say something: that another column is not to be asked.
        """
        if text == CONTRADICTED or (key == "diagnosis" and normalise(text) in self._diagnoses):
            return False
        return text.lower() in (EMPTY if key == "site" else MISSING)

    def _number(self, key: str, subject: str, session: str = "") -> float | None:
        text = self._value(key, subject, session)
        number, assumed = read_number(text, key)
        if assumed:
            who, cure = _name(subject, session), "none, if results/cohort/conversion.csv has the right number"
            self._notes.add(key, "a number with a decimal point and without unit", assumed, cure, who, severity="note")
        if text and number is None:
            self._unclear(key, expected_number(text, key), text, "correct the values", subject, session)
        return number

    def _months_of(self, subject: str, session: str) -> float | None:
        months = self._number("months", subject, session)
        label = re.fullmatch(r"[Mm](\d+)", session)
        return float(label[1]) if months is None and label else months

    def _sex(self, subject: str, session: str) -> str:
        text = self._value("sex", subject, session) or self._value("sex", subject)
        if text and text.lower() not in SEXES:
            self._unclear("sex", "M, F, male or female", text, "correct the values", subject)
        return SEXES.get(text.lower(), "")

    def _diagnosis(self, subject: str, session: str = "") -> str:
        text = self._value("diagnosis", subject, session)
        if text and normalise(text) not in self._diagnoses:
            expected = f"a value of cohort.diagnoses ({', '.join(sorted(self._diagnoses))})"
            self._unclear("diagnosis", expected, text, "add the value to cohort.diagnoses", subject, session)
        return self._diagnoses.get(normalise(text), "")

    def _unclear(self, key: str, expected: str, text: str, cure: str, subject: str, session: str = "") -> None:
        self._notes.add(
            key, expected, tell_value(text), f"{cure}; until then this is not known", _name(subject, session)
        )


def _name(subject: str, session: str) -> str:
    return f"sub-{tell_label(subject)}" + (f"_ses-{tell_label(session)}" if session else "")
