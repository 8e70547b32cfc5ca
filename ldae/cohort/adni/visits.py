"""What ADNIMERGE says of a visit, and every visit with or without a scan."""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from ldae.cohort.adni.names import label_of, months_of, session_of
from ldae.files import write_table

DAYS_PER_YEAR = 365.25
DIAGNOSIS = {"CN": "CN", "MCI": "MCI", "Dementia": "AD"}
BASELINE = {"CN": "CN", "SMC": "CN", "EMCI": "MCI", "LMCI": "MCI", "AD": "AD"}
SESSION_COLUMNS = {"diagnosis": "diagnosis", "age": "age", "months": "months_from_baseline"}


def visit_facts(visit: dict) -> dict:
    """What holds at one visit, from its row of ADNIMERGE.

    Age is AGE + (EXAMDATE − EXAMDATE_bl) / 365.25 years, not rounded to a decimal as Clinica does.
    """
    days = (pd.Timestamp(visit["EXAMDATE"]) - pd.Timestamp(visit["EXAMDATE_bl"])).days
    return {
        "session": session_of(visit["VISCODE"]),
        "diagnosis": DIAGNOSIS.get(visit["DX"], ""),
        "age": round(float(visit["AGE"]) + days / DAYS_PER_YEAR, 4),
        "sex": visit["PTGENDER"][0],
        "months": months_of(visit["VISCODE"]),
        "site": visit["SITE"],
        "phase": visit["COLPROT"],
        "diagnosis_bl": BASELINE.get(visit["DX_bl"], ""),
        "age_bl": float(visit["AGE"]),
        "apoe4": visit["APOE4"],
        "education_years": visit["PTEDUCAT"],
    }


def list_visits(ptid: str, visits: pd.DataFrame, rows: list[dict]) -> list[dict]:
    """One row per visit of a subject, columns `VISIT_COLUMNS`.

    Parameters
    ----------
    ptid : the subject's code
    visits : its rows of ADNIMERGE
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
