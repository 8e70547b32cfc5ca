"""Encoders from outside in the configuration."""

import pytest

from ldae.config.evaluation import EvaluationConfig
from ldae.config.load import load_config
from ldae.config.schema import PAGE
from tests.unit.config.conftest import ROOT

GOOD = {"name": "theirs", "file": "a.ts", "input_shape": "[96, 112, 96]", "output": "average"}


def overlay(*encoders: dict) -> str:
    """A file of settings with these encoders."""
    listed = ", ".join("{" + ", ".join(f"{key}: {value}" for key, value in each.items()) + "}" for each in encoders)
    return f"evaluation: {{external_encoders: [{listed}]}}"


def test_an_encoder_is_read_with_its_size(faults, tmp_path):
    (tmp_path / "mine.yaml").write_text(overlay(GOOD, GOOD | {"name": "v1.2_b-c", "output": "flatten"}))
    first, second = load_config(ROOT / "config.yaml", tmp_path / "mine.yaml").evaluation.external_encoders
    assert (first.name, first.file, first.input_shape, first.output) == ("theirs", "a.ts", (96, 112, 96), "average")
    assert (second.name, second.output) == ("v1.2_b-c", "flatten")


@pytest.mark.parametrize(
    "changed, place, said",
    [
        ({"name": "a/b"}, ".0.name", "match pattern"),
        ({"name": "'{a}'"}, ".0.name", "match pattern"),
        ({"name": "''"}, ".0.name", "match pattern"),
        ({"name": "LDAE"}, "", "differ from each other and from those of the tables' own rows"),
        ({"name": "DAE"}, "", "differ from each other"),
        ({"file": "''"}, ".0.file", "at least 1 character"),
        ({"input_shape": "[96, 96]"}, ".0.input_shape.2", "required"),
        ({"input_shape": "[96, 0, 96]"}, ".0.input_shape.1", "or equal to 1"),
        ({"output": "mean"}, ".0.output", "'flatten' or 'average'"),
        ({"layer": "3"}, ".0.layer", "not permitted"),
    ],
)
def test_an_encoder_that_cannot_be_is_named(faults, changed, place, said):
    (line,) = faults(overlay(GOOD | changed))
    assert line.startswith(f"evaluation.external_encoders{place}: ") and said in line


def test_two_of_one_name_are_refused(faults):
    (line,) = faults(overlay(GOOD, GOOD | {"file": "b.ts"}))
    assert line.startswith("evaluation.external_encoders: must have names that differ")


def test_what_an_encoder_is_made_of_stands_on_the_page():
    (row,) = [line for line in PAGE.read_text(encoding="utf-8").splitlines() if "`external_encoders`" in line]
    assert all(f"`{key}`, " in row for key in GOOD)
    assert "3 of: whole number ≥ 1" in row
    assert EvaluationConfig.model_fields["external_encoders"].description in row
