"""The JSON schema and the page of documentation, which must not drift from the typed model and config.yaml."""

import re

import pytest
import yaml
from jsonschema import Draft202012Validator

from ldae.config import schema as module
from tests.unit.config.conftest import ROOT

SCHEMA = module.make_schema()
FILES = [ROOT / "config.yaml", *sorted((ROOT / "presets").glob("*.yaml")), ROOT / "tests" / "workflow" / "tiny.yaml"]


@pytest.mark.parametrize("path", [module.SCHEMA, module.PAGE], ids=lambda path: path.name)
def test_the_committed_file_is_what_the_model_gives(path, tmp_path):
    module.write(tmp_path)
    made = (tmp_path / path.relative_to(ROOT)).read_text(encoding="utf-8")
    assert path.read_text(encoding="utf-8") == made, "run: make schema"


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_our_files_follow_the_schema(path):
    Draft202012Validator.check_schema(SCHEMA)
    Draft202012Validator(SCHEMA).validate(yaml.safe_load(path.read_text(encoding="utf-8")))


@pytest.mark.parametrize(
    "overlay, place",
    [
        ("seed: -1", ["seed"]),
        ("sampling: {solver: euler}", ["sampling", "solver"]),
        ("ldm: {training: {step: 3}}", ["ldm", "training"]),
        ("split: {test_fraction: 1}", ["split", "test_fraction"]),
        ("cohort: {columns: {age: 3}}", ["cohort", "columns", "age"]),
        ("preprocessing: {grid_shape: [32, 40]}", ["preprocessing", "grid_shape"]),
        ("evaluation: {comparison: {steps: [10, 10]}}", ["evaluation", "comparison", "steps"]),
    ],
)
def test_an_editor_marks_what_is_wrong(overlay, place):
    (error,) = Draft202012Validator(SCHEMA).iter_errors(yaml.safe_load(overlay))
    assert list(error.path) == place


@pytest.mark.parametrize("path", FILES[:-1], ids=lambda path: path.name)
def test_our_files_name_their_schema(path):
    named = re.match(r"# yaml-language-server: \$schema=(\S+)\n", path.read_text(encoding="utf-8"))
    assert (path.parent / named[1]).resolve() == module.SCHEMA


def test_the_page_has_a_row_for_each_setting_with_default_meaning_and_bounds():
    page = module.PAGE.read_text(encoding="utf-8")
    assert "| `training.steps` | `750` | optimizer steps, a multiple of" in page
    assert "| `timesteps` | `1000` | levels of noise | whole number ≥ 2 |" in page
    assert "| `solver` | `2m` |" in page
    assert "| `2m`, `ddim` |" in page
    assert "millilitres" in page


def test_what_a_setting_may_be_is_told_in_words():
    told = {
        "text or null": {"anyOf": [{"type": "string"}, {"type": "null"}]},
        "2 of: number > 0": {"type": "array", "prefixItems": [{"type": "number", "exclusiveMinimum": 0}] * 2},
        "list of at least 1 and at most 3: whole number": {
            "type": "array",
            "items": {"type": "integer"},
            "minItems": 1,
            "maxItems": 3,
        },
        "mapping of text to true or false": {"type": "object", "additionalProperties": {"type": "boolean"}},
        "`a`, `b`": {"enum": ["a", "b"], "type": "string"},
        "whole number ≥ 0, ≤ 4294967295": {"type": "integer", "minimum": 0, "maximum": 2**32 - 1},
    }
    assert [module.describe_values(node) for node in told.values()] == list(told)
