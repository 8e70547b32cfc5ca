"""A person's verdicts on scans: they win over the numbers of quality control."""

from __future__ import annotations

import csv
import logging
from pathlib import Path

import pandas as pd

from ldae.errors import UserError, UserErrors
from ldae.files import read_table

logger = logging.getLogger(__name__)

OVERRIDE_COLUMNS = ("subject", "session", "verdict", "reason", "rater")
EFFECT_COLUMNS = [*OVERRIDE_COLUMNS, "line", "effect"]
VERDICTS = ("pass", "warn", "fail")
NO_SCAN = "none: there is no such scan"
NO_IMAGE = "none: preprocessing made no image, so there is nothing to readmit"


def read_overrides(path: str | Path | None) -> pd.DataFrame:
    """Read a list of verdicts, columns `OVERRIDE_COLUMNS` and `line`; None gives an empty one.

    Prefixes ``sub-`` and ``ses-`` are taken off; of a row that stands twice, one is kept.

    Raises
    ------
    UserErrors
        Everything wrong at once: columns or values missing, unknown verdicts, two verdicts for one scan.
    """
    if path is None:
        return pd.DataFrame(columns=[*OVERRIDE_COLUMNS, "line"])
    table = _read(Path(path))
    table = table.apply(lambda column: column.str.strip().str.strip('"'))
    table["line"] = table.index + 2
    table = table[table[list(OVERRIDE_COLUMNS)].ne("").any(axis=1)]
    table["subject"] = table["subject"].str.removeprefix("sub-")
    table["session"] = table["session"].str.removeprefix("ses-")
    errors = [error for row in table.to_dict("records") for error in _faults(path, row)]
    for (subject, session), rows in table.groupby(["subject", "session"]):
        if rows["verdict"].nunique() > 1:
            where = f"{path}: lines {', '.join(map(str, rows['line']))}"
            found = f"{' and '.join(rows['verdict'].unique())} for sub-{subject} ses-{session}"
            errors.append(UserError(where, "one verdict per scan", found, "keep the row that holds"))
    if errors:
        raise UserErrors(errors)
    return table.drop_duplicates(["subject", "session"])[[*OVERRIDE_COLUMNS, "line"]]


def _read(path: Path) -> pd.DataFrame:
    if path.suffix != ".tsv":
        raise UserError(path, "a name that ends in .tsv", path.name, "save the list as tab-separated text, *.tsv")
    expected, cure = "tab-separated text in UTF-8", "save it so, without tabs inside a reason"
    options = {"dtype": str, "keep_default_na": False, "quoting": csv.QUOTE_NONE, "skip_blank_lines": False}
    try:
        table = read_table(path, OVERRIDE_COLUMNS, encoding="utf-8-sig", **options).fillna("")
    except (pd.errors.ParserError, UnicodeDecodeError) as error:
        raise UserError(path, expected, " ".join(str(error).split()), cure) from None
    if not isinstance(table.index, pd.RangeIndex):  # pandas makes an index of what the header does not name
        raise UserError(path, expected, "more fields in line 2 than in the header", cure)
    return table


def _faults(path: str | Path, row: dict) -> list[UserError]:
    where = f"{path}: line {row['line']}"
    missing = [name for name in OVERRIDE_COLUMNS if not row[name]]
    errors = []
    if missing:
        errors.append(UserError(where, "a value in every column", f"no {', '.join(missing)}", "fill it in"))
    if row["verdict"] and row["verdict"] not in VERDICTS:
        errors.append(UserError(where, f"verdict {', '.join(VERDICTS)}", f"'{row['verdict']}'", "correct the verdict"))
    return errors


def apply_overrides(scans: pd.DataFrame, overrides: pd.DataFrame) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Give every scan its final verdict.

    A row for a scan that does not exist is only warned of, so that one list serves a growing cohort; so is a
    verdict on a scan without an image (status ``error``), which nobody can readmit.

    Parameters
    ----------
    scans : columns subject, session and status (by the numbers), one row per scan
    overrides : what `read_overrides` gave

    Returns
    -------
    scans
        With ``override``, ``override_reason`` and ``rater`` (empty where nobody judged) and the final ``verdict``.
    effects
        One row per override, columns `EFFECT_COLUMNS`: what it changed.
    """
    renamed = overrides.rename(columns={"verdict": "override", "reason": "override_reason"}).drop(columns="line")
    judged = scans.merge(renamed, on=["subject", "session"], how="left", validate="one_to_one")
    judged[["override", "override_reason", "rater"]] = judged[["override", "override_reason", "rater"]].fillna("")
    decided = judged["override"].ne("") & judged["status"].ne("error")
    judged["verdict"] = judged["status"].mask(decided, judged["override"])
    status = dict(zip(zip(scans["subject"], scans["session"], strict=True), scans["status"], strict=True))
    effects = overrides.assign(
        effect=[_effect(status.get((row.subject, row.session)), row.verdict) for row in overrides.itertuples()]
    )
    for row in effects[effects["effect"].isin([NO_SCAN, NO_IMAGE])].itertuples():
        logger.warning("override of sub-%s ses-%s, line %d: %s", row.subject, row.session, row.line, row.effect)
    return judged, effects[EFFECT_COLUMNS]


def _effect(status: str | None, verdict: str) -> str:
    """What a verdict changes for a scan whose numbers gave `status` (None: no such scan)."""
    if status is None:
        return NO_SCAN
    if status == "error":
        return NO_IMAGE
    if status == verdict:
        return "confirmed"
    if verdict == "fail":
        return "removed"
    return "readmitted" if status == "fail" else f"{status} became {verdict}"
