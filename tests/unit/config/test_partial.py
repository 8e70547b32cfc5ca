"""Parts of the configuration, as rules and files of trained models hold them."""

import json
import warnings

import pytest

from ldae.config.load import load_config
from ldae.config.partial import partial_config
from tests.unit.config.conftest import ROOT

CONFIG = load_config(ROOT / "config.yaml")


def test_sections_that_went_through_json_are_the_same_as_before():
    whole = {name: getattr(CONFIG, name) for name in ("preprocessing", "qc", "ldm", "evaluation")}
    read = partial_config(json.loads(json.dumps({name: part.model_dump(mode="json") for name, part in whole.items()})))
    assert {name: getattr(read, name) for name in whole} == whole
    assert isinstance(read.preprocessing.grid_shape, tuple)
    with warnings.catch_warnings():
        warnings.simplefilter("error")  # pydantic's, of a list where a tuple belongs
        assert read.preprocessing.model_dump(mode="json") == whole["preprocessing"].model_dump(mode="json")


def test_a_part_of_a_section_has_no_other_values():
    part = partial_config({"evaluation": {"bootstrap": {"draws": 3}}})
    assert part.evaluation.bootstrap.draws == 3
    with pytest.raises(AttributeError):
        part.evaluation.bootstrap.confidence  # noqa: B018
