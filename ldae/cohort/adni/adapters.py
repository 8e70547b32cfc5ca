"""Today's LONI tables in the columns and values of the ones that Clinica 0.12 reads.

What LONI renamed stands in aramis-lab/clinica issues #1572 (DXSUM), #1574 (MRIPROT) and #1579 (All_Images). Where
nobody documented a column, its known variants (`spellings`) are looked up and what was assumed is said in a note. Rows
keep their index, which is their place in the file.
"""

from __future__ import annotations

import re

import pandas as pd

from ldae.cohort.adni.names import (
    APOE,
    DIAGNOSES,
    KEYS,
    MAYO,
    MERGE,
    META,
    NEEDED_COLUMNS,
    QUALITY,
    TABLE_COLUMNS,
    months_of,
    rid_of,
)
from ldae.cohort.adni.spellings import renamed_columns
from ldae.cohort.adni.values import tell_cell

# Columns that the list of images may lack, and what is done without.
ABSENT = {
    "SeriesID": "taken from the file names",
    "MagStrength": "taken from the DICOM headers",
    "StudyID": "not needed",
    "ScanDate": "taken from the folders' names",
    "Visit": "taken from the day of the scan",
    "Orig/Proc": "taken from the names of the series",
}

SCREENING = {"ADNIGO": "ADNIGO Screening MRI", "ADNI2": "ADNI2 Screening MRI-New Pt"}
EARLY = {
    ("ADNI1", 3): "ADNIGO Month 3 MRI",
    ("ADNIGO", 3): "ADNIGO Month 3 MRI",
    ("ADNI2", 3): "ADNI2 Month 3 MRI-New Pt",
    ("ADNI2", 6): "ADNI2 Month 6-New Pt",
}
VISIT_CODE = r"[a-z]+\d*|\d_[a-z0-9]+"
UNDATED = "scan of "  # with the day of the scan, a visit's name where the list of images gives none
IMAGE_TYPES = {"original": "Original"} | dict.fromkeys(("processed", "pre-processed", "preprocessed"), "Processed")
PROCESSED_NAME = r";|N3m?$|Scaled|__"  # as in "MPR; GradWarp; N3; Scaled"
WITHOUT = dict.fromkeys((QUALITY, MAYO), ": no quality mark is applied")
MARKS = {"true": "1", "yes": "1", "pass": "1", "false": "0", "no": "0", "fail": "0"}
DIAGNOSIS_CODES = {"cn": "1", "mci": "2", "dementia": "3", "ad": "3"}


def to_legacy(frame: pd.DataFrame, name: str) -> tuple[pd.DataFrame, list[str]]:
    """Give a table the columns and values of its legacy form, as far as it holds them.

    Parameters
    ----------
    frame : all strings
    name : which of the six tables

    Returns
    -------
    frame, notes
        The table, of ADNIMERGE and the list of images still without the columns that were not found and that nothing
        stands in for, and what was assumed.
    """
    frame, notes = match_columns(frame, name)
    frame, more = _fill_absent(frame, name)
    notes += more
    if name in ADAPTERS and set(NEEDED_COLUMNS.get(name, [])) <= set(frame):
        frame, more = ADAPTERS[name](frame)
        notes += more
    return frame, notes


def match_columns(frame: pd.DataFrame, name: str) -> tuple[pd.DataFrame, list[str]]:
    """Rename what stands for a legacy column: another spelling of it, or a known variant."""
    renamed = renamed_columns(list(frame.columns), name)
    frame = frame.rename(columns=renamed)
    notes = [f"columns read: {', '.join(f'{old} as {new}' for old, new in renamed.items())}"] if renamed else []
    if KEYS[name] == "RID" and "RID" not in frame and "PTID" in frame:
        roster = [rid_of(ptid) if re.fullmatch(r"\d{3}_S_\d+", ptid) else "" for ptid in frame["PTID"]]
        frame = frame.assign(RID=roster)
        notes.append("RID taken from PTID")
    return frame, notes


