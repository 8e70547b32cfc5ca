"""What ADNIMERGE says of a visit, and every visit with or without a scan."""

from __future__ import annotations

from collections import defaultdict
from datetime import date
from pathlib import Path

import pandas as pd

from ldae.cohort.adni.names import label_of, session_of
from ldae.cohort.adni.timeline import MONTHS, ORIGIN, SCAN, place_rows
from ldae.cohort.adni.values import is_in_order
from ldae.files import write_table

DAYS_PER_YEAR = 365.25
DIAGNOSIS = {"CN": "CN", "MCI": "MCI", "Dementia": "AD"}
BASELINE = {"CN": "CN", "SMC": "CN", "EMCI": "MCI", "LMCI": "MCI", "AD": "AD"}
PERSONAL_FACTS = ("age", "sex", "diagnosis")
FACTS = ["session", "phase", *PERSONAL_FACTS, ORIGIN]
SESSION_COLUMNS = {"diagnosis": "diagnosis", "age": "age", "months": "months_from_baseline"}


def visit_facts(visit: dict) -> dict:
    """What holds at one visit, from its row of `timeline.place_visits`; what is unknown is empty."""
    return {
        "session": session_of(visit["VISCODE"]),
        "diagnosis": DIAGNOSIS.get(visit["DX"], ""),
        "age": _age_at(visit),
        "sex": visit["PTGENDER"][:1],
        "months": int(visit[MONTHS]) if visit[MONTHS] else "",
        "site": visit["SITE"],
        "phase": visit["COLPROT"],
        "diagnosis_bl": BASELINE.get(visit["DX_bl"], ""),
        "age_bl": float(visit["AGE"]) if visit["AGE"] else "",
        "apoe4": visit["APOE4"],
        "education_years": visit["PTEDUCAT"],
    }


def _age_at(visit: dict) -> float | str:
    """AGE + (EXAMDATE − EXAMDATE_bl) / 365.25 years, not rounded to a decimal as Clinica does; else AGE + months / 12.

    Unknown where these contradict each other, and at a visit that ADNIMERGE does not have.
    """
    if not visit["AGE"] or visit[ORIGIN] == SCAN:
        return ""
    if visit["EXAMDATE_bl"]:
        days = (pd.Timestamp(visit["EXAMDATE"]) - pd.Timestamp(visit["EXAMDATE_bl"])).days
        in_order = is_in_order(visit["VISCODE"], visit["EXAMDATE"], visit["EXAMDATE_bl"])
        return round(float(visit["AGE"]) + days / DAYS_PER_YEAR, 4) if in_order else ""
    return round(float(visit["AGE"]) + int(visit[MONTHS]) / 12, 4) if visit[MONTHS] else ""


def nearest_visits(images: pd.DataFrame, merge: pd.DataFrame) -> pd.DataFrame:
    """What holds at the visit nearest to each image.

    Parameters
    ----------
    images : rows with ptid, scan_date, visit and sequence
    merge : ADNIMERGE

    Returns
    -------
    pandas.DataFrame
        The keys of `visit_facts` and `timeline.ORIGIN`, in the index of `images`.
    """
    rows, scans, visits = defaultdict(list), defaultdict(list), {}
    for row in merge.to_dict("records"):
        rows[row["PTID"]].append(row)
    for image in images.to_dict("records"):
        scans[image["ptid"]].append(image)
    for ptid, own in scans.items():
        placed = place_rows(ptid, rows[ptid], own)
        visits[ptid] = [(date.fromisoformat(visit["EXAMDATE"]), visit) for visit in placed]
    facts = []
    for ptid, day in zip(images["ptid"], map(date.fromisoformat, images["scan_date"]), strict=True):
        _, visit = min(visits[ptid], key=lambda dated: abs(dated[0] - day))
        facts.append(visit_facts(visit) | {ORIGIN: visit[ORIGIN]})
    return pd.DataFrame(facts, index=images.index, columns=None if facts else FACTS)


def list_visits(ptid: str, visits: pd.DataFrame, rows: list[dict]) -> list[dict]:
    """One row per visit of a subject, columns `VISIT_COLUMNS`.

    Parameters
    ----------
    ptid : the subject's code
    visits : its visits, from `timeline.place_visits`
    rows : its images; an image that was not converted counts at the visit nearest to it
    """
    listed = []
    for visit in visits.sort_values("EXAMDATE").to_dict("records"):
        session = session_of(visit["VISCODE"])
        here = [row for row in rows if row["session"] == session]
        converted = [row["image_id"] for row in here if row["status"] == "converted"]
        listed.append(
            {
                "subject": label_of(ptid),
                "session": session,
                "exam_date": visit["EXAMDATE"],
                "diagnosis": DIAGNOSIS.get(visit["DX"], ""),
                "images": len(here),
                "image_id": "".join(converted),
            }
        )
    return listed


def write_sessions(path: Path, rows: list[dict]) -> None:
    """Write a subject's BIDS `_sessions.tsv`, one row per converted session, unless it says so already."""
    sessions = sorted(rows, key=lambda row: row["session"])
    table = pd.DataFrame({"session_id": [f"ses-{row['session']}" for row in sessions]})
    for column, name in SESSION_COLUMNS.items():
        table[name] = [row[column] if row[column] != "" else "n/a" for row in sessions]
    text = table.to_csv(sep="\t", index=False)
    if not path.is_file() or path.read_text(encoding="utf-8") != text:
        write_table(path, table)
