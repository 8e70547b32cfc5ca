"""Pass, warn or fail: the QC numbers of one scan against the thresholds of the config."""

from __future__ import annotations

import math

from ldae.config import QC

CHECKS = (
    ("brain_volume_ml", "min_brain_volume_ml"),
    ("brain_volume_ml", "max_brain_volume_ml"),
    ("dice", "min_dice"),
    ("outside", "max_outside"),
    ("missing", "max_missing"),
    ("mutual_information", "min_mutual_information"),
    ("white_grey_ratio", "min_white_grey_ratio"),
    ("border", "max_border"),
)


def judge(numbers: dict[str, float], config: QC) -> tuple[str, str]:
    """Verdict by the thresholds of the config.

    Parameters
    ----------
    numbers : the numbers of `quality`
    config : the section `qc`, each limit as (warn, fail)

    Returns
    -------
    status : pass, warn or fail, the worst of all checks; a number that is not finite fails
    reason : which numbers are beyond which limit; empty for pass
    """
    worst, reasons = 0, []
    for name, limit in CHECKS:
        warn, fail = getattr(config, limit)
        side = "above" if limit.startswith("max_") else "below"
        level = 2 if _beyond(numbers[name], fail, side) else int(_beyond(numbers[name], warn, side))
        if level:
            reasons.append(f"{name} {numbers[name]:.4g} is {side} {fail if level == 2 else warn:g}")
        worst = max(worst, level)
    return ("pass", "warn", "fail")[worst], "; ".join(reasons)


def _beyond(value: float, bound: float, side: str) -> bool:
    return not math.isfinite(value) or (value > bound if side == "above" else value < bound)