def name_visits(meta: pd.DataFrame, phases: dict[str, str]) -> tuple[pd.DataFrame, list[str]]:
    """Give visit codes the names by which Clinica finds their row of ADNIMERGE.

    Parameters
    ----------
    meta : MPRAGEMETA, whose column Visit holds codes (``sc``, ``m12``), names, or nothing
    phases : ORIGPROT of each subject

    Returns
    -------
    meta, notes
        Visits that no name fits keep their code, and those without a code bear the day of the scan; Clinica gives
        either to the visit of ADNIMERGE that is nearest in time.
    """
    pairs = list(zip(meta["Visit"], meta["SubjectID"].map(phases).fillna(""), strict=True))
    names = {pair: visit_name(*pair) if pair[1] else pair[0] for pair in set(pairs)}
    named = pd.Series([names[pair] for pair in pairs], index=meta.index, dtype=str)
    named = named.mask(named.eq(""), UNDATED + meta["ScanDate"])
    unknown = sorted({name for name in named if re.fullmatch(VISIT_CODE, name)})
    notes = []
    if any(code != name for (code, _), name in names.items()):
        notes.append("visit codes were given the names that Clinica looks up (sc and bl: the screening scan)")
    if unknown:
        notes.append(
            f"visits without a known name are found by the day of the scan: {', '.join(map(tell_cell, unknown[:8]))}"
        )
    return meta.assign(Visit=named), notes


def visit_name(code: str, phase: str) -> str:
    """Name of a visit in MPRAGEMETA; what is no known code comes back as it is.

    Examples
    --------
    >>> visit_name("m12", "ADNI1"), visit_name("sc", "ADNI2"), visit_name("ADNI2 Year 1 Visit", "ADNI2")
    ('ADNI1/GO Month 12', 'ADNI2 Screening MRI-New Pt', 'ADNI2 Year 1 Visit')
    """
    match = re.fullmatch(r"(?:(?P<screening>sc|scmri|bl|m0+)|m0*(?P<months>\d+)|y0*(?P<years>\d+))", code.lower())
    if not match:
        return code
    if match["screening"]:
        return SCREENING.get(phase, "ADNI Screening")
    if match["years"]:
        return f"ADNI3 Year {match['years']} Visit"
    months = int(match["months"])
    if (phase, months) in EARLY:
        return EARLY[phase, months]
    if phase in ("ADNI1", "ADNIGO"):
        return f"ADNI{'1/' if months < 54 else ''}GO Month {months}"
    return f"{phase} Year {months / 12:g} Visit"


def looked_up_name(viscode: str, phase: str) -> str:
    """The name under which Clinica looks a visit's scan up; for whole years it writes 1.0, which no table has.

    Examples
    --------
    >>> looked_up_name("m06", "ADNI1"), looked_up_name("m12", "ADNI2")
    ('ADNI1/GO Month 6', 'ADNI2 Year 1.0 Visit')
    """
    name = visit_name(viscode, phase)
    return f"{phase} Year {months_of(viscode) / 12} Visit" if name.startswith(f"{phase} Year ") else name


def _fill_absent(frame: pd.DataFrame, name: str) -> tuple[pd.DataFrame, list[str]]:
    absent = [column for column in TABLE_COLUMNS[name] if column not in frame]
    if not absent or name == MERGE:
        return frame, []
    if name != META:
        return pd.DataFrame(columns=TABLE_COLUMNS[name], dtype=str), [
            f"no column {', '.join(absent)}, so nothing of it is used as {name}" + WITHOUT.get(name, "")
        ]
    absent = [column for column in absent if column in ABSENT]
    notes = [f"no column for {column}: {ABSENT[column]}" for column in absent]
    return frame.assign(**dict.fromkeys(absent, "")), notes


def _adapt_visits(frame: pd.DataFrame) -> tuple[pd.DataFrame, list[str]]:
    """Dates, month 0 as baseline, and the roster ID where it is left out."""
    notes: list[str] = []
    for column in [column for column in ("EXAMDATE", "EXAMDATE_bl") if column in frame]:
        days, more = _iso_dates(frame[column])
        frame = frame.assign(**{column: days})
        notes += [f"{column}: {note}" for note in more]
    if "VISCODE" in frame:
        frame = frame.assign(VISCODE=frame["VISCODE"].replace("m00", "bl"))
    return frame, notes


