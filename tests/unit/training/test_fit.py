"""The fit function: resumed equals uninterrupted, accumulated equals the big batch, the best weights are kept."""

from __future__ import annotations

import pytest
import torch
from lightning.pytorch.accelerators import CPUAccelerator, MPSAccelerator
from safetensors.torch import load_file
from torch import nn

from ldae.data.volumes import Volumes
from ldae.errors import UserError
from ldae.files import read_table
from ldae.training.fit import fit, fit_and_save
from ldae.training.ldm import LDMStage
from ldae.training.trainer import make_trainer


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
    "kill_at, changes", [(1, {}), (2, {"ema_decay": 0.0}), (5, {"cooldown_fraction": 0.5, "accumulate": 2})]
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


@pytest.mark.parametrize("change", ["shape", "name"])
def test_a_state_that_no_longer_fits_is_said_and_training_starts_anew(
    make_stage, train, make_training, kill, caplog, change
):
    shape = {"channels": [4, 16]} if change == "shape" else {}
    whole = train(make_stage(make_training(), **shape), "whole", "a/run", code="new")
    stage = make_stage(make_training())
    if change == "name":
        stage.surplus = nn.Linear(1, 1)
    with kill(stage, 5):
        train(stage, "resumed", "b/run")
    with caplog.at_level("WARNING", logger="ldae"):
        resumed = train(make_stage(make_training(), **shape), "resumed", "b/run", code="new")
    assert "the training starts anew" in caplog.text
    assert resumed.codes == [{"from_step": 0, "code": "new"}]
    assert same(resumed.state, whole.state)


def test_a_finished_training_is_not_trained_further(make_stage, train, make_training, kill):
    whole = train(make_stage(make_training()), "whole")
    again = make_stage(make_training())
    kill(again, 6)
    result = train(again, "again", code="new")
    assert result.best == whole.best
    assert same(result.state, whole.state)
    assert result.codes == whole.codes


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
    assert result.steps == 6
    assert result.best["step"] == 2
    again = make_stage(settings, learning_rate=1e-30)
    kill(again, 6)
    assert train(again, "again").steps == 6


def test_the_state_is_saved_at_every_validation_improved_or_not(make_stage, train, make_training, kill):
    settings = make_training(steps=20, patience=9)
    stage = make_stage(settings, learning_rate=1e-30)
    with kill(stage, 7):
        train(stage, "long")
    again, steps = make_stage(settings, learning_rate=1e-30), []
    whole = again.training_step
    again.training_step = lambda batch, batch_idx: steps.append(again.step) or whole(batch, batch_idx)
    train(again, "long")
    assert steps[0] == 6


def test_patience_outlives_a_kill(make_stage, train, make_training, kill):
    settings = make_training(steps=20, patience=3)
    stage = make_stage(settings, learning_rate=1e-30)
    with kill(stage, 5):
        train(stage, "long")
    assert train(make_stage(settings, learning_rate=1e-30), "long").steps == 8


def test_a_loss_that_is_not_finite_is_reported(make_stage, train, make_training):
    with pytest.raises(UserError, match="finite losses"):
        train(make_stage(make_training(gradient_clip=0.0), learning_rate=1e30), "nan")


def test_a_step_that_does_not_fit_the_gpu_is_an_error_with_the_cure(make_stage, train, make_training):
    stage = make_stage(make_training())

    def training_step(batch, batch_idx):
        raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 20 GiB\nAnd more")

    stage.training_step = training_step
    with pytest.raises(UserError, match="allocate 20 GiB; unless another program fills it") as error:
        train(stage, "large")
    assert "batch_size" in error.value.cure


def test_a_training_never_takes_apples_gpu(make_stage, make_training, monkeypatch):
    """Lightning's own choice would."""
    monkeypatch.setattr(MPSAccelerator, "is_available", lambda: True)
    trainer = make_trainer(make_stage(make_training()), [], False)
    assert isinstance(trainer.accelerator, CPUAccelerator)


def test_a_compiled_training_has_the_weights_of_one_that_is_not(make_stage, train, make_training, monkeypatch):
    original = torch.compile
    monkeypatch.setattr(torch, "compile", lambda function: original(function, backend="eager"))
    plain, compiled = (
        train(make_stage(make_training(compile=chosen)), f"{chosen}", f"{chosen}/run") for chosen in (False, True)
    )
    assert plain.state.keys() == compiled.state.keys()
    for name, tensor in plain.state.items():
        torch.testing.assert_close(compiled.state[name], tensor)


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


def test_the_seed_decides_how_the_weights_start(make_training, make_job, diffusion, ldm_config, latents):
    """Nothing is learnt in these trainings; global randomness before them does not matter."""
    config = ldm_config.model_copy(update={"learning_rate": 1e-30, "training": make_training(steps=2)})
    saved = []
    for name, seed in [("first", 3), ("again", 3), ("other", 4)]:
        torch.manual_seed(len(saved))
        job = make_job(name, seed=seed)
        fit_and_save(job, {"seed": seed}, lambda: LDMStage(config, diffusion, 2), "denoiser", *latents)
        saved.append(load_file(job.output))
    assert same(saved[0], saved[1])
    assert not torch.equal(saved[0]["conv_in.conv.weight"], saved[2]["conv_in.conv.weight"])


def test_the_jobs_seed_decides_the_noise_and_the_batches(make_training, make_job, make_stage, latents):
    """The weights start alike."""
    saved = []
    for seed in (3, 4):
        job = make_job(f"seed{seed}", seed=seed)
        fit_and_save(job, {"seed": seed}, lambda: make_stage(make_training(steps=2)), "denoiser", *latents)
        saved.append(load_file(job.output))
    assert not same(*saved)


def test_a_killed_training_goes_on_with_checkpointed_activations(make_stage, train, make_training, kill):
    """As one does that ran out of memory."""
    whole = train(make_stage(make_training()), "whole", "a/run")
    stage = make_stage(make_training())
    with kill(stage, 3):
        train(stage, "resumed", "b/run")
    stage, passes = make_stage(make_training(activation_checkpointing=True)), []
    norm = stage.denoiser.middle_block.resnet_1.norm1
    norm.register_forward_hook(lambda *_: passes.append(torch.is_grad_enabled()))
    resumed = train(stage, "resumed", "b/run")
    assert sum(passes) == 2 * 4  # forwards, and once more backwards, in the steps from 2 to 6
    assert resumed.state.keys() == whole.state.keys()
    for name, weight in whole.state.items():
        torch.testing.assert_close(resumed.state[name], weight, msg=name)
