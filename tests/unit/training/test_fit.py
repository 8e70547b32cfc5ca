"""The fit function: resumed equals uninterrupted, accumulated equals the big batch."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import nn

from ldae.data.volumes import Volumes
from ldae.errors import UserError
from ldae.files import read_table
from ldae.training.fit import Course, Stage, fit, learning_rate_factor
from ldae.training.ldm import LDMStage


@pytest.fixture
def latents():
    torch.manual_seed(5)
    items = [torch.randn(2, 4, 4, 4) for _ in range(9)]
    return Volumes(range(6), lambda i: items[i]), Volumes(range(6, 9), lambda i: items[i])


@pytest.fixture
def train_ldm(latents, ldm_config, diffusion, tmp_path):
    def train(name, training, learning_rate=1e-3, kill_at=None, state=None):
        torch.manual_seed(0)
        stage = LDMStage(ldm_config.model_copy(update={"learning_rate": learning_rate}), diffusion, 2)
        if kill_at is not None:
            interrupt(stage, kill_at)
        folder = tmp_path / (state or "state")
        return fit(stage, *latents, training, seed=3, state_dir=folder, history_path=tmp_path / f"{name}.csv")

    return train


def interrupt(stage, step):
    whole = stage.training_step

    def training_step(batch, batch_idx):
        if stage.step == step:
            raise KilledError
        return whole(batch, batch_idx)

    stage.training_step = training_step


class KilledError(Exception):
    """Stands for the end of the process: nothing of Lightning's survives it but the files."""


@pytest.mark.parametrize("kill_at, ema_decay", [(1, 0.9), (2, 0.0), (5, 0.9)])
def test_killed_and_resumed_equals_uninterrupted(train_ldm, make_training, tmp_path, kill_at, ema_decay):
    training = make_training(ema_decay=ema_decay)
    whole = train_ldm("whole", training, state="a/run")
    with pytest.raises(KilledError):
        train_ldm("resumed", training, kill_at=kill_at, state="b/run")
    torch.manual_seed(99)
    resumed = train_ldm("resumed", training, state="b/run")
    assert resumed.state.keys() == whole.state.keys()
    assert all(torch.equal(resumed.state[name], whole.state[name]) for name in whole.state)
    assert (tmp_path / "resumed.csv").read_text() == (tmp_path / "whole.csv").read_text()
    assert list(read_table(tmp_path / "whole.csv")["step"]) == [2, 4, 6]


def test_a_finished_training_is_not_trained_further(train_ldm, make_training):
    whole = train_ldm("whole", make_training())
    again = train_ldm("again", make_training(), kill_at=6)
    assert again.best == whole.best and all(torch.equal(again.state[name], whole.state[name]) for name in whole.state)


def test_accumulation_and_processes_see_fresh_noise(train_ldm, make_training):
    """Two halves of a batch must not share their noise, nor two steps."""
    seen = []
    train = make_training(steps=2, accumulate=2)
    original = torch.randperm

    def spy(*args, generator=None, **kwargs):
        seen.append(generator.initial_seed())
        return original(*args, generator=generator, **kwargs)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(torch, "randperm", spy)
        train_ldm("noise", train)
    assert len(set(seen[:4])) == 4


def test_validation_is_the_same_every_time(train_ldm, make_training, tmp_path):
    train_ldm("still", make_training(), learning_rate=1e-30)
    history = read_table(tmp_path / "still.csv")
    assert history["val_loss"].nunique() == 1
    assert history["train_loss"].nunique() == 3


def test_training_stops_after_patience(train_ldm, make_training, tmp_path):
    result = train_ldm("long", make_training(steps=20, patience=2), learning_rate=1e-30)
    assert list(read_table(tmp_path / "long.csv")["step"]) == [2, 4, 6]
    assert result.steps == 6 and result.best["step"] == 2


def test_a_loss_that_is_not_finite_is_reported(train_ldm, make_training):
    with pytest.raises(UserError, match="finite losses"):
        train_ldm("nan", make_training(gradient_clip=0.0), learning_rate=1e30)


def test_the_state_of_another_training_is_refused(train_ldm, make_training, tmp_path):
    with pytest.raises(KilledError):
        train_ldm("first", make_training(), kill_at=5, state="a/run")
    (tmp_path / "a" / "run").rename(tmp_path / "a" / "other")
    with pytest.raises(UserError, match="delete the checkpoint folder"):
        train_ldm("second", make_training(), state="a/other")


