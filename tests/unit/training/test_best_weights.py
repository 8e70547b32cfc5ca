"""What a training does to its weights, on a line: clipping, accumulation, averaging, and which weights are kept."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from ldae.data.volumes import Volumes
from ldae.files import read_json, read_table
from ldae.training.checkpoints import BEST, STATE, checkpoint_path, load_mapped
from ldae.training.course import Course
from ldae.training.fit import fit_and_save
from ldae.training.stage import learning_rate_factor
from tests.unit.training.line import POINTS, Line


def test_accumulation_equals_the_big_batch(fit_line, make_training):
    states = []
    for batch_size, accumulate in [(6, 1), (2, 3)]:
        settings = make_training(batch_size=batch_size, accumulate=accumulate, gradient_clip=0.5, ema_decay=0.0)
        states.append(fit_line(Line(settings), str(accumulate)).state)
    for name in states[0]:
        torch.testing.assert_close(states[0][name], states[1][name])


@pytest.mark.parametrize("clip, clipped", [(0.05, True), (0.0, False)])
def test_gradients_are_clipped_to_the_norm(fit_line, make_training, clip, clipped):
    stage = Line(make_training(steps=1, validate_every_steps=1, gradient_clip=clip, ema_decay=0.0, warmup_steps=0))
    start = torch.cat([parameter.detach().clone().flatten() for parameter in stage.parameters()])
    end = fit_line(stage).state
    step = (torch.cat([end["net.weight"].flatten(), end["net.bias"]]) - start).norm().item()
    assert (step == pytest.approx(0.1 * 0.05, rel=1e-3)) == clipped
    assert step > 0


def test_the_learning_rate_warms_up_by_optimizer_steps(fit_line, make_training):
    stage = Line(make_training(steps=6, warmup_steps=4, accumulate=2))
    fit_line(stage)
    assert stage.rates == pytest.approx([0.025, 0.025, 0.05, 0.05, 0.075, 0.075, 0.1, 0.1, 0.1, 0.1, 0.1, 0.1])
    assert stage.steps == [0, 0, 1, 1, 2, 2, 3, 3, 4, 4, 5, 5]


def test_averaged_weights_are_the_moving_average_and_are_the_ones_judged(fit_line, make_training, tmp_path):
    stage = Line(make_training(steps=2, ema_decay=0.75, batch_size=12))
    stage.on_train_batch_end = lambda *args: stage.weights.append(stage.net.weight.detach().clone())
    result = fit_line(stage)
    before, first, again, second = stage.weights
    assert not torch.equal(before, first)
    assert torch.equal(first, again)
    torch.testing.assert_close(result.state["net.weight"], 0.75 * first + 0.25 * second)
    judged = Line(stage.settings)
    judged.load_state_dict(result.state)
    assert read_table(tmp_path / "line.csv")["val_loss"][0] == pytest.approx(judged.loss(POINTS).item())


def test_the_best_weights_come_back_not_the_last(fit_line, make_training, tmp_path):
    stage = Line(make_training(ema_decay=0.0, gradient_clip=0.0, warmup_steps=0), learning_rate=10.0)
    result = fit_line(stage)
    history = read_table(tmp_path / "line.csv")
    assert history["val_loss"].is_monotonic_increasing
    assert result.best["step"] == 2
    assert torch.equal(result.state["net.weight"], stage.weights[2])


@pytest.mark.parametrize("ema_decay", [0.0, 0.5])
def test_the_best_state_is_weights_alone_and_a_resumed_training_finds_it(
    fit_line, make_training, kill, tmp_path, ema_decay
):
    """The loss rises, so that the first state stays the best; the last one is whole."""
    settings = make_training(ema_decay=ema_decay, gradient_clip=0.0, warmup_steps=0)
    whole = fit_line(Line(settings, learning_rate=10.0), "whole")
    stage = Line(settings, learning_rate=10.0)
    with kill(stage, 5):
        fit_line(stage, "resumed")
    folder = tmp_path / "resumed" / "state"
    best, last = (load_mapped(checkpoint_path(folder, kind, step)) for kind, step in ((BEST, 2), (STATE, 4)))
    assert set(best) == {"state_dict"}
    assert last["optimizer_states"] and not torch.equal(*(each["state_dict"]["net.weight"] for each in (best, last)))
    resumed = fit_line(Line(settings, learning_rate=10.0), "resumed")
    assert resumed.best == whole.best and resumed.best["step"] == 2
    assert torch.equal(resumed.state["net.weight"], best["state_dict"]["net.weight"])
    assert torch.equal(resumed.state["net.weight"], whole.state["net.weight"])


def test_states_are_mapped_and_not_read_as_a_whole(fit_line, make_training, kill, monkeypatch):
    original, mapped = torch.load, []

    def load(*args, **kwargs):
        mapped.append(kwargs.get("mmap"))
        return original(*args, **kwargs)

    monkeypatch.setattr(torch, "load", load)
    stage = Line(make_training())
    with kill(stage, 5):
        fit_line(stage)
    fit_line(Line(make_training()))
    assert len(mapped) == 4  # to see whether they fit: the last and the best; to go on; to give the weights
    assert all(mapped)


def test_the_best_weights_are_the_ones_saved_with_what_they_are(make_training, make_job):
    settings = make_training(ema_decay=0.0, gradient_clip=0.0, warmup_steps=0)
    stages = []

    def build():
        stages.append(Line(settings, learning_rate=10.0))
        return stages[0]

    points = Volumes(range(12), lambda i: POINTS[i])
    job = make_job("line")
    fit_and_save(job, {"config": {"line": 1}}, build, "net", points, points)
    assert torch.equal(load_file(job.output)["weight"], stages[0].weights[2])
    assert not torch.equal(stages[0].weights[-1], stages[0].weights[2])
    sidecar = read_json(job.output.with_suffix(".json"))
    assert (sidecar["best"]["step"], sidecar["steps"], sidecar["config"]) == (2, 6, {"line": 1})
    assert sidecar["code"] == [{"from_step": 0, "code": "abc"}]


def test_history_columns_do_not_depend_on_when_a_loss_appears(tmp_path):
    course = Course(0, tmp_path / "h.csv", "run")
    course.rows = [{"step": 2, "val_loss": 1.0}, {"step": 4, "val_loss": 0.5, "train_adversarial": 2.0}]
    course.write()
    assert list(read_table(tmp_path / "h.csv").columns) == ["step", "train_adversarial", "val_loss"]


def test_the_learning_rate_rises_holds_and_falls(make_training):
    settings = make_training(steps=100, validate_every_steps=10, warmup_steps=10, cooldown_fraction=0.5)
    factors = [learning_rate_factor(settings, step) for step in range(100)]
    assert factors[0] == pytest.approx(0.1)
    assert factors[9:51] == [1.0] * 42
    assert np.allclose(np.diff(factors[50:]), -0.02)
    assert factors[-1] == pytest.approx(0.02)
    constant = make_training(steps=100, validate_every_steps=10, warmup_steps=0, cooldown_fraction=0.0)
    assert {learning_rate_factor(constant, step) for step in range(100)} == {1.0}
