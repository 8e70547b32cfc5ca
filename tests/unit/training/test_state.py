"""The state folder: one a run, one training at a time, removed on success only."""

from __future__ import annotations

import pandas as pd
import pytest

from ldae.errors import UserError
from ldae.training.state import Job, describe_run, origin, training_state


def test_the_folder_survives_failure_and_goes_on_success(tmp_path):
    with pytest.raises(RuntimeError), training_state(tmp_path, {"seed": 0}) as first:
        (first / "last.ckpt").touch()
        raise RuntimeError
    with training_state(tmp_path, {"seed": 0}) as again:
        assert again == first and (again / "last.ckpt").exists()
    assert not first.exists()


def test_another_configuration_has_another_folder(tmp_path):
    with pytest.raises(RuntimeError), training_state(tmp_path, {"seed": 0}) as first:
        raise RuntimeError
    with training_state(tmp_path, {"seed": 1}) as second:
        assert second != first
    assert first.exists()


def test_a_second_training_is_refused(tmp_path):
    with (
        training_state(tmp_path, {"seed": 0}),
        pytest.raises(UserError, match="another process"),
        training_state(tmp_path, {"seed": 1}),
    ):
        pass


def test_a_run_changes_with_everything_that_determines_it(tmp_path):
    dataset, parent = tmp_path / "dataset.csv", tmp_path / "ldm.safetensors"
    dataset.write_text("a"), parent.write_text("a")
    rows = pd.DataFrame({"subject": ["b", "a", "b"]})

    def describe(config=1, seed=0, code="x", train=rows):
        job = Job(seed, "weights", "history", "checkpoints", code)
        return describe_run(job, {"ldm": config}, dataset, {"ldm": parent}, (train, rows[:1]))

    before = describe()
    assert before["subjects"] == {"train": ["a", "b"], "validation": ["b"]}
    assert describe(config=2) != before and describe(seed=1) != before and describe(code="y") != before
    assert describe(train=rows[:1]) != before
    parent.write_text("b")
    assert describe() != before


def test_origin_names_versions():
    assert origin()["versions"]["torch"] and origin()["commit"]
