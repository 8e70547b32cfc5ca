"""The autoencoder's losses, each from its parts, and its own optimisation: two networks in turn, by hand."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from ldae.data.volumes import Volumes
from ldae.files import read_table
from ldae.networks.autoencoder import build_autoencoder
from ldae.training.autoencoder import AutoencoderStage, train_autoencoder
from ldae.training.fit import fit
from ldae.weights import load_weights
from tests.unit.training.conftest import KilledError

SCAN = torch.rand(3, 1, 8, 8, 8, generator=torch.Generator().manual_seed(7))


class MeanGap(nn.Module):
    """Stands for the perceptual loss: how much the first argument's mean exceeds the second's."""

    def forward(self, x, y):
        return x.mean() - y.mean()


class Judge(nn.Module):
    """A discriminator whose logit is the image's mean times one weight."""

    def __init__(self, weight: float) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.tensor(weight))

    def forward(self, x):
        return [x, self.weight * x.mean((1, 2, 3, 4)).view(-1, 1, 1, 1, 1)]


@pytest.fixture
def make_stage(autoencoder_config):
    def make(perceptual=None, **changes) -> AutoencoderStage:
        torch.manual_seed(0)
        return AutoencoderStage(autoencoder_config.model_copy(update=changes), perceptual)

    return make


def test_the_kl_divergence_is_that_of_two_gaussians(make_stage):
    """0.5 (mu^2 + sigma^2 - log sigma^2 - 1) a value, summed over the latent, mean over the scans."""
    stage = make_stage()
    z_mu = torch.tensor([3.0, 0.0, -1.0]).view(3, 1, 1, 1, 1).expand(3, 2, 2, 2, 2)
    z_sigma = torch.tensor([1.0, 2.0, 0.5]).view(3, 1, 1, 1, 1).expand(3, 2, 2, 2, 2)
    theirs = torch.distributions.kl_divergence(
        torch.distributions.Normal(z_mu, z_sigma), torch.distributions.Normal(0.0, 1.0)
    )
    losses = stage.reconstruction_losses(SCAN, SCAN, z_mu, z_sigma)
    torch.testing.assert_close(losses["kl"], theirs.sum() / 3)


def test_the_total_is_the_weighted_sum_of_its_parts(make_stage):
    stage = make_stage(MeanGap(), kl_weight=7.0, perceptual_weight=50.0)
    z_mu, z_sigma = torch.full((3, 2, 4, 4, 4), 0.3), torch.full((3, 2, 4, 4, 4), 0.6)
    losses = stage.reconstruction_losses(SCAN + 0.25, SCAN, z_mu, z_sigma)
    assert losses["l1"].item() == pytest.approx(0.25)
    assert losses["perceptual"].item() == pytest.approx(0.25, rel=1e-4)
    torch.testing.assert_close(losses["loss"], 0.25 + 7 * losses["kl"] + 50 * losses["perceptual"])
    assert losses["kl"] > 1


def test_without_a_perceptual_net_the_total_has_no_such_part(make_stage):
    stage = make_stage(None, kl_weight=0.5, perceptual_weight=50.0)
    losses = stage.reconstruction_losses(SCAN.flip(0), SCAN, torch.zeros(3, 2, 1, 1, 1), torch.ones(3, 2, 1, 1, 1))
    assert set(losses) == {"loss", "l1", "kl"}
    assert losses["loss"] == losses["l1"] > 0.1
    assert losses["kl"] == 0


def test_the_discriminator_learns_scans_as_one_and_reconstructions_as_zero(make_stage):
    stage = make_stage()
    stage.discriminator = Judge(1.0)
    real, fake = torch.full((2, 1, 4, 4, 4), 0.7), torch.full((2, 1, 4, 4, 4), 0.4)
    expected = 0.5 * ((0.7 - 1) ** 2 + 0.4**2)
    assert stage.discriminator_loss(real, fake).item() == pytest.approx(expected)


@pytest.fixture
def one_batch(make_stage):
    """Run a training step on a stub net and keep the losses, the gradients and the optimizers that stepped."""

    def run(step=9, batch_idx=0, accumulate=1, perceptual=None, **changes):
        stage = make_stage(perceptual, **changes)
        stage.settings = stage.settings.model_copy(update={"accumulate": accumulate})
        stage.step, stage.tracked, stage.gradients, stage.stepped, stage.scheduled_steps = step, [], [], [], []
        stage.track = lambda prefix, losses, scans: stage.tracked.append((prefix, losses, scans))

        def backward(loss):
            loss.backward()
            networks = (stage.autoencoder, stage.discriminator)
            stage.gradients.append([[p.grad is not None for p in net.parameters()] for net in networks])
            stage.losses_back = [*getattr(stage, "losses_back", []), loss.item()]

        class Count:
            def step(self):
                stage.scheduled_steps.append(1)

        stage.manual_backward = backward
        stage.optimizers = lambda: ("generator", "discriminator")
        stage.lr_schedulers = lambda: [Count(), Count()]
        stage.take_step = stage.stepped.append
        stage.training_step(SCAN, batch_idx)
        return stage

    return run


