"""The state folder: one per run, one training at a time, removed on success only."""

from __future__ import annotations

import pandas as pd
import pytest

from ldae.config.models import LatentsConfig
from ldae.errors import UserError
from ldae.files import PARTIAL
from ldae.training.state import TrainingJob, describe_run, dump_sections, origin, training_state


def fail(folder):
    """Leave a state and fail."""
    (folder / "state").touch()
    raise RuntimeError


def test_the_folder_survives_failure_and_goes_on_success(tmp_path):
    with pytest.raises(RuntimeError), training_state(tmp_path, {"seed": 0}) as first:
        fail(first)
    with training_state(tmp_path, {"seed": 0}) as again:
        assert again == first
        assert (again / "state").exists()
    assert not first.exists()


def test_another_configuration_has_another_folder(tmp_path):
    with pytest.raises(RuntimeError), training_state(tmp_path, {"seed": 0}) as first:
        raise RuntimeError
    with training_state(tmp_path, {"seed": 1}) as second:
        assert second != first
    assert first.exists()


def test_what_a_killed_training_was_writing_goes(tmp_path):
    with pytest.raises(RuntimeError), training_state(tmp_path, {"seed": 0}) as first:
        fail(first)
    (first / f"{PARTIAL}x1").mkdir()
    (first / f"{PARTIAL}x1" / "half").touch()
    with training_state(tmp_path, {"seed": 0}):
        assert sorted(path.name for path in first.iterdir()) == ["run.json", "state"]


def test_a_second_training_is_refused(tmp_path):
    with (
        training_state(tmp_path, {"seed": 0}),
        pytest.raises(UserError, match="holds the lock"),
        training_state(tmp_path, {"seed": 1}),
    ):
        pass


ROWS = pd.DataFrame(
    {
        "subject": ["b", "a", "b", "v"],
        "session": ["M00", "M00", "M06", "M00"],
        "path": ["1.nii", "2.nii", "3.nii", "4.nii"],
        "split": ["train", "train", "train", "validation"],
        "image_sha256": ["1", "2", "3", "4"],
    }
)


@pytest.fixture
def describe(tmp_path):
    parent = tmp_path / "ldm.safetensors"
    parent.write_text("a")

    def make(rows=ROWS, center="voxel", seed=3, code="x", content=None, pretrained=None):
        if content:
            parent.write_text(content)
        job = TrainingJob(seed, "weights", "history", "checkpoints", code, pretrained=pretrained)
        fitted = [rows[rows["split"] == split] for split in ("train", "validation")]
        return describe_run(job, {"latents": LatentsConfig(center=center)}, {"ldm": parent}, fitted)

    return make


def test_a_run_is_its_data_configuration_parents_and_seed(describe):
    before = describe()
    assert before["subjects"] == {"train": ["a", "b"], "validation": ["v"]}
    assert before["config"] == {"latents": {"center": "voxel"}}
    assert before["seed"] == 3
    assert describe(center="channel") != before
    assert describe(seed=4) != before
    assert describe(content="b") != before


def test_the_weights_of_others_count_by_their_content_wherever_they_lie(describe, tmp_path):
    files = [tmp_path / name for name in ("one.pth", "moved.pth", "other.pth")]
    for file, content in zip(files, "aab", strict=True):
        file.write_text(content)
    first, moved, other = (describe(pretrained=file) for file in files)
    assert first == moved != other
    assert "pretrained" in first["parents"] and "pretrained" not in describe()["parents"]


@pytest.mark.parametrize(
    "change",
    [
        lambda rows: rows[rows["session"] != "M06"],
        lambda rows: rows.assign(image_sha256=["1", "2", "5", "4"]),
        lambda rows: rows.assign(session=["M00", "M00", "M12", "M00"]),
        lambda rows: rows.assign(subject=["b", "c", "b", "v"]),
        lambda rows: rows.assign(split=["train", "validation", "train", "validation"]),
        lambda rows: rows.iloc[::-1],
        lambda rows: rows.assign(latent_sha256="7"),
        lambda rows: rows.assign(target=1.0),
    ],
)
def test_other_rows_are_another_run(describe, change):
    assert describe(change(ROWS)) != describe()


def test_code_paths_and_test_subjects_are_no_other_run(describe):
    before = describe()
    assert describe(code="y") == before
    assert describe(ROWS.assign(path="elsewhere.nii")) == before
    assert describe(pd.concat([ROWS.head(1).assign(subject="0", split="test"), ROWS])) == before


def test_how_a_training_is_computed_is_no_other_run(ldm_config, make_training):
    shared, longer = (
        ldm_config.model_copy(update={"training": make_training(**changes)})
        for changes in (
            {"accumulate": 2, "devices": 2, "compile": True, "save_every_minutes": 1, "activation_checkpointing": True},
            {"accumulate": 2, "steps": 8},
        )
    )
    alone = ldm_config.model_copy(update={"training": make_training(accumulate=2)})
    dumps = [dump_sections({"ldm": config}) for config in (alone, shared, longer)]
    assert dumps[0] == dumps[1] != dumps[2]


def test_settings_of_other_stages_and_the_lock_are_left(tmp_path):
    with pytest.raises(RuntimeError), training_state(tmp_path / "ldm", {"seed": 1}) as first:
        raise RuntimeError
    with training_state(tmp_path / "ldm", {"seed": 2}) as second:
        (second / "state").touch()
    assert [path.name for path in (tmp_path / "ldm").iterdir()] == [first.name]
    assert sorted(path.name for path in tmp_path.iterdir()) == [".ldm.lock", "ldm"]


def test_origin_names_versions():
    assert origin()["versions"]["torch"]
    assert origin()["commit"]
