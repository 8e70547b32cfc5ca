"""What the check has to say, alike with alike, and what is not known of the images that are used."""

from __future__ import annotations

import pandas as pd

from ldae.cohort.adni.names import MERGE, label_of
from ldae.cohort.adni.tables import ClinicalTables
from ldae.cohort.adni.timeline import MAX_DAYS_FROM_VISIT, ORIGIN, SCAN
from ldae.cohort.adni.visits import PERSONAL_FACTS, nearest_visits


def finding(severity: str, where: object, expected: str, found: str, cure: str) -> dict:
    """A row of the findings, columns `FINDING_COLUMNS`."""
    return {"severity": severity, "where": str(where), "expected": expected, "found": found, "cure": cure}


def by_kind(rows: pd.DataFrame) -> list[tuple]:
    """Groups of rows, the largest first, alike in table, cure, and reason but for values, names and numbers."""
    kinds = rows["reason"].str.replace(
        r"'.*'|(?<=found )(?:text|a date or number)|\S*[/\\]\S*|\S+\.(?:dcm|nii|gz)\b|\d+(?:\.\d+)?", "…", regex=True
    )
    groups = rows.groupby([rows["table"], kinds, rows["cure"]], sort=False)
    return sorted(groups, key=lambda group: -len(group[1]))


def count(group: pd.DataFrame, noun: str) -> str:
    """How many there are of a kind, as the beginning of a sentence on the first."""
    return f"{len(group)} {noun}s, e.g. " if len(group) > 1 else f"1 {noun}, "


def describe_unknown(tables: ClinicalTables, images: pd.DataFrame, subjects: list[str]) -> list[dict]:
    """Warnings of cells that make no sense, of scans without a visit, and of labels that are not known of any scan.

    Parameters
    ----------
    tables : the six tables
    images : the images to convert, with ptid, scan_date, visit, sequence
    subjects : codes that have a folder; what is unknown of others is not said
    """
    here = {*map(label_of, subjects), ""}
    said = []
    for (table, _, cure), group in by_kind(tables.unknown[tables.unknown["subject"].isin(here)]):
        first = group.iloc[0]
        of_row = f"{count(group, 'row')}line {first['line']}: " if first["line"] != "" else ""
        said.append(finding("warning", table, "values that make sense", of_row + first["reason"], cure))
    if images.empty:
        return said
    facts = nearest_visits(images, tables.frames[MERGE])
    lost = images[facts[ORIGIN].eq(SCAN)]
    if len(lost):
        first = lost.iloc[0]
        found = f"{count(lost, 'image')}{first['image_id']} of {label_of(first['ptid'])}: no visit within "
        found += f"{MAX_DAYS_FROM_VISIT} days of the scan, so its diagnosis and age are not known"
        said.append(finding("warning", MERGE, "a visit for each scan", found, "download the current ADNIMERGE"))
    counts = {label: int(facts[label].eq("").sum()) for label in PERSONAL_FACTS}
    without = [f"{label} of {number}" for label, number in counts.items() if number]
    if without:
        found = f"not known: {', '.join(without)} of {len(images)} images, which serve where that is not needed"
        severity = "warning" if max(counts.values()) == len(images) else "note"
        said.append(finding(severity, MERGE, "age, sex and diagnosis of each scan", found, "see the warnings, if any"))
    return said
