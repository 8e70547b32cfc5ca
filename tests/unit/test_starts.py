"""What trainings start from counts by its content: another file of the same name trains anew."""

from __future__ import annotations

import os

import pytest

from tests.rules import parse_rules

NETWORKS = ("autoencoder", "ldm", "representation")
OTHERS = {
    "autoencoder": ("autoencoder", "perceptual_weights"),
    "representation": ("encoder", "backbone_weights"),
    "dae": ("encoder", "backbone_weights"),
    "supervised": ("encoder", "backbone_weights"),
}


@pytest.fixture(scope="module")
def given(tmp_path_factory):
    """A folder of weights, and the rules of a run that starts from all of them."""
    place = tmp_path_factory.mktemp("given")
    for name in (*(f"{name}.safetensors" for name in NETWORKS), "autoencoder.pth", "encoder.pth"):
        (place / name).write_text(name)
    settings: dict = {name: {"init_from": str(place)} for name in NETWORKS}
    for section, name in OTHERS.values():
        settings.setdefault(section, {})[name] = str(place / f"{section}.pth")
    return place, parse_rules(settings, tmp_path_factory.mktemp("run"))


def starts(rule):
    """What the param holds when a job needs it."""
    return dict(rule.params.items())["starts"](None)


@pytest.mark.parametrize(
    "stage, file",
    [(name, f"{name}.safetensors") for name in NETWORKS]
    + [(stage, f"{section}.pth") for stage, (section, _) in OTHERS.items()],
)
def test_another_content_behind_the_same_name_and_time_trains_that_stage_again(given, stage, file):
    place, rules = given
    before = {name: starts(rules[name]) for name in ("ldm", *OTHERS)}
    path, times = place / file, (place / file).stat()
    path.write_text(file.upper())
    os.utime(path, ns=(times.st_atime_ns, times.st_mtime_ns))
    after = {name: starts(rules[name]) for name in before}
    path.write_text(file)
    changed = {name for name in before if before[name] != after[name]}
    assert stage in changed
    assert changed <= ({stage} if file.endswith("safetensors") or stage == "autoencoder" else set(OTHERS))
    assert {name: starts(rules[name]) for name in before} == before


def test_without_a_file_nothing_counts(tmp_path):
    rules = parse_rules({}, tmp_path)
    assert not [name for name in ("ldm", *OTHERS) if set(starts(rules[name])) != {None}]
