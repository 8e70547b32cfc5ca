"""The fit function: resumed equals uninterrupted, accumulated equals the big batch, the best weights are kept."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from safetensors.torch import load_file
from torch import nn

from ldae.data.volumes import Volumes
from ldae.errors import UserError
from ldae.files import read_json, read_table
from ldae.training.course import Course
from ldae.training.fit import fit, fit_and_save
from ldae.training.ldm import LDMStage
from ldae.training.stage import Stage, learning_rate_factor


@pytest.fixture
def latents():
    torch.manual_seed(5)
    items = [torch.randn(2, 4, 4, 4) for _ in range(9)]
    return Volumes(range(6), lambda i: items[i]), Volumes(range(6, 9), lambda i: items[i])


@pytest.fixture
def make_stage(ldm_config, diffusion):
    def make(settings, **changes) -> LDMStage:
        torch.manual_seed(0)
        return LDMStage(ldm_config.model_copy(update={"training": settings, **changes}), diffusion, 2)

    return make


@pytest.fixture
def train(latents, tmp_path):
    def run(stage, name, state="a/run", seed=3, code="old", tensorboard=None):
        places = {"state_dir": tmp_path / state, "history_path": tmp_path / f"{name}.csv"}
        return fit(stage, *latents, seed=seed, code=code, tensorboard_dir=tensorboard, **places)

    return run


def same(first, second):
    return first.keys() == second.keys() and all(torch.equal(first[name], second[name]) for name in first)


@pytest.mark.parametrize(
    ("kill_at", "changes"), [(1, {}), (2, {"ema_decay": 0.0}), (5, {"cooldown_fraction": 0.5, "accumulate": 2})]
)
def test_killed_and_resumed_equals_uninterrupted(make_stage, train, make_training, kill, tmp_path, kill_at, changes):
    settings = make_training(**changes)
    whole = train(make_stage(settings), "whole", "a/run")
    stage = make_stage(settings)
    with kill(stage, kill_at):
        train(stage, "resumed", "b/run")
    stage = make_stage(settings)
    torch.manual_seed(99)
    resumed = train(stage, "resumed", "b/run")
    assert same(resumed.state, whole.state)
    assert (tmp_path / "resumed.csv").read_text() == (tmp_path / "whole.csv").read_text()
    assert list(read_table(tmp_path / "whole.csv")["step"]) == [2, 4, 6]
    assert whole.codes == resumed.codes == [{"from_step": 0, "code": "old"}]


def test_other_code_goes_on_with_the_training_and_is_recorded(make_stage, train, make_training, kill, caplog):
    whole = train(make_stage(make_training()), "whole", "a/run")
    stage = make_stage(make_training())
    with kill(stage, 5):
        train(stage, "resumed", "b/run")
    with caplog.at_level("INFO", logger="ldae"):
        resumed = train(make_stage(make_training()), "resumed", "b/run", code="new")
    assert "the training continues; its code changed since step 4: old -> new" in caplog.text
    assert resumed.codes == [{"from_step": 0, "code": "old"}, {"from_step": 4, "code": "new"}]
    assert same(resumed.state, whole.state)


@pytest.mark.parametrize("change", ["shape", "name", "damage", "best"])
def test_a_state_that_no_longer_fits_is_said_and_training_starts_anew(
    make_stage, train, make_training, kill, caplog, tmp_path, change
):
    shape = {"channels": [4, 16]} if change == "shape" else {}
    whole = train(make_stage(make_training(), **shape), "whole", "a/run", code="new")
    stage = make_stage(make_training())
    if change == "name":
        stage.surplus = nn.Linear(1, 1)
    with kill(stage, 5):
        train(stage, "resumed", "b/run")
    if change in ("damage", "best"):
        path = tmp_path / "b" / "run" / ("last.ckpt" if change == "damage" else "best.ckpt")
        path.write_bytes(path.read_bytes()[:100])
    with caplog.at_level("WARNING", logger="ldae"):
        resumed = train(make_stage(make_training(), **shape), "resumed", "b/run", code="new")
    assert "the training starts anew" in caplog.text
    assert resumed.codes == [{"from_step": 0, "code": "new"}] and same(resumed.state, whole.state)


def test_a_finished_training_is_not_trained_further(make_stage, train, make_training, kill):
    whole = train(make_stage(make_training()), "whole")
    again = make_stage(make_training())
    kill(again, 6)
    result = train(again, "again", code="new")
    assert result.best == whole.best and same(result.state, whole.state) and result.codes == whole.codes


def test_accumulation_and_processes_see_fresh_noise(make_stage, train, make_training):
    """Two halves of a batch must not share their noise, nor two steps."""
    seen = []
    original = torch.randperm

    def spy(*args, generator=None, **kwargs):
        seen.append(generator.initial_seed())
        return original(*args, generator=generator, **kwargs)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(torch, "randperm", spy)
        train(make_stage(make_training(steps=2, accumulate=2)), "noise")
    assert len(set(seen[:4])) == 4


def test_another_seed_gives_other_noise_and_other_batches(make_stage, train, make_training, tmp_path):
    """The weights start alike, so that only `fit`'s own seed can tell the two apart."""
    results = [train(make_stage(make_training()), f"seed{seed}", f"{seed}/run", seed=seed) for seed in (3, 4)]
    assert not same(results[0].state, results[1].state)
    losses = [read_table(tmp_path / f"seed{seed}.csv")["train_loss"][0] for seed in (3, 4)]
    assert losses[0] != losses[1]


