"""Each rule, and its script, gets the settings that are meant for it: no other's, and none of them fixed or dropped.

Every setting has a value of its own (tests/distinct_settings.yaml), so that a mix-up shows.
"""

from __future__ import annotations

import ast
import json
import os
import re
from collections import Counter
from collections.abc import Iterator
from contextlib import nullcontext
from dataclasses import is_dataclass
from inspect import signature
from pathlib import Path
from types import SimpleNamespace
from unittest.mock import MagicMock, patch

import pytest
import yaml
from snakemake.rules import Rule

from ldae.config import names
from ldae.config.base import Section
from tests.rule_params import FIXED, FOLDERS, SOURCES
from tests.rules import ROOT, describe_nothing, parse_rules

DEFAULTS = yaml.safe_load((ROOT / "config.yaml").read_text(encoding="utf-8"))
TEXT = (ROOT / "tests" / "distinct_settings.yaml").read_text(encoding="utf-8")
SCRIPTS = ROOT / "workflow_scripts"
WILDCARDS = SimpleNamespace(encoder="theirs")
COMPUTING = ("devices", "compile", "save_every_minutes", "activation_checkpointing")
WEIGHTS = {"pretrained": "weights to start from", "files": {"medicalnet": "weights to measure with"}}


def leaves(node: object, place: str = "") -> Iterator[tuple[str, object]]:
    """Place and value of each setting."""
    for key, value in node.items():
        yield from leaves(value, f"{place}{key}.") if isinstance(value, dict) else [(place + key, value)]


def plain(value: object) -> object:
    """Without the difference of tuples and lists."""
    return json.loads(json.dumps(value))


def pick(settings: dict, wanted: str | tuple[str, ...]) -> object:
    """One setting by its place, or several as nested dicts."""
    if isinstance(wanted, str):
        for key in wanted.split("."):
            settings = settings[int(key) if key.isdigit() else key]
        return settings
    found: dict = {}
    for place in wanted:
        *outer, last = place.split(".")
        inner = found
        for key in outer:
            inner = inner.setdefault(key, {})
        inner[last] = without_computing(pick(settings, place))
    return found


def without_computing(section: object) -> object:
    """Without what is no part of what a training is."""
    if not isinstance(section, dict) or "training" not in section:
        return section
    training = {name: value for name, value in section["training"].items() if name not in COMPUTING}
    return section | {"training": training}


def settings_of(rule: Rule) -> dict[str, object]:
    """The params of a rule that hold settings."""
    told = {name: value for name, value in rule.params.items() if name not in FIXED}
    told = {
        name: value(*[WILDCARDS, None][: len(signature(value).parameters)]) if callable(value) else value
        for name, value in told.items()
    }
    return {name: value for name, value in told.items() if value != {} and not str(value).startswith("results/")}


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """The folder with all that the settings point to."""
    folder = tmp_path_factory.mktemp("settings")
    for name in ("dicom_dir", "clinical_dir", "bids_dir"):
        (folder / name).mkdir()
    for path in re.findall(r"{folder}/([\w.]+)", TEXT):
        (folder / path).write_text("subject,split\n", encoding="utf-8")
    return folder


@pytest.fixture(scope="module")
def parsed(folder):
    """Settings, rules, and what these are told of the settings, by the cohort's source."""
    both = {}
    for source in SOURCES:
        settings = yaml.safe_load(TEXT.replace("{folder}", str(folder)))
        folders = FOLDERS.get(source, FOLDERS["adni"])
        known = "phantom" if source == "taken" else source
        settings["cohort"] |= {"source": known} | {name: str(folder / name) for name in folders}
        if source not in ("bids", "oasis"):
            settings["cohort"]["prefer"] = []  # refused where Clinica chooses
        settings["models_from"] = describe_nothing(folder, settings) if source == "taken" else None
        with patch.dict(os.environ):  # where jobs are told the device
            rules = parse_rules(settings, folder)
        # Told at once: the functions of params read the configuration that was parsed last.
        both[source] = settings, rules, {name: settings_of(rule) for name, rule in rules.items()}
    return both


def test_every_setting_has_a_value_of_its_own():
    distinct, defaults = dict(leaves(yaml.safe_load(TEXT))), dict(leaves(DEFAULTS))
    untold = {"models_from", "cohort.source", "cohort.dicom_dir", "cohort.clinical_dir", "cohort.bids_dir"}
    assert set(defaults) - set(distinct) == untold
    assert set(distinct) <= set(defaults)
    assert not [place for place, value in distinct.items() if value == defaults[place]]
    entries = [entry for value in distinct.values() for entry in (value if isinstance(value, list) else [value])]
    numbers = Counter(float(entry) for entry in entries if type(entry) in (int, float))
    assert not [number for number, count in numbers.items() if number and count > 1]  # 0 stands in every list of edits


@pytest.mark.parametrize("source, rule", [(source, rule) for source in SOURCES for rule in SOURCES[source]])
def test_a_rule_gets_its_settings(parsed, source, rule):
    settings, _, told = parsed[source]
    assert {name: plain(value) for name, value in told[rule].items()} == {
        name: plain(pick(settings, wanted)) for name, wanted in SOURCES[source][rule].items()
    }


@pytest.mark.parametrize("source", SOURCES)
def test_every_rule_is_looked_at(parsed, source):
    assert set(parsed[source][1]) == set(SOURCES[source])


