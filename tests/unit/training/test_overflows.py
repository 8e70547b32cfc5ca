"""16-bit floats: a step that overflows is left out, but not for ever; their gradient scaler works on the CPU, too."""

from __future__ import annotations

import lightning as L
import pytest
import torch
from lightning.pytorch.plugins.precision import MixedPrecision

from ldae.errors import UserError
from ldae.files import read_table
from ldae.training.overflows import IN_A_ROW
from tests.unit.training.line import Line

PLAIN = {"ema_decay": 0.0, "warmup_steps": 0}


class Overflowing(Line):
    """Its loss is multiplied by a factor in some steps, and in validation where `factor_there` is given."""

    def __init__(self, settings, steps, factor=float("inf"), factor_there=1.0):
        super().__init__(settings)
        self.wrong, self.factor, self.factor_there = set(steps), factor, factor_there

    def loss(self, batch):
        if not self.training:
            return super().loss(batch) * self.factor_there
        return super().loss(batch) * (self.factor if self.step in self.wrong else 1.0)


@pytest.fixture
def scaled(monkeypatch):
    """Let trainers have the gradient scaler that Lightning takes for 16-mixed on a GPU."""
    original = L.Trainer

    def make(*, precision, plugins, **more):
        scaler = torch.amp.GradScaler("cpu", init_scale=1024)  # at which nothing overflows by itself
        return original(plugins=[*plugins, MixedPrecision("16-mixed", "cpu", scaler)], **more)

    monkeypatch.setattr(L, "Trainer", make)


@pytest.mark.usefixtures("scaled")
@pytest.mark.parametrize("changes", [{}, {"accumulate": 2}])
def test_a_step_that_overflows_is_left_out(fit_line, make_training, tmp_path, changes):
    settings = make_training(**PLAIN, **changes)
    left_out = fit_line(Overflowing(settings, [3]), "left_out")
    still = fit_line(Overflowing(settings, [3], factor=0.0), "still")  # a step that changes nothing
    other = fit_line(Overflowing(settings, []), "other")
    torch.testing.assert_close(left_out.state, still.state)
    assert not torch.allclose(left_out.state["net.weight"], other.state["net.weight"])
    assert left_out.steps == 6
    losses = read_table(tmp_path / "left_out.csv")
    assert losses.notna().all(axis=None)
    assert losses["train_loss"][1] == pytest.approx(2 * read_table(tmp_path / "still.csv")["train_loss"][1])


@pytest.mark.usefixtures("scaled")
def test_steps_that_overflow_for_ever_end_the_training(fit_line, make_training):
    settings = make_training(**PLAIN, steps=60, patience=99)
    assert fit_line(Overflowing(settings, range(3, 3 + IN_A_ROW - 1)), "enough").steps == 60
    assert fit_line(Overflowing(settings, set(range(3, 40)) - {15, 30}), "with_pauses").steps == 60
    stage = Overflowing(settings, range(3, 60))
    with pytest.raises(UserError, match=f"{IN_A_ROW} steps in a row, to step {3 + IN_A_ROW}; run again"):
        fit_line(stage, "too_many")
    assert stage.step == 3 + IN_A_ROW - 1


@pytest.mark.usefixtures("scaled")
def test_a_validation_loss_that_is_not_finite_ends_the_training_all_the_same(fit_line, make_training):
    with pytest.raises(UserError, match="val_loss = nan or inf"):
        fit_line(Overflowing(make_training(**PLAIN), [], factor_there=float("nan")))


def test_other_arithmetic_ends_at_the_first_loss_that_is_not_finite(fit_line, make_training):
    stage = Overflowing(make_training(**PLAIN), [3])
    with pytest.raises(UserError, match="train_loss = nan or inf; run again, it goes the same way") as error:
        fit_line(stage)
    assert "learning_rate" in error.value.cure and "precision" in error.value.cure
    assert stage.step == 3