def test_the_generators_loss_leaves_the_discriminator_alone(one_batch):
    stage = one_batch()
    (first_net, first_judge), (_, second_judge) = stage.gradients
    assert all(first_net)
    assert not any(first_judge)
    assert all(second_judge)


def test_the_reconstruction_is_to_be_taken_for_a_scan(one_batch, make_stage):
    """The adversarial term is (D(reconstruction) - 1)^2 times its weight, added to the rest."""
    stage = one_batch(adversarial_weight=20.0)
    (_, losses, scans), *_ = stage.tracked
    assert scans == 3
    rest = losses["l1"] + stage.config.kl_weight * losses["kl"]
    torch.testing.assert_close(losses["loss"], rest + 20 * losses["adversarial"])
    torch.manual_seed(1)
    before = make_stage(adversarial_weight=20.0)
    before.discriminator = Judge(0.5)
    before.step, before.track = 9, lambda prefix, losses, scans: setattr(before, "seen", losses)
    before.manual_backward, before.settings = lambda loss: None, before.settings.model_copy(update={"accumulate": 2})
    before.autoencoder.sampling = lambda z_mu, z_sigma: z_mu
    before.training_step(SCAN, 0)
    rebuilt = before.autoencoder.decode(before.autoencoder.encode(SCAN)[0])
    logits = 0.5 * rebuilt.mean((1, 2, 3, 4))
    torch.testing.assert_close(before.seen["adversarial"], (logits - 1).square().mean())
    expected = 0.5 * (logits.square().mean() + (0.5 * SCAN.mean((1, 2, 3, 4)) - 1).square().mean())
    torch.testing.assert_close(before.seen["discriminator"], expected)


@pytest.mark.parametrize("changes, step", [({"adversarial_weight": 0.0}, 9), ({"adversarial_start_step": 4}, 3)])
def test_without_an_adversary_the_discriminator_rests(one_batch, changes, step):
    stage = one_batch(step=step, **changes)
    assert stage.stepped == ["generator"]
    assert len(stage.losses_back) == 1
    assert set(stage.tracked[0][1]) == {"loss", "l1", "kl"}


def test_the_adversary_starts_with_its_step(one_batch):
    assert one_batch(step=4, adversarial_start_step=4).stepped == ["generator", "discriminator"]


def test_parts_of_a_batch_share_one_step_and_one_mean(one_batch):
    first, last = (one_batch(batch_idx=i, accumulate=3) for i in (3, 5))
    assert first.stepped == []
    assert first.scheduled_steps == []
    assert last.stepped == ["generator", "discriminator"]
    assert len(last.scheduled_steps) == 2
    losses = last.tracked[0][1]
    assert last.losses_back == pytest.approx([losses["loss"].item() / 3, losses["discriminator"].item() / 3])


@pytest.mark.parametrize("clip, norm", [(0.5, 0.5), (0.0, 6.0)])
def test_a_step_clips_first_and_leaves_no_gradient(make_stage, make_training, clip, norm):
    stage = make_stage(training=make_training(gradient_clip=clip))
    weight = nn.Parameter(torch.zeros(4))
    weight.grad = torch.full((4,), 3.0)
    optimizer = torch.optim.SGD([weight], 1.0)
    stage.clip_gradients = lambda opt, value, algorithm: torch.nn.utils.clip_grad_norm_(
        opt.param_groups[0]["params"], {"norm": value}[algorithm]
    )
    stage.take_step(optimizer)
    assert weight.norm().item() == pytest.approx(norm, rel=1e-4)
    assert weight.grad is None


def test_training_sees_samples_of_the_posterior_and_validation_its_mean(make_stage):
    stage = make_stage(initial_log_variance=2.0)
    stage.step, seen = 0, {}
    stage.track = lambda prefix, losses, scans: seen.update({prefix: losses})
    stage.settings = stage.settings.model_copy(update={"accumulate": 2})
    stage.manual_backward = lambda loss: None
    z_mu, _ = stage.autoencoder.encode(SCAN)
    rebuilt = stage.autoencoder.decode(z_mu)
    stage.validation_step(SCAN, 0)
    torch.testing.assert_close(seen["val"]["l1"], (rebuilt - SCAN).abs().mean())
    torch.testing.assert_close(seen["val"]["mse"], (rebuilt - SCAN).square().mean())
    torch.testing.assert_close(seen["val"]["loss"], seen["val"]["l1"] + stage.config.kl_weight * seen["val"]["kl"])
    stage.training_step(SCAN, 0)
    assert (seen["train"]["l1"] - seen["val"]["l1"]).abs() > 1e-3


def test_each_network_has_its_learning_rate(make_stage):
    stage = make_stage(learning_rate=0.3, discriminator_learning_rate=0.07)
    (generator, discriminator), schedules = stage.configure_optimizers()
    assert [o.param_groups[0]["initial_lr"] for o in (generator, discriminator)] == [0.3, 0.07]
    for optimizer, network in ((generator, stage.autoencoder), (discriminator, stage.discriminator)):
        assert {id(p) for p in optimizer.param_groups[0]["params"]} == {id(p) for p in network.parameters()}
    assert [schedule["scheduler"].optimizer for schedule in schedules] == [generator, discriminator]


