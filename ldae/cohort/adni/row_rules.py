"""Rows by which no image can be found, each with its reason; found by running Clinica 0.12 and in its source.

A row stays if only what it says of the person or the visit makes no sense (`labels`).
"""

from __future__ import annotations

from functools import cache
from importlib.metadata import version
from typing import NamedTuple

import pandas as pd

from ldae.cohort.adni.names import (
    APOE,
    DIAGNOSES,
    KEYS,
    MAYO,
    MERGE,
    META,
    PTID,
    QUALITY,
    VISCODE,
    label_of,
    session_of,
)
from ldae.cohort.adni.values import MARK, T1_SERIES, tell_cell
from ldae.cohort.columns import QUARANTINE_COLUMNS
from ldae.errors import UserError, kind_of

NOT_T1 = "no T1-weighted series by its name"
OWN_FILE = "use LONI's own file; spreadsheets rewrite dates and numbers"


class Rule(NamedTuple):
    """What the values of a column must match in full, that in words, and the cure."""

    column: str
    pattern: str
    meaning: str
    cure: str


@cache
def converter_phases() -> tuple[str, ...]:
    """The phases of ADNI that the installed Clinica knows: its own list, so that a newer Clinica lifts the limit.

    Raises
    ------
    UserError
        Clinica is not installed, or keeps its list elsewhere.
    """
    try:
        from clinica.converters.adni_to_bids._utils import ADNIStudy
    except ImportError as error:
        cure = "install the locked environment"
        raise UserError("clinica", "Clinica's ADNI converter with its list of phases", kind_of(error), cure) from None
    return tuple(study.value for study in ADNIStudy)


def subject_pattern() -> str:
    """Codes of subjects that the installed Clinica can convert: ADNI4 brought five digits."""
    return r"\d{3}_S_\d{4,5}" if "ADNI4" in converter_phases() else PTID


def rules_of(name: str) -> list[Rule]:
    """The rules of a table; the first that a row breaks is its reason, those on columns it lacks do not count."""
    phases = sorted(converter_phases())
    clinica = f"Clinica {version('clinica')}"
    subject = (subject_pattern(), "a code like 011_S_4102", f"{clinica} cannot convert five-digit subjects (ADNI4)")
    phase = ("|".join(phases), f"one of {', '.join(phases)}", f"{clinica} cannot convert other phases")
    code = Rule("PTID", f"({subject[0]})?", *subject[1:])
    visit = r".*" if "ADNI4" in phases else r"(?!ADNI4|4_).*"
    by_table = {
        MERGE: [
            Rule("PTID", *subject),
            *(Rule(column, rf"{phase[0]}|(?!ADNI\d).*", *phase[1:]) for column in ("ORIGPROT", "COLPROT")),
        ],
        META: [
            Rule("SubjectID", *subject),
            Rule("Sequence", r".+", "the name of a series", "fill in the name as LONI gives it"),
            Rule("Orig/Proc", r"Original|Processed", "Original or Processed", "none: derived images are left out"),
            Rule("Visit", visit, "a visit that Clinica can convert", f"{clinica} cannot convert visits of ADNI4"),
            Rule("ImageUID", r"\d+", "a whole number", "fill in the image ID as LONI gives it"),
        ],
        APOE: [code],
        QUALITY: [code, Rule("PASS", MARK, "a number or nothing", OWN_FILE)],
        MAYO: [
            code,
            Rule("loni_image", r"I\d+", "an image ID like I123456", OWN_FILE),
            Rule("series_selected", MARK, "a number or nothing", OWN_FILE),
            Rule("series_quality", MARK, "a number or nothing", OWN_FILE),
        ],
        DIAGNOSES: [
            Rule("PTID", *subject),
            Rule("Phase", f"({phase[0]})?", *phase[1:]),
            Rule("DIAGNOSIS", r"[123]?", "1, 2, 3 or nothing", "correct the diagnosis"),
        ],
    }
    return by_table.get(name, [])


def set_aside(frame: pd.DataFrame, name: str, file: str, legacy: bool) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Split the rows that serve to find an image from the others.

    Parameters
    ----------
    frame : a table in its legacy form, all strings; its index counts the rows of the file from 0
    name : which of the six tables
    file : name of the file
    legacy : whether the file bears the legacy name; others list images of every kind

    Returns
    -------
    good, quarantine
        The quarantine is as `describe_rows` says.
    """
    reasons, cures = pd.Series("", index=frame.index, dtype=str), pd.Series("", index=frame.index, dtype=str)

    def mark(bad: pd.Series, reason: str | pd.Series, cure: str) -> None:
        bad = bad & reasons.eq("")
        reasons[bad] = reason if isinstance(reason, str) else reason[bad]
        cures[bad] = cure

    if name == META and not legacy:
        mark(~frame["Sequence"].str.fullmatch(T1_SERIES), NOT_T1, "none: only T1-weighted series are converted")
    rules = [rule for rule in rules_of(name) if rule.column in frame]
    for column, pattern, meaning, cure in rules:
        found = f"{column} must be {meaning}, found " + frame[column].map(tell_cell)
        mark(~frame[column].str.fullmatch(pattern), found, cure)
    if name == MERGE:
        roster = frame["PTID"].str.rsplit("_", n=1).str[-1].str.lstrip("0")
        given = frame["RID"].str.removesuffix(".0").str.lstrip("0")
        mark(
            given.str.fullmatch(r"\d+") & given.ne(roster),
            "RID is not the number at the end of PTID: whose row is it?",
            OWN_FILE,
        )
    bad = reasons.ne("")
    return frame[~bad], describe_rows(frame[bad], name, file, reasons[bad], cures[bad])


def describe_rows(rows: pd.DataFrame, name: str, file: str, reasons: pd.Series, cures: pd.Series | str) -> pd.DataFrame:
    """What there is to say of rows of a table, columns `QUARANTINE_COLUMNS`; `line` counts from 1, the header's."""
    subjects = rows[KEYS[name]]
    if "PTID" in rows:
        subjects = rows["PTID"].where(rows["PTID"].ne(""), subjects)
    labelled = subjects.str.fullmatch(r"\d{3}_S_\d{4,5}")
    codes = rows["VISCODE"] if name == MERGE else pd.Series("", index=rows.index, dtype=str)
    roster = subjects.str.fullmatch(r"\d{1,5}")
    described = {
        "subject": subjects.where(roster, "").mask(labelled, subjects.map(label_of)),
        "session": codes.where(codes.str.fullmatch(VISCODE), "").map(lambda code: session_of(code) if code else ""),
        "image_id": rows["ImageUID"].where(rows["ImageUID"].str.fullmatch(r"I?\d{1,8}(\.0)?"), "")
        if "ImageUID" in rows
        else "",
        "table": file,
        "line": rows.index + 2,
        "reason": reasons,
        "cure": cures,
    }
    return pd.DataFrame(described, columns=QUARANTINE_COLUMNS, index=rows.index).reset_index(drop=True)
