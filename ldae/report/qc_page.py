"""One HTML page with the montage of every scan, the riskiest first, for a person to scan through."""

from __future__ import annotations

import os
from collections import Counter
from pathlib import Path

from jinja2 import Environment, StrictUndefined

from ldae.config.preprocessing import QCConfig
from ldae.files import read_table, write_text
from ldae.preprocessing.verdict import check
from ldae.report.qc_scans import NUMBERS, ORDER, montage_of, read_scans

TEMPLATE = Path(__file__).with_name("qc_page.html")
EFFECTS = ("subject", "session", "verdict", "reason", "rater", "line", "effect")


def write_qc_page(qc: str | Path, effects: str | Path, config: QCConfig, output: str | Path) -> None:
    """Write the page: one file without any outside resource; pictures are linked relative to it and loaded lazily.

    Parameters
    ----------
    qc : `results/qc.csv`
    effects : what the overrides changed, a row each (`cohort.overrides`)
    config : the section `qc`, to mark the numbers beyond their limits
    output : HTML; it stays valid as long as its place relative to the pictures does
    """
    scans = read_scans(qc, config)
    cards = [_card(row, config, Path(output).parent) for row in scans.to_dict("records")]
    counts = Counter(scans["verdict"])
    overrides = read_table(effects, EFFECTS, dtype=str, keep_default_na=False)
    environment = Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)
    page = environment.from_string(TEMPLATE.read_text(encoding="utf-8")).render(
        cards=cards,
        counts={verdict: counts[verdict] for verdict in ORDER},
        limits={name: limits for name, limits in config.model_dump().items()},
        overrides=overrides.to_dict("records"),
    )
    write_text(output, page)


def _card(row: dict, config: QCConfig, home: Path) -> dict:
    """What the page says of one scan."""
    numbers = {name: row[name] for name in NUMBERS}
    levels: dict[str, str] = {}
    if row["status"] != "error":
        for one in check(numbers, config):
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
        "montage": os.path.relpath(montage_of(row["path"]), home).replace(os.sep, "/") if row["path"] else "",
        "numbers": [(name, f"{numbers[name]:.4g}", level) for name, level in levels.items()],
    }
