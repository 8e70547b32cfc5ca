"""The clinical tables of an ADNI download: found, checked, read as strings, poisonous rows set aside."""

from __future__ import annotations

import logging
import re
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from ldae.cohort.columns import QUARANTINE_COLUMNS
from ldae.errors import UserError
from ldae.files import hash_content, read_table

logger = logging.getLogger(__name__)

PTID = r"\d{3}_S_\d{4}"

MERGE, META, QUALITY = "ADNIMERGE", "MPRAGEMETA", "MRIQUALITY"
MAYO, APOE, DIAGNOSES = "MAYOADIRL_MRI_IMAGEQC_05_07_15", "APOERES", "DXSUM_PDXCONV_ADNIALL"

COLUMNS = {
    MERGE: [
        *("RID", "COLPROT", "ORIGPROT", "PTID", "SITE", "VISCODE", "EXAMDATE", "EXAMDATE_bl", "DX_bl", "DX"),
        *("AGE", "PTGENDER", "PTEDUCAT", "PTETHCAT", "PTMARRY", "APOE4", "PIB", "AV45", "ABETA", "PTAU"),
        *("ADAS11_bl", "ADAS13_bl", "ADASQ4_bl", "MMSE_bl", "RAVLT_immediate_bl", "TRABSCOR_bl"),
        *("mPACCdigit_bl", "mPACCtrailsB_bl", "MOCA_bl"),
    ],
    META: ["SubjectID", "Orig/Proc", "Visit", "MagStrength", "Sequence", "ScanDate", "StudyID", "SeriesID", "ImageUID"],
    QUALITY: ["RID", "LONIUID", "PASS"],
    MAYO: ["RID", "loni_image", "series_type", "series_selected", "series_quality"],
    APOE: ["RID"],
    DIAGNOSES: ["PTID", "VISCODE2", "DIAGNOSIS"],
}
FILE_NAMES = {DIAGNOSES: "(DXSUM_PDXCONV_ADNIALL|DXSUM_PDXCONV|DXSUM)"}
SUCCESSORS = {QUALITY: "MRIPROT", META: "All_Images"}
KEYS = {MERGE: "PTID", META: "SubjectID", QUALITY: "RID", MAYO: "RID", APOE: "RID", DIAGNOSES: "PTID"}

DATE = r"(19|20)\d\d-(0[1-9]|1[0-2])-(0[1-9]|[12]\d|3[01])"
NUMBER = r"\d+(\.\d+)?"
PHASE = r"ADNI(1|GO|2|3)"
# Column, pattern of its values, what that means, cure. The first failing check of a row is its reason.
RULES = {
    MERGE: [
        ("PTID", PTID, "a code like 011_S_4102", "Clinica 0.12 cannot convert five-digit subjects (ADNI4)"),
        ("ORIGPROT", PHASE, "ADNI1, ADNIGO, ADNI2 or ADNI3", "Clinica 0.12 cannot convert other phases"),
        ("COLPROT", PHASE, "ADNI1, ADNIGO, ADNI2 or ADNI3", "Clinica 0.12 cannot convert other phases"),
        ("VISCODE", r"bl|m\d{2,3}", "bl or mNN", "use ADNIMERGE's own visit codes"),
        ("EXAMDATE", DATE, "a date YYYY-MM-DD", "correct the date; spreadsheets rewrite dates, so use LONI's own file"),
        ("EXAMDATE_bl", DATE, "a date YYYY-MM-DD", "correct the date; use LONI's own file"),
        ("DX", r"(CN|MCI|Dementia)?", "CN, MCI, Dementia or nothing", "correct the diagnosis"),
        ("DX_bl", r"(CN|SMC|EMCI|LMCI|AD)?", "CN, SMC, EMCI, LMCI, AD or nothing", "correct the diagnosis"),
        ("PTGENDER", r"Male|Female", "Male or Female", "correct the value"),
        ("AGE", NUMBER, "an age in years", "fill in the age at baseline"),
    ],
    META: [
        ("SubjectID", PTID, "a code like 011_S_4102", "Clinica 0.12 cannot convert five-digit subjects (ADNI4)"),
        ("ImageUID", r"\d+", "a whole number", "fill in the image ID as LONI gives it"),
        ("SeriesID", r"\d+", "a whole number", "fill in the series ID as LONI gives it"),
        ("ScanDate", DATE, "a date YYYY-MM-DD", "correct the date; spreadsheets rewrite dates, so use LONI's own file"),
        ("MagStrength", NUMBER, "a field strength in tesla", "fill in 1.5 or 3"),
        ("Orig/Proc", r"Original|Processed", "Original or Processed", "correct the value"),
    ],
}


