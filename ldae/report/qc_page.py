"""One HTML page with the picture of every scan, the riskiest first, for a person to leaf through."""

from __future__ import annotations

import os
from collections import Counter
from pathlib import Path

from jinja2 import Environment, StrictUndefined

from ldae.config.preprocessing import QCConfig
from ldae.files import read_table, write_text
from ldae.preprocessing.layout import ScanFiles
from ldae.preprocessing.verdict import check_limits
from ldae.report.qc_scans import NUMBERS, ORDER, read_scans

TEMPLATE = Path(__file__).with_name("qc_page.html")
EFFECTS = ("subject", "session", "verdict", "reason", "rater", "line", "effect")


def write_qc_page(qc: str | Path, effects: str | Path, config: QCConfig, output: str | Path) -> None:
    """Write the page: one file without any outside resource; pictures are linked relative to it and loaded lazily.

    Parameters
    ----------
    qc : path
        `results/qc.csv`.
    effects : path
        What the overrides changed, one row each (`cohort.overrides`).
    config : QCConfig
        The section `qc`, to mark the numbers beyond their limits.
    output : path
        HTML; it stays valid as long as its place relative to the pictures does.
    """
    scans = read_scans(qc, config)
    cards = [_card(row, config, Path(output).parent) for row in scans.to_dict("records")]
    counts = Counter(scans["verdict"])
    overrides = read_table(effects, EFFECTS, dtype=str, keep_default_na=False)
    environment = Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)
    page = environment.from_string(TEMPLATE.read_text(encoding="utf-8")).render(
        cards=cards,
        counts={verdict: counts[verdict] for verdict in ORDER},
        limits=config.model_dump(),
        overrides=overrides.to_dict("records"),
    )
    write_text(output, page)


def _card(row: dict, config: QCConfig, home: Path) -> dict:
    """What the page says of one scan."""
    numbers = {name: row[name] for name in NUMBERS}
    levels: dict[str, str] = {}
    if row["status"] != "error":
        for one in check_limits(numbers, config):
            if one.level != "pass" or one.name not in levels:
                levels[one.name] = one.level
    return {
        "subject": row["subject"],
        "session": row["session"],
        "verdict": row["verdict"],
        "status": row["status"],
        "reason": row["reason"],
        "judged": f"{row['rater']}: {row['override_reason']}" if row["override"] else "",
        "override": row["override"],
        "montage": _montage(row, home) if row["path"] else "",
        "numbers": [(name, f"{numbers[name]:.4g}", level) for name, level in levels.items()],
    }


def _montage(row: dict, home: Path) -> str:
    """Where the picture of a scan lies, seen from the page."""
    derivative = Path(row["path"]).parents[3]
    montage = ScanFiles.of(derivative, row["subject"], row["session"]).montage
    return os.path.relpath(montage, home).replace(os.sep, "/")