class Line(Stage):
    """Least squares without any randomness."""

    def __init__(self, learning_rate=0.1):
        super().__init__()
        self.learning_rate = learning_rate
        torch.manual_seed(1)
        self.net = nn.Linear(4, 1)
        self.rates = []

    def configure_optimizers(self):
        return torch.optim.SGD(self.parameters(), self.learning_rate)

    def training_step(self, batch, batch_idx):
        self.rates.append(self.optimizers().param_groups[0]["lr"])
        loss = self.net(batch[:, :4]).sub(batch[:, 4:]).square().mean()
        self.track("train", {"loss": loss}, len(batch))
        return loss

    def validation_step(self, batch, batch_idx):
        self.track("val", {"loss": self.net(batch[:, :4]).sub(batch[:, 4:]).square().mean()}, len(batch))


@pytest.fixture
def points():
    values = torch.randn(12, 5, generator=torch.Generator().manual_seed(2))
    return Volumes(range(12), lambda i: values[i])


def test_accumulation_equals_the_big_batch(points, make_training, tmp_path):
    states = []
    for batch_size, accumulate in [(6, 1), (2, 3)]:
        training = make_training(batch_size=batch_size, accumulate=accumulate, gradient_clip=0.5, ema_decay=0.0)
        folder = tmp_path / str(accumulate)
        result = fit(Line(), points, points, training, seed=0, state_dir=folder, history_path=folder / "h.csv")
        states.append(result.state)
    for name in states[0]:
        torch.testing.assert_close(states[0][name], states[1][name])


def test_the_learning_rate_warms_up(points, make_training, tmp_path):
    stage = Line()
    training = make_training(steps=6, warmup_steps=4)
    fit(stage, points, points, training, seed=0, state_dir=tmp_path / "s", history_path=tmp_path / "h.csv")
    assert stage.rates == pytest.approx([0.025, 0.05, 0.075, 0.1, 0.1, 0.1])


def test_averaged_weights_are_the_moving_average(points, make_training, tmp_path):
    stage = Line()
    seen = []
    stage.on_train_batch_end = lambda *args: seen.append(stage.net.weight.detach().clone())
    training = make_training(steps=2, ema_decay=0.75)
    result = fit(stage, points, points, training, seed=0, state_dir=tmp_path / "s", history_path=tmp_path / "h.csv")
    torch.testing.assert_close(result.state["net.weight"], 0.75 * seen[0] + 0.25 * seen[1])


def test_the_best_weights_come_back_not_the_last(points, make_training, tmp_path):
    stage = Line(learning_rate=10.0)
    seen = []
    stage.on_train_batch_end = lambda *args: seen.append(stage.net.weight.detach().clone())
    training = make_training(ema_decay=0.0, gradient_clip=0.0, warmup_steps=0)
    result = fit(stage, points, points, training, seed=0, state_dir=tmp_path / "s", history_path=tmp_path / "h.csv")
    history = read_table(tmp_path / "h.csv")
    assert history["val_loss"].is_monotonic_increasing and result.best["step"] == 2
    assert torch.equal(result.state["net.weight"], seen[1])


def test_history_columns_do_not_depend_on_when_a_loss_appears(make_training, tmp_path):
    course = Course(make_training(), 0, tmp_path / "h.csv", "val_loss", "run")
    course.rows = [{"step": 2, "val_loss": 1.0}, {"step": 4, "val_loss": 0.5, "train_adversarial": 2.0}]
    course.write()
    assert list(read_table(tmp_path / "h.csv").columns) == ["step", "train_adversarial", "val_loss"]


def test_the_learning_rate_rises_holds_and_falls(make_training):
    training = make_training(steps=100, validate_every_steps=10, warmup_steps=10, cooldown_fraction=0.5)
    factors = [learning_rate_factor(training, step) for step in range(100)]
    assert factors[0] == pytest.approx(0.1) and factors[9:51] == [1.0] * 42
    assert np.allclose(np.diff(factors[50:]), -0.02) and factors[-1] == pytest.approx(0.02)
    constant = make_training(steps=100, validate_every_steps=10, warmup_steps=0, cooldown_fraction=0.0)
    assert {learning_rate_factor(constant, step) for step in range(100)} == {1.0}