@dataclass(frozen=True)
class Tables:
    """The six tables by canonical name, every cell a string, and the rows set aside."""

    frames: dict[str, pd.DataFrame]
    quarantine: pd.DataFrame

    def of_subject(self, ptid: str) -> dict[str, pd.DataFrame]:
        """All six tables cut to one subject."""
        values = {"PTID": ptid, "SubjectID": ptid, "RID": rid_of(ptid)}
        return {name: frame[frame[KEYS[name]] == values[KEYS[name]]] for name, frame in self.frames.items()}


def label_of(ptid: str) -> str:
    """BIDS label of a subject code.

    Examples
    --------
    >>> label_of("011_S_4102")
    'ADNI011S4102'
    """
    return "ADNI" + ptid.replace("_", "")


def rid_of(ptid: str) -> str:
    """ADNI's roster ID: the last four digits without leading zeros.

    Examples
    --------
    >>> rid_of("011_S_0021")
    '21'
    """
    return str(int(ptid[-4:]))


def months_of(viscode: str) -> int:
    """Months since baseline of a visit code.

    Examples
    --------
    >>> months_of("bl"), months_of("m06")
    (0, 6)
    """
    return 0 if viscode == "bl" else int(viscode[1:])


def session_of(viscode: str) -> str:
    """BIDS session label of a visit code.

    Examples
    --------
    >>> session_of("m12")
    'M012'
    """
    return f"M{months_of(viscode):03d}"


def nominal_field(tesla: float) -> float:
    """The nominal field strength, 1.5 or 3 tesla, of a measured one (MPRAGEMETA also gives 1.494 and 2.894)."""
    return min((1.5, 3.0), key=lambda nominal: abs(nominal - tesla))


def hash_tables(frames: dict[str, pd.DataFrame]) -> str:
    """Hash of the content of one subject's tables."""
    return hash_content({name: [list(frame.columns), frame.to_numpy().tolist()] for name, frame in frames.items()})[:16]


def find_table(clinical_dir: str | Path, name: str) -> Path:
    """Return the one file of a table, searched below `clinical_dir` as Clinica does.

    Raises
    ------
    UserError
        The folder or the table is absent, or the table is there more than once.
    """
    folder = Path(clinical_dir)
    if not folder.is_dir():
        raise UserError(folder, "the folder with the clinical CSVs", "no such folder", "set cohort.clinical_dir")
    tables = sorted(path for path in folder.rglob("*.csv") if not path.name.startswith("."))
    pattern = re.compile(FILE_NAMES.get(name, name) + r"(_\d{1,2}[A-Za-z]{3}\d{4})?\.csv")
    matches = [path for path in tables if pattern.fullmatch(path.name)]
    if len(matches) > 1:
        names = ", ".join(str(path.relative_to(folder)) for path in matches)
        raise UserError(folder, f"one {name} table", f"{len(matches)}: {names}", "keep the newest, move the others out")
    if not matches:
        successor = SUCCESSORS.get(name)
        renamed = [path.name for path in tables if successor and successor in path.name]
        found = f"{len(tables)} CSVs, none of that name" + (f", but its successor {renamed[0]}" if renamed else "")
        cure = f"download {name} from LONI (Study Data)" + (
            "; Clinica 0.12 cannot read the new table: ask LONI for the archived one" if renamed else ""
        )
        raise UserError(folder, f"{name}.csv or {name}_01Jan2024.csv", found, cure)
    return matches[0]