def _adapt_images(frame: pd.DataFrame) -> tuple[pd.DataFrame, list[str]]:
    dates, notes = _iso_dates(frame["ScanDate"])
    by_name = frame["Sequence"].str.contains(PROCESSED_NAME).map({True: "processed", False: "original"})
    types = frame["Orig/Proc"].str.lower()
    types = types.where(types.isin([*IMAGE_TYPES, "post-processed"]), by_name)
    field = frame["MagStrength"].str.extract(r"(\d+(?:\.\d+)?) ?(?:T|tesla)?$", flags=re.IGNORECASE)[0]
    changed = {
        "ScanDate": dates,
        "Orig/Proc": types.map(IMAGE_TYPES).fillna(frame["Orig/Proc"]),
        "ImageUID": frame["ImageUID"].str.replace(r"^I?(\d+)(\.0)?$", r"\1", regex=True),
        "SeriesID": frame["SeriesID"].str.replace(r"^S?(\d+)(\.0)?$", r"\1", regex=True),
        "MagStrength": field.fillna(frame["MagStrength"]),
    }
    return frame.assign(**changed), notes


def _iso_dates(values: pd.Series) -> tuple[pd.Series, list[str]]:
    """Days as YYYY-MM-DD: times of day are cut off, and month/day/year, as LONI's image search writes, is turned.

    A column in which some first number is above 12 is not month/day/year, and its dates of that form are left alone.
    """
    days = values.str.replace(r"^(\d{4}[-/]\d{1,2}[-/]\d{1,2}|\d{1,2}/\d{1,2}/\d{4})[T ].*$", r"\1", regex=True)
    parts = days.str.extract(r"^(?P<year>\d{4})[-/](?P<month>\d{1,2})[-/](?P<day>\d{1,2})$")
    days = days.where(parts["year"].isna(), _joined(parts))
    parts = days.str.extract(r"^(?P<month>\d{1,2})/(?P<day>\d{1,2})/(?P<year>\d{4})$")
    american = parts["year"].notna()
    if not american.any() or parts.loc[american, "month"].astype(int).max() > 12:
        return days, []
    return _joined(parts).where(american, days), ["dates like 8/21/2024 read as month/day/year"]


def _joined(parts: pd.DataFrame) -> pd.Series:
    return parts["year"] + "-" + parts["month"].str.zfill(2) + "-" + parts["day"].str.zfill(2)


def _adapt_quality(frame: pd.DataFrame) -> tuple[pd.DataFrame, list[str]]:
    series = frame["LONIUID"].str.replace(r"^(?=\d)", "S", regex=True)
    return frame.assign(LONIUID=series, PASS=_marks(frame["PASS"])), []


def _adapt_mayo(frame: pd.DataFrame) -> tuple[pd.DataFrame, list[str]]:
    changed = {
        "loni_image": frame["loni_image"].str.replace(r"^(?=\d)", "I", regex=True),
        "series_type": frame["series_type"].str.replace(r"^M?T1w?$", "T1", regex=True),
        "series_selected": _marks(frame["series_selected"]),
    }
    return frame.assign(**changed), []


def _adapt_genotypes(frame: pd.DataFrame) -> tuple[pd.DataFrame, list[str]]:
    """GENOTYPE ``3/4`` as APGEN1 and APGEN2: Clinica fails on a subject without a genotype otherwise."""
    if {"APGEN1", "APGEN2"} <= set(frame) or "GENOTYPE" not in frame:
        return frame, []
    alleles = frame["GENOTYPE"].str.extract(r"^([234])/([234])$").fillna("")
    return frame.assign(APGEN1=alleles[0], APGEN2=alleles[1]), []


def _adapt_diagnoses(frame: pd.DataFrame) -> tuple[pd.DataFrame, list[str]]:
    codes = frame["DIAGNOSIS"].str.replace(r"^([123])\.0$", r"\1", regex=True)
    return frame.assign(DIAGNOSIS=codes.str.lower().map(DIAGNOSIS_CODES).fillna(codes)), []


def _marks(values: pd.Series) -> pd.Series:
    return values.str.lower().map(MARKS).fillna(values)


ADAPTERS = {
    MERGE: _adapt_visits,
    META: _adapt_images,
    QUALITY: _adapt_quality,
    MAYO: _adapt_mayo,
    APOE: _adapt_genotypes,
    DIAGNOSES: _adapt_diagnoses,
}