def test_validation_is_the_same_every_time(make_stage, train, make_training, tmp_path):
    train(make_stage(make_training(), learning_rate=1e-30), "still")
    history = read_table(tmp_path / "still.csv")
    assert history["val_loss"].nunique() == 1
    assert history["train_loss"].nunique() == 3


def test_training_stops_after_patience_and_stays_so(make_stage, train, make_training, kill, tmp_path):
    settings = make_training(steps=20, patience=2)
    result = train(make_stage(settings, learning_rate=1e-30), "long")
    assert list(read_table(tmp_path / "long.csv")["step"]) == [2, 4, 6]
    assert result.steps == 6 and result.best["step"] == 2
    again = make_stage(settings, learning_rate=1e-30)
    kill(again, 6)
    assert train(again, "again").steps == 6


def test_patience_outlives_a_kill(make_stage, train, make_training, kill):
    settings = make_training(steps=20, patience=3)
    stage = make_stage(settings, learning_rate=1e-30)
    with kill(stage, 5):
        train(stage, "long")
    assert train(make_stage(settings, learning_rate=1e-30), "long").steps == 8


def test_a_loss_that_is_not_finite_is_reported(make_stage, train, make_training):
    with pytest.raises(UserError, match="finite losses"):
        train(make_stage(make_training(gradient_clip=0.0), learning_rate=1e30), "nan")


def test_the_state_of_another_training_is_refused(make_stage, train, make_training, kill, tmp_path):
    stage = make_stage(make_training())
    with kill(stage, 5):
        train(stage, "first", "a/run")
    (tmp_path / "a" / "run").rename(tmp_path / "a" / "other")
    with pytest.raises(UserError, match="delete the checkpoint folder"):
        train(make_stage(make_training()), "second", "a/other")


def test_tensorboard_shows_the_history_of_this_training_alone(make_stage, train, make_training, kill, tmp_path):
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    board = tmp_path / "tensorboard" / "ldm"
    train(make_stage(make_training(), learning_rate=1e-30), "other", "a/run", tensorboard=board)
    stage = make_stage(make_training())
    with kill(stage, 3):
        train(stage, "whole", "b/run", tensorboard=board)
    train(make_stage(make_training()), "whole", "b/run", tensorboard=board)
    events = EventAccumulator(str(board))
    events.Reload()
    history = read_table(tmp_path / "whole.csv")
    for name in ("train_loss", "val_loss"):
        points = events.Scalars(name)
        assert [point.step for point in points] == [2, 4, 6]
        assert [point.value for point in points] == pytest.approx(history[name].tolist())


class Line(Stage):
    """Least squares without any randomness."""

    def __init__(self, settings, learning_rate=0.1):
        super().__init__(settings)
        self.learning_rate = learning_rate
        torch.manual_seed(1)
        self.net = nn.Linear(4, 1)
        self.rates, self.steps, self.weights = [], [], []

    def configure_optimizers(self):
        return self.scheduled(torch.optim.SGD(self.parameters(), self.learning_rate))

    def loss(self, batch):
        return self.net(batch[:, :4]).sub(batch[:, 4:]).square().mean()

    def training_step(self, batch, batch_idx):
        self.rates.append(self.optimizers().param_groups[0]["lr"])
        self.steps.append(self.step)
        self.weights.append(self.net.weight.detach().clone())
        loss = self.loss(batch)
        self.track("train", {"loss": loss}, len(batch))
        return loss

    def validation_step(self, batch, batch_idx):
        self.track("val", {"loss": self.loss(batch)}, len(batch))