@pytest.mark.parametrize(
    "source, rule, name, place",
    [
        ("phantom", "qc", "overrides", "qc_overrides"),
        ("adni", "check", "dicom_dir", "cohort.dicom_dir"),
        ("adni", "check", "clinical_dir", "cohort.clinical_dir"),
        ("adni", "inventory", "dicom_dir", "cohort.dicom_dir"),
        ("adni", "inventory", "clinical_dir", "cohort.clinical_dir"),
        ("bids", "bids", "bids_dir", "cohort.bids_dir"),
        ("oasis", "convert", "dicom_dir", "cohort.dicom_dir"),
    ],
)
def test_a_file_of_the_users_is_an_input(parsed, source, rule, name, place):
    settings, rules, _ = parsed[source]
    found = dict(rules[rule].input.items())[name]
    assert [str(path) for path in ([found] if isinstance(found, str) else found)] == [pick(settings, place)]


def test_the_phantom_is_read_where_it_is_made(parsed):
    rules = parsed["phantom"][1]
    made, read = dict(rules["phantom"].output.items()), dict(rules["check"].input.items())
    assert (str(made["images"]), str(made["clinical"])) == (str(read["dicom_dir"]), str(read["clinical_dir"]))


def test_shards_and_supervised_encoders_follow_the_settings(parsed):
    settings, rules, _ = parsed["phantom"]
    assert len(dict(rules["inventory"].output.items())["shards"]) == settings["cohort"]["shards"]
    encoders = dict(rules["table_downstream_paper"].params.items())["encoders"]
    assert names.SUPERVISED["age"] in encoders and "theirs" in encoders
    assert names.SUPERVISED["ad_cn"] not in encoders


@pytest.mark.parametrize("stage", ["autoencoder", "ldm", "representation", "dae", "supervised"])
def test_a_training_asks_for_its_devices_and_another_way_to_compute_it_trains_nothing_anew(parsed, stage):
    """Snakemake compares no param that is a function of `input`."""
    settings, rules, _ = parsed["phantom"]
    assert rules[stage].resources["gpu"] == settings[stage]["training"]["devices"]
    params = dict(rules[stage].params.items())
    computing = ("devices", "compiled", "save_every_minutes", "activation_checkpointing")
    assert all("input" in signature(params[name]).parameters for name in computing)


def test_every_job_is_told_the_device(tmp_path, monkeypatch):
    monkeypatch.setenv("LDAE_DEVICE", "")
    parse_rules({"device": "cuda"}, tmp_path)
    assert os.environ["LDAE_DEVICE"] == "cuda"


class Recorder:
    """Stands for every function that a script imports, and keeps what these are called with."""

    def __init__(self) -> None:
        self.received: list[object] = []

    def __call__(self, *values: object, **named: object) -> MagicMock:
        self.received += [*values, *named.values()]
        return MagicMock()


def run_script(script: Path, params: dict) -> list[object]:
    """Run a script whose functions do nothing, and give what they were called with."""
    recorder = Recorder()
    *imports, guard = ast.parse(script.read_text(encoding="utf-8")).body
    namespace: dict = {"__name__": "__main__"}
    for node in imports:
        if isinstance(node, ast.ImportFrom) and (node.module.startswith("ldae.config") or node.module == "_training"):
            exec(compile(ast.Module([node], []), script.name, "exec"), namespace)
        elif isinstance(node, ast.Import | ast.ImportFrom):
            namespace |= {alias.asname or alias.name: recorder for alias in node.names}
    namespace |= {
        "_rule": SimpleNamespace(job=lambda *_, **__: nullcontext()),
        "torch": MagicMock(),
        "Path": MagicMock(),
    }
    snakemake = MagicMock(params=SimpleNamespace(**params), resources=SimpleNamespace(runtime=61), threads=1)
    snakemake.input.embeddings = params.get("encoders", [])
    namespace["snakemake"] = snakemake
    exec(compile(ast.Module([guard], []), script.name, "exec"), namespace)
    return recorder.received


def numbers_in(value: object) -> Counter:
    """Every number and text inside a value, configurations and jobs included."""
    if isinstance(value, Section):
        value = dict(value)
    elif is_dataclass(value):
        value = vars(value)
    if isinstance(value, dict):
        return sum((numbers_in(each) for each in value.values()), Counter())
    if isinstance(value, list | tuple):
        return sum((numbers_in(each) for each in value), Counter())
    return Counter([value] if isinstance(value, bool | int | float | str) else [])


@pytest.mark.parametrize("source, rule", [(source, rule) for source in SOURCES for rule in SOURCES[source]])
def test_a_script_gives_on_what_its_rule_was_told(parsed, source, rule, monkeypatch):
    monkeypatch.syspath_prepend(SCRIPTS)
    _, rules, told = parsed[source]
    fixed = {name: MagicMock() for name in FIXED | {"dicom_dir", "clinical_dir"} if name != "encoders"}
    params = fixed | {"encoders": ["LDAE"]} | WEIGHTS | told[rule]
    received = numbers_in(run_script(SCRIPTS / Path(str(rules[rule].script)).name, params))
    weights = [value for name, value in WEIGHTS.items() if name in dict(rules[rule].params.items())]
    assert not numbers_in([*told[rule].values(), *weights]) - received
