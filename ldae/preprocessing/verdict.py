"""Pass, warn or fail: the QC numbers of one scan against the thresholds of the config."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from ldae.config.preprocessing import QCConfig

LIMITS = (
    ("brain_volume_ml", "min_brain_volume_ml"),
    ("brain_volume_ml", "max_brain_volume_ml"),
    ("dice", "min_dice"),
    ("outside", "max_outside"),
    ("missing", "max_missing"),
    ("mutual_information", "min_mutual_information"),
    ("upright", "min_upright"),
    ("white_grey_ratio", "min_white_grey_ratio"),
    ("border", "max_border"),
)
LEVELS = ("pass", "warn", "fail")
STEP_SHARE = 0.05  # of the limit, where warn and fail coincide


@dataclass(frozen=True)
class LimitCheck:
    """One number held against one limit; `level` is pass, warn or fail, `margin` what the function `margin` gives."""

    name: str
    value: float
    side: str
    limit: float
    level: str
    margin: float


def check_limits(
    numbers: dict[str, float], config: QCConfig, limits: Sequence[tuple[str, str]] = LIMITS
) -> list[LimitCheck]:
    """Hold every number against its limits.

    Parameters
    ----------
    numbers : dict
        The numbers of `quality`; any others are not looked at.
    config : QCConfig
        The section `qc`, each limit as (warn, fail).
    limits : sequence of pairs
        Those of `LIMITS` that count.

    Returns
    -------
    list of LimitCheck
        One per limit, in the order of `limits`.
    """
    checks = []
    for name, limit in limits:
        warn, fail = getattr(config, limit)
        side = "above" if limit.startswith("max_") else "below"
        distance = margin(numbers[name], warn, fail, side)
        level = int(distance > 0) + int(distance > 1)
        checks.append(LimitCheck(name, numbers[name], side, fail if level == 2 else warn, LEVELS[level], distance))
    return checks


def margin(value: float, warn: float, fail: float, side: str) -> float:
    """How far a number is beyond its warn limit: at most 0 passes, up to 1 warns, more fails.

    Beyond the warn limit the unit is the distance from warn to fail; inside, the smaller of that and the limit itself,
    so that a distant fail limit does not make every good number look close to the warn limit. Where both limits
    coincide, the unit is 5 % of them, and whatever is beyond fails.

    Examples
    --------
    >>> [round(margin(dice, 0.945, 0.92, "below"), 2) for dice in (0.97, 0.945, 0.9325, 0.92, 0.87)]
    [-1.0, 0.0, 0.5, 1.0, 3.0]
    """
    if not math.isfinite(value):
        return math.inf
    past_warn, past_fail = (value - bound if side == "above" else bound - value for bound in (warn, fail))
    step = abs(fail - warn) or STEP_SHARE * abs(warn) or 1.0
    if past_fail > 0:
        return 1 + past_fail / step
    if past_warn > 0:
        return min(past_warn / step, 1.0)
    return past_warn / min(step, abs(warn) or step)


def judge(numbers: dict[str, float], config: QCConfig, limits: Sequence[tuple[str, str]] = LIMITS) -> tuple[str, str]:
    """Verdict by the thresholds of the config.

    Parameters
    ----------
    numbers : dict
        The numbers of `quality`.
    config : QCConfig
        The section `qc`, each limit as (warn, fail).
    limits : sequence of pairs
        Those of `LIMITS` that count.

    Returns
    -------
    status : str
        pass, warn or fail, the worst of all checks; a number that is not finite fails.
    reason : str
        Which numbers are beyond which limit; empty for pass.
    """
    checks = check_limits(numbers, config, limits)
    beyond = [one for one in checks if one.level != "pass"]
    reasons = [f"{one.name} {one.value:.4g} is {one.side} {one.limit:g}" for one in beyond]
    return max((one.level for one in checks), key=LEVELS.index), "; ".join(reasons)


def risk(numbers: dict[str, float], config: QCConfig) -> float:
    """The worst `margin` of all checks: the higher, the sooner a person should look."""
    return max(one.margin for one in check_limits(numbers, config))