POINTS = torch.randn(12, 5, generator=torch.Generator().manual_seed(2))


@pytest.fixture
def fit_line(tmp_path):
    def run(stage, name="line"):
        points = Volumes(range(12), lambda i: POINTS[i])
        places = {"state_dir": tmp_path / name / "state", "history_path": tmp_path / f"{name}.csv"}
        return fit(stage, points, points, seed=0, **places)

    return run


def test_accumulation_equals_the_big_batch(fit_line, make_training):
    states = []
    for batch_size, accumulate in [(6, 1), (2, 3)]:
        settings = make_training(batch_size=batch_size, accumulate=accumulate, gradient_clip=0.5, ema_decay=0.0)
        states.append(fit_line(Line(settings), str(accumulate)).state)
    for name in states[0]:
        torch.testing.assert_close(states[0][name], states[1][name])


@pytest.mark.parametrize(("clip", "clipped"), [(0.05, True), (0.0, False)])
def test_gradients_are_clipped_to_the_norm(fit_line, make_training, clip, clipped):
    stage = Line(make_training(steps=1, validate_every_steps=1, gradient_clip=clip, ema_decay=0.0, warmup_steps=0))
    start = torch.cat([parameter.detach().clone().flatten() for parameter in stage.parameters()])
    end = fit_line(stage).state
    step = (torch.cat([end["net.weight"].flatten(), end["net.bias"]]) - start).norm().item()
    assert (step == pytest.approx(0.1 * 0.05, rel=1e-3)) == clipped and step > 0


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
    assert not torch.equal(before, first) and torch.equal(first, again)
    torch.testing.assert_close(result.state["net.weight"], 0.75 * first + 0.25 * second)
    judged = Line(stage.settings)
    judged.load_state_dict(result.state)
    assert read_table(tmp_path / "line.csv")["val_loss"][0] == pytest.approx(judged.loss(POINTS).item())


def test_the_best_weights_come_back_not_the_last(fit_line, make_training, tmp_path):
    stage = Line(make_training(ema_decay=0.0, gradient_clip=0.0, warmup_steps=0), learning_rate=10.0)
    result = fit_line(stage)
    history = read_table(tmp_path / "line.csv")
    assert history["val_loss"].is_monotonic_increasing and result.best["step"] == 2
    assert torch.equal(result.state["net.weight"], stage.weights[2])


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


def test_the_seed_decides_how_the_weights_start(make_training, make_job, diffusion, ldm_config, latents):
    """Nothing is learnt in these trainings; global randomness before them does not matter."""
    config = ldm_config.model_copy(update={"learning_rate": 1e-30, "training": make_training(steps=2)})
    saved = []
    for name, seed in [("first", 3), ("again", 3), ("other", 4)]:
        torch.manual_seed(len(saved))
        job = make_job(name, seed=seed)
        fit_and_save(job, {"seed": seed}, lambda: LDMStage(config, diffusion, 2), "denoiser", *latents)
        saved.append(load_file(job.output))
    assert same(saved[0], saved[1]) and not torch.equal(
        saved[0]["conv_in.conv.weight"], saved[2]["conv_in.conv.weight"]
    )


def test_history_columns_do_not_depend_on_when_a_loss_appears(tmp_path):
    course = Course(0, tmp_path / "h.csv", "run")
    course.rows = [{"step": 2, "val_loss": 1.0}, {"step": 4, "val_loss": 0.5, "train_adversarial": 2.0}]
    course.write()
    assert list(read_table(tmp_path / "h.csv").columns) == ["step", "train_adversarial", "val_loss"]


def test_the_learning_rate_rises_holds_and_falls(make_training):
    settings = make_training(steps=100, validate_every_steps=10, warmup_steps=10, cooldown_fraction=0.5)
    factors = [learning_rate_factor(settings, step) for step in range(100)]
    assert factors[0] == pytest.approx(0.1) and factors[9:51] == [1.0] * 42
    assert np.allclose(np.diff(factors[50:]), -0.02) and factors[-1] == pytest.approx(0.02)
    constant = make_training(steps=100, validate_every_steps=10, warmup_steps=0, cooldown_fraction=0.0)
    assert {learning_rate_factor(constant, step) for step in range(100)} == {1.0}
