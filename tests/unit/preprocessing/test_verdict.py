"""The measured cases: real good scans and damaged copies of them."""

import pytest

from ldae.preprocessing.verdict import LIMITS, judge, margin, risk

NAMES = ("brain_volume_ml", "dice", "mutual_information", "outside", "missing", "white_grey_ratio")
CASES = {
    "good, smallest": ((1301, 0.947, 0.486, 0.0055, 0.022, 1.29), "pass"),
    "good, largest": ((1949, 0.967, 0.546, 0.0, 0.01, 1.81), "pass"),
    "elderly": ((1262, 0.948, 0.479, 0.005, 0.017, 1.13), "pass"),
    "flipped front-back": ((1645, 0.861, 0.328, 0.064, 0.12, 1.31), "fail"),
    "flipped up-down": ((1776, 0.894, 0.366, 0.075, 0.039, 1.12), "fail"),
    "axes permuted, wrong header": ((1734, 0.872, 0.340, 0.088, 0.054, 1.08), "fail"),
    "top of head missing": ((957, 0.765, 0.27, 0.001, 0.361, 1.01), "fail"),
    "bottom zeroed": ((1242, 0.908, 0.384, 0.002, 0.134, 1.35), "fail"),
    "pure noise": ((2447, 0.852, 0.306, 0.053, 0.17, 1.04), "fail"),
    "inverted contrast": ((1707, 0.922, 0.463, 0.049, 0.014, 0.82), "fail"),
    "half voxel size": ((193, 0.19, 0.04, 0.0, 0.895, 0.0), "fail"),
    "large": ((1980, 0.95, 0.50, 0.0, 0.02, 1.3), "warn"),
}


def numbers(values, border=0.0):
    return dict(zip(NAMES, values, strict=True)) | {"border": border, "upright": 0.3}


@pytest.mark.parametrize("values, expected", CASES.values(), ids=CASES)
def test_measured_cases(qc, values, expected):
    status, reason = judge(numbers(values), qc)
    assert status == expected
    assert bool(reason) == (expected != "pass")


def test_the_reason_names_number_and_limit(qc):
    assert judge(numbers((1500, 0.93, 0.5, 0.0, 0.0, 1.3)), qc) == ("warn", "dice 0.93 is below 0.945")
    assert judge(numbers((1500, 0.95, 0.5, 0.0, 0.0, 1.3), border=3.0), qc)[1] == "border 3 is above 2"


def test_a_failure_names_its_own_limit_and_the_worst_verdict_is_taken(qc):
    status, reason = judge(numbers((2300, 0.93, 0.5, 0.0, 0.09, 1.3)), qc)
    assert status == "fail"
    assert reason == "brain_volume_ml 2300 is above 2100; dice 0.93 is below 0.945; missing 0.09 is above 0.08"


def test_a_number_that_is_not_finite_fails(qc):
    assert judge(numbers((1500, float("nan"), 0.5, 0.0, 0.0, 1.3)), qc)[0] == "fail"


@pytest.mark.parametrize(
    "value, expected",
    [(0.97, -1), (0.945, 0), (0.9325, 0.5), (0.92, 1), (0.895, 2), (float("nan"), float("inf"))],
)
def test_the_margin_is_measured_from_warn_to_fail(value, expected):
    assert margin(value, 0.945, 0.92, "below") == pytest.approx(expected)
    assert margin(-value, -0.945, -0.92, "above") == pytest.approx(expected)


def test_a_far_fail_limit_does_not_make_a_good_number_risky():
    assert margin(0.0, 0.001, 0.05, "above") == -1
    assert margin(0.0005, 0.001, 0.05, "above") == pytest.approx(-0.5)


def test_coinciding_limits_fail_at_once():
    assert margin(1.1, 1.1, 1.1, "below") == 0 and margin(1.155, 1.1, 1.1, "below") == pytest.approx(-1)
    assert 1 < margin(1.099, 1.1, 1.1, "below") < margin(1.0, 1.1, 1.1, "below")


@pytest.mark.parametrize("name", [name for name, _ in LIMITS])
@pytest.mark.parametrize("share", [0.0, 0.3, 0.95, 1.0, 1.03, 1.2, 3.0])
def test_risk_and_verdict_agree(qc, name, share):
    good = numbers((1500, 0.96, 0.5, 0.001, 0.01, 1.3))
    limit = dict(LIMITS)[name]
    for bound in getattr(qc, limit):
        changed = good | {name: bound * share}
        status, worst = judge(changed, qc)[0], risk(changed, qc)
        assert status == ("pass" if worst <= 0 else "warn" if worst <= 1 else "fail")


def test_the_worst_number_gives_the_risk(qc):
    good = numbers((1500, 0.96, 0.5, 0.001, 0.01, 1.3))
    assert risk(good | {"dice": 0.95}, qc) == pytest.approx(-0.2)
    assert risk(good | {"dice": 0.95, "missing": 0.06}, qc) == pytest.approx(0.5)