@pytest.fixture
def train(make_stage, tmp_path):
    values = torch.rand(8, 1, 8, 8, 8, generator=torch.Generator().manual_seed(2))
    scans = Volumes(range(6), lambda i: values[i]), Volumes(range(6, 8), lambda i: values[i])

    def run(name, settings, prepare=lambda stage: None, **changes):
        stage = make_stage(training=settings, **changes)
        prepare(stage)
        places = {"state_dir": tmp_path / name / "state", "history_path": tmp_path / f"{name}.csv"}
        return stage, fit(stage, *scans, seed=3, **places)

    return run


def test_killed_and_resumed_equals_uninterrupted(train, make_training, kill, tmp_path):
    settings = make_training(accumulate=2, ema_decay=0.0, cooldown_fraction=0.5)
    whole, result = train("whole", settings)
    with pytest.raises(KilledError):
        train("resumed", settings, lambda stage: kill(stage, 5))
    resumed, again = train("resumed", settings)
    for a, b in [(whole.state_dict(), resumed.state_dict()), (result.state, again.state)]:
        assert all(torch.equal(a[name], b[name]) for name in a)
    assert (tmp_path / "resumed.csv").read_text() == (tmp_path / "whole.csv").read_text()
    assert read_table(tmp_path / "whole.csv")["train_adversarial"].notna().tolist() == [False, True, True]


def test_the_learning_rates_follow_the_schedule(train, make_training):
    rates = []

    def watch(stage):
        step = stage.take_step
        stage.take_step = lambda optimizer: (rates.append(optimizer.param_groups[0]["lr"]), step(optimizer))

    changes = {"learning_rate": 0.1, "discriminator_learning_rate": 0.01, "adversarial_start_step": 1}
    train("rates", make_training(steps=4, warmup_steps=2, cooldown_fraction=0.5, accumulate=2), watch, **changes)
    assert rates == pytest.approx([0.05, 0.1, 0.01, 0.1, 0.01, 0.05, 0.005])


def test_accumulation_equals_the_big_batch(train, make_training):
    def without_sampling(stage):
        stage.autoencoder.sampling = lambda z_mu, z_sigma: z_mu

    states = [
        train(str(parts), make_training(batch_size=size, accumulate=parts), without_sampling, adversarial_weight=0.0)[1]
        for size, parts in [(6, 1), (2, 3)]
    ]
    for name in states[0].state:
        torch.testing.assert_close(states[0].state[name], states[1].state[name], atol=2e-5, rtol=1e-4)


def test_the_discriminator_waits_for_its_step(train, make_training):
    def remember(stage):
        stage.before = {name: value.clone() for name, value in stage.discriminator.state_dict().items()}

    waiting, _ = train("waiting", make_training(steps=2), remember, adversarial_start_step=2)
    assert all(torch.equal(waiting.before[name], value) for name, value in waiting.discriminator.state_dict().items())
    training, _ = train("training", make_training(steps=2), remember, adversarial_start_step=1)
    weights = dict(training.discriminator.named_parameters())
    assert not all(torch.equal(training.before[name], value) for name, value in weights.items())


def test_bf16_and_averaging_train_with_batch_norms_counters(train, make_training):
    _, result = train("bf16", make_training(steps=4, precision="bf16-mixed", ema_decay=0.9), adversarial_start_step=0)
    assert all(value.isfinite().all() for value in result.state.values())


@pytest.mark.parametrize("has_bfloat16, kind", [(True, torch.bfloat16), (False, torch.float32)])
def test_bf16_is_left_to_processors_that_have_it(train, make_training, monkeypatch, caplog, has_bfloat16, kind):
    monkeypatch.setattr("ldae.precision.has_fast_bfloat16", lambda: has_bfloat16)
    kinds = set()

    def watch(stage):
        stage.autoencoder.decoder.register_forward_hook(lambda module, inputs, output: kinds.add(output.dtype))

    train("bf16", make_training(steps=2, precision="bf16-mixed"), watch)
    assert kinds == {kind}
    assert ("32-true instead of bf16-mixed" in caplog.text) == (not has_bfloat16)


def test_weights_history_and_sidecar_are_written(cohort, autoencoder_config, make_job):
    job = make_job("autoencoder", seed=5)
    train_autoencoder(cohort.scans, autoencoder_config, job)
    sections = {"autoencoder": autoencoder_config.model_dump()}
    sidecar = load_weights(build_autoencoder(autoencoder_config), job.output, sections)
    assert sidecar["seed"] == 5
    assert sidecar["code"] == [{"from_step": 0, "code": "abc"}]
    assert sidecar["perceptual_loss"] == "off"
    assert sidecar["subjects"] == {"train": ["S0", "S1", "S2", "S3", "S4"], "validation": ["S5", "S6", "S7"]}
    assert sidecar["best"]["val_loss"] == pytest.approx(read_table(job.history)["val_loss"].min())
    assert not list(job.checkpoint_dir.iterdir())