def read_tables(clinical_dir: str | Path) -> Tables:
    """Find, read and check the six tables that Clinica needs.

    Raises
    ------
    UserError
        A table is missing, doubled, unreadable, empty, lacks a column, or has no usable row.
    """
    frames, quarantine = {}, []
    paths = {name: find_table(clinical_dir, name) for name in COLUMNS}
    for name, path in paths.items():
        frame = _read_strings(path, name)
        frame, rejected = _set_aside(frame, name, path)
        frames[name] = frame
        quarantine += rejected
    return Tables(frames, pd.DataFrame(quarantine, columns=QUARANTINE_COLUMNS))


def _read_strings(path: Path, name: str) -> pd.DataFrame:
    options = {"dtype": str, "keep_default_na": False, "encoding": "utf-8-sig"}
    try:
        frame = read_table(path, tuple(COLUMNS[name]), **options)
    except (pd.errors.ParserError, UnicodeDecodeError) as error:
        raise UserError(path, "a comma-separated UTF-8 table", str(error), "download it again") from None
    if name == APOE and not ({"APGEN1", "APGEN2"} <= set(frame) or "GENOTYPE" in frame):
        raise UserError(path, "columns APGEN1 and APGEN2, or GENOTYPE", "neither", "download the full table")
    if name in RULES and frame.empty:
        raise UserError(path, "at least one row", "a header only", "download it again")
    return frame.apply(lambda column: column.str.strip())


def _set_aside(frame: pd.DataFrame, name: str, path: Path) -> tuple[pd.DataFrame, list[dict]]:
    """Split the rows that would ruin a conversion from the others."""
    if name not in RULES:
        return frame, []
    reasons, cures = pd.Series("", index=frame.index), pd.Series("", index=frame.index)

    def mark(bad: pd.Series, reason: str | pd.Series, cure: str) -> None:
        bad = bad & reasons.eq("")
        reasons[bad] = reason if isinstance(reason, str) else reason[bad]
        cures[bad] = cure

    for column, pattern, meaning, cure in RULES[name]:
        found = f"{column} must be {meaning}, found '" + frame[column].str.slice(0, 40) + "'"
        mark(~frame[column].str.fullmatch(pattern), found, cure)
    for column in [rule[0] for rule in RULES[name] if rule[1] == DATE]:
        parsed = pd.to_datetime(frame[column], format="%Y-%m-%d", errors="coerce")
        mark(parsed.isna(), f"{column} is no day of the calendar: '" + frame[column] + "'", "correct the date")
    if name == MERGE:
        roster = frame["PTID"].str[-4:].str.lstrip("0")
        mark(frame["RID"].ne(roster), "RID is not the last four digits of PTID", "use LONI's own file")
        doubled = frame[reasons.eq("")].duplicated(["PTID", "VISCODE"]).reindex(frame.index, fill_value=False)
        mark(doubled, "a second row of this subject and visit", "keep one row a visit")
    bad = reasons.ne("")
    if bad.all():
        raise UserError(path, "at least one usable row", f"none; line 2: {reasons.iloc[0]}", cures.iloc[0])
    if bad.any():
        logger.warning("%s: %d of %d rows set aside, first: %s", path.name, bad.sum(), len(bad), reasons[bad].iloc[0])
    return frame[~bad], [
        {
            "subject": label_of(row[KEYS[name]]) if re.fullmatch(PTID, row[KEYS[name]]) else row[KEYS[name]],
            "session": session_of(row["VISCODE"]) if re.fullmatch(r"bl|m\d+", row.get("VISCODE", "")) else "",
            "image_id": row.get("ImageUID", ""),
            "table": path.name,
            "line": line + 2,
            "reason": reasons[line],
            "cure": cures[line],
        }
        for line, row in frame[bad].iterrows()
    ]
