"""Saved states: which are kept, what damage costs, and that the folder may be moved."""

from __future__ import annotations

import os
import random
from pathlib import Path

import pytest
import torch

from ldae.errors import UserError
from ldae.training.checkpoints import BEST, MappedCheckpoints, UnreadableError, checkpoint_path, load_mapped
from tests.unit.training.line import Line


def flip(path: Path) -> None:
    """Change one bit of the weights."""
    content = bytearray(path.read_bytes())
    content[content.index(load_mapped(path)["state_dict"]["net.weight"].numpy().tobytes()) + 3] ^= 4
    path.write_bytes(content)


def cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-100])


def names(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()}


def called(kind: str, *steps: int) -> set[str]:
    return {f"{kind}-{step:09d}.ckpt" for step in steps}


@pytest.fixture
def settings(make_training):
    """Six validations; at a learning rate of 10 the loss rises, so that the first weights are the best."""
    return make_training(steps=12, gradient_clip=0.0, warmup_steps=0, ema_decay=0.0, save_every_minutes=0)


@pytest.fixture
def stop(settings, fit_line, kill, tmp_path):
    """Train a line until it is killed before a step, and give the folder of its states."""

    def run(at, learning_rate=10.0, name="line"):
        stage = Line(settings, learning_rate)
        with kill(stage, at):
            fit_line(stage, name)
        return tmp_path / name / "state"

    return run


def test_damage_anywhere_in_a_file_is_noticed_or_changes_nothing(tmp_path):
    content = {"state_dict": {"a": torch.arange(7.0), "b": torch.ones(3, 2)}, "callbacks": {"rows": [{"loss": 0.25}]}}
    path = tmp_path / "state-1.ckpt"
    MappedCheckpoints().save_checkpoint(content, path)
    sound, draw, noticed = path.read_bytes(), random.Random(3), 0
    for _ in range(400):
        damaged = bytearray(sound)
        damaged[draw.randrange(len(sound))] ^= draw.randrange(1, 256)
        path.write_bytes(damaged)
        try:
            read = load_mapped(path)
        except UnreadableError:
            noticed += 1
            continue
        assert read["callbacks"] == content["callbacks"]
        assert all(torch.equal(read["state_dict"][name], tensor) for name, tensor in content["state_dict"].items())
    assert noticed > 150
    for length in range(0, len(sound), 50):
        path.write_bytes(sound[:length])
        with pytest.raises(UnreadableError):
            load_mapped(path)


def test_the_last_two_states_are_kept_and_the_best_weights_of_either(stop):
    assert names(stop(5)) == called("state", 4, 5) | called("best", 2)
    assert names(stop(5, learning_rate=0.01, name="falling")) == called("state", 4, 5) | called("best", 4)
    assert names(stop(6, learning_rate=0.01, name="both")) == called("state", 5, 6) | called("best", 4, 6)
    assert names(stop(1, name="none")) == called("state", 1)


def test_a_state_is_on_the_disk_before_it_has_its_name_and_its_name_before_another_goes(stop, monkeypatch):
    done, flush, rename, remove = [], os.fsync, os.replace, Path.unlink

    def fsync(descriptor):
        done.append("folder" if Path(f"/proc/self/fd/{descriptor}").is_dir() else "file")
        flush(descriptor)

    def replace(source, target):
        done.extend(["name"] * (Path(target).suffix == ".ckpt"))
        rename(source, target)

    monkeypatch.setattr(os, "fsync", fsync)
    monkeypatch.setattr(os, "replace", replace)
    monkeypatch.setattr(Path, "unlink", lambda path: done.append("remove") or remove(path))
    stop(4)
    saved = ["file", "name", "folder"]
    # A state each at steps 1 to 4, and one more with each validation, at 2 with the best weights before it.
    assert done == [*saved, *saved, *saved, *saved, *saved, "remove", *saved, "remove", *saved]


@pytest.mark.parametrize("damage", [flip, cut])
def test_a_damaged_state_gives_way_to_the_one_before(stop, settings, fit_line, tmp_path, caplog, damage):
    whole = fit_line(Line(settings, 10.0), "whole")
    folder = stop(5)
    damage(folder / "state-000000005.ckpt")
    stage = Line(settings, 10.0)
    resumed = fit_line(stage)
    assert "state-000000005.ckpt: this saved state is removed" in caplog.text
    assert "anew" not in caplog.text
    assert stage.steps[0] == 4
    assert torch.equal(resumed.state["net.weight"], whole.state["net.weight"]) and resumed.best == whole.best
    assert (tmp_path / "line.csv").read_text() == (tmp_path / "whole.csv").read_text()


@pytest.mark.parametrize("damaged", [["state-000000004", "state-000000005"], ["best-000000002"]])
def test_without_a_sound_state_or_its_best_weights_a_training_starts_anew(
    stop, settings, fit_line, tmp_path, caplog, damaged
):
    whole = fit_line(Line(settings, 10.0), "whole")
    folder = stop(5)
    for name in damaged:
        flip(folder / f"{name}.ckpt")
    stage = Line(settings, 10.0)
    resumed = fit_line(stage)
    assert damaged[0] in caplog.text and "the training starts anew" in caplog.text
    assert stage.steps[0] == 0
    assert torch.equal(resumed.state["net.weight"], whole.state["net.weight"])
    assert (tmp_path / "line.csv").read_text() == (tmp_path / "whole.csv").read_text()


def test_damaged_best_weights_are_not_given_away_and_the_same_command_makes_them_anew(settings, fit_line, tmp_path):
    whole = fit_line(Line(settings, 10.0), "whole")
    stage = Line(settings, 10.0)
    stage.on_train_end = lambda: flip(checkpoint_path(tmp_path / "line" / "state", BEST, 2))
    with pytest.raises(UserError, match=r"best-000000002\.ckpt[\s\S]*checksum[\s\S]*same command again"):
        fit_line(stage)
    again = fit_line(Line(settings, 10.0))
    assert torch.equal(again.state["net.weight"], whole.state["net.weight"])


@pytest.mark.parametrize("at", [5, 6])
def test_a_training_in_a_folder_that_was_moved_gives_the_best_weights(stop, settings, fit_line, tmp_path, at):
    """It is past the best: all weights after those of step 2 are worse."""
    whole = fit_line(Line(settings, 10.0), "whole")
    stop(at, name="here")
    (tmp_path / "here").rename(tmp_path / "there")
    moved = fit_line(Line(settings, 10.0), "there")
    assert moved.best == whole.best and moved.best["step"] == 2
    assert torch.equal(moved.state["net.weight"], whole.state["net.weight"])
    assert (tmp_path / "there.csv").read_text() == (tmp_path / "whole.csv").read_text()
