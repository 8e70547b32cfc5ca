"""Files of settings in which YAML itself would find nothing wrong."""

import pytest

from ldae.config.duplicates import read_settings
from ldae.errors import UserError


@pytest.mark.parametrize(
    "text, named",
    [
        ("cohort: {source: adni}\nseed: 1\ncohort: {shards: 4}\n", "cohort"),
        ("ldm:\n  training:\n    steps: 1\n    steps: 2\n", "steps"),
        ("cohort: {columns: {age: a, age: b}}\n", "age"),
    ],
)
def test_a_key_that_is_there_twice_is_refused(tmp_path, text, named):
    path = tmp_path / "mine.yaml"
    path.write_text(text)
    with pytest.raises(UserError, match=rf"mine\.yaml: {named}\n.*each key once"):
        read_settings(path)


@pytest.mark.parametrize("text", ["- a\n- b\n", "just text\n", "a: [1\n", "a: 'x\n"])
def test_what_holds_no_settings_is_refused_with_its_name(tmp_path, text):
    path = tmp_path / "mine.yaml"
    path.write_text(text)
    with pytest.raises(UserError, match=r"mine\.yaml"):
        read_settings(path)


def test_the_same_key_in_two_sections_and_merged_anchors_are_fine(tmp_path):
    path = tmp_path / "mine.yaml"
    path.write_text("one: &base {steps: 1, size: 2}\ntwo: {<<: *base, steps: 3}\n")
    assert read_settings(path) == {"one": {"steps": 1, "size": 2}, "two": {"steps": 3, "size": 2}}
    path.write_text("# nothing\n")
    assert read_settings(path) == {}
