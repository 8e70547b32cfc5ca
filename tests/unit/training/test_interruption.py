"""A training that is stopped within a validation interval, again and again, gives what an undisturbed one does."""

from __future__ import annotations

import os
import signal

import pytest
import torch

from ldae.data.volumes import Volumes
from ldae.training.autoencoder import AutoencoderStage
from ldae.training.fit import fit
from ldae.training.ldm import LDMStage
from tests.unit.training.conftest import KilledError
from tests.unit.training.line import Line

ENDS = {signal.SIGTERM: 143, signal.SIGINT: 130}


@pytest.fixture
def make_stage(ldm_config, autoencoder_config, diffusion, make_training):
    """A stage and its items; two validations, an accumulated batch, and both networks of the autoencoder at work."""

    def make(name, **changes):
        settings = {
            "steps": 6,
            "validate_every_steps": 3,
            "batch_size": 2,
            "accumulate": 2,
            "warmup_steps": 4,
        } | changes
        torch.manual_seed(0)
        if name == "ldm":
            training = make_training(**settings, cooldown_fraction=0.5)
            return LDMStage(ldm_config.model_copy(update={"training": training}), diffusion, 2)
        training = make_training(**settings, ema_decay=0.5)
        return AutoencoderStage(
            autoencoder_config.model_copy(update={"training": training, "adversarial_start_step": 1}), None
        )

    return make


@pytest.fixture
def train(tmp_path):
    """Train on six items, select by three in two batches; give the weights, the history and the row of the best."""

    def run(stage, name):
        generator = torch.Generator().manual_seed(5)
        shape = (2, 4, 4, 4) if isinstance(stage, LDMStage) else (1, 8, 8, 8)
        items = torch.rand(9, *shape, generator=generator)
        places = {"state_dir": tmp_path / name / "run", "history_path": tmp_path / f"{name}.csv"}
        sets = (Volumes(numbers, lambda i: items[i]) for numbers in (range(6), range(6, 9)))
        result = fit(stage, *sets, seed=3, **places)
        return result.state, places["history_path"].read_text(encoding="utf-8"), result.best, result.steps

    return run


def same(first, second):
    weights = zip(first[0].values(), second[0].values(), strict=True)
    return first[0].keys() == second[0].keys() and all(map(torch.equal, *zip(*weights, strict=True)))


def end(number):
    """What a signal does to this process, or with None the loss of it."""
    if number is None:
        raise KilledError
    os.kill(os.getpid(), number)


def interrupt(stage, at, number, in_validation=False):
    """Let the end come in the first part of a step, or in the first batch of the next validation."""
    name = "validation_step" if in_validation else "training_step"
    whole = getattr(stage, name)

    def step(batch, batch_idx):
        if (in_validation or stage.step == at) and batch_idx % 2 == 0:
            end(number)
        return whole(batch, batch_idx)

    setattr(stage, name, step)
    return stage


@pytest.mark.parametrize("name, number", [("ldm", signal.SIGTERM), ("autoencoder", signal.SIGINT)])
def test_a_training_that_is_asked_to_end_loses_nothing_wherever_it_is(make_stage, train, caplog, name, number):
    """In the middle of an interval, in its last step, in a validation; each run takes a step, or a validation more."""
    caplog.set_level("INFO", "ldae")
    before = [signal.getsignal(each) for each in ENDS]
    whole = train(make_stage(name), "whole")
    for at, in_validation, goes_on in [(0, False, 1), (1, False, 2), (2, False, 3), (3, True, 3), (4, False, 5)]:
        caplog.clear()
        with pytest.raises(SystemExit) as stopped:
            train(interrupt(make_stage(name), at, number, in_validation), "stopped")
        assert stopped.value.code == ENDS[number]
        assert f"stopped by {number.name}; its state is saved, and the same command goes on after step {goes_on}" in (
            caplog.text
        )
    resumed = train(make_stage(name), "stopped")
    assert "stopped: the training continues after step 5" in caplog.text
    assert same(resumed, whole) and resumed[1:] == whole[1:]
    assert [signal.getsignal(each) for each in ENDS] == before


@pytest.mark.parametrize("name", ["ldm", "autoencoder"])
def test_a_killed_training_goes_on_from_the_last_minute_it_was_saved_at(make_stage, train, name):
    """Saved after each step, it is killed in the middle of the next one, and twice in a validation."""
    whole = train(make_stage(name), "whole")
    for at, in_validation in [(1, False), (2, False), (3, True), (3, True), (5, False)]:
        with pytest.raises(KilledError):
            train(interrupt(make_stage(name, save_every_minutes=0), at, None, in_validation), "killed")
    stage, steps = make_stage(name), []
    step = stage.training_step
    stage.training_step = lambda batch, batch_idx: steps.append(stage.step) or step(batch, batch_idx)
    resumed = train(stage, "killed")
    assert steps == [5, 5]
    assert same(resumed, whole) and resumed[1:] == whole[1:]


@pytest.mark.slow
@pytest.mark.parametrize("threads", [1, 2])
def test_as_many_threads_go_on_to_the_same_bits_and_fewer_to_the_same_but_for_rounding(make_stage, train, threads):
    torch.set_num_threads(2)
    whole = train(make_stage("autoencoder"), "whole")
    with pytest.raises(SystemExit):
        train(interrupt(make_stage("autoencoder"), 1, signal.SIGTERM), "stopped")
    torch.set_num_threads(threads)
    resumed = train(make_stage("autoencoder"), "stopped")
    if threads == 2:
        assert same(resumed, whole) and resumed[1:] == whole[1:]
    for name, tensor in whole[0].items():
        torch.testing.assert_close(resumed[0][name], tensor, rtol=1e-3, atol=1e-4, msg=name)


@pytest.mark.parametrize("minutes, saved", [(9.9, 4), (10.1, 3)])
def test_the_state_is_saved_when_the_minutes_are_over(
    fit_line, make_training, kill, monkeypatch, tmp_path, minutes, saved
):
    """Each step takes five minutes, by a clock of the test."""
    now = iter(range(300, 10**4, 300))
    stage = Line(make_training(steps=8, validate_every_steps=8, save_every_minutes=minutes))
    whole, clock = stage.training_step, [0]

    def step(batch, batch_idx):
        clock[0] = next(now)
        return whole(batch, batch_idx)

    stage.training_step = step
    monkeypatch.setattr("ldae.training.keeper.time.monotonic", lambda: clock[0])
    with kill(stage, 5):
        fit_line(stage)
    (last, *_) = sorted((tmp_path / "line" / "state").glob("state-*"), reverse=True)
    assert last.name == f"state-{saved:09d}.ckpt"
