"""The third stage: the denoiser stays as it is, and only the two new networks train."""

from __future__ import annotations

import pandas as pd
import pytest
import torch

from ldae.data.leaks import fitting_rows
from ldae.data.scans import read_scans
from ldae.data.volumes import Aligned, Volumes, read_latent, read_volume
from ldae.diffusion.losses import draw_noise
from ldae.errors import UserError
from ldae.files import hash_file, read_table
from ldae.models.latent_normalizer import LatentNormalizer
from ldae.networks.diffusion import build_denoiser
from ldae.networks.representation import build_representation
from ldae.training import representation
from ldae.training.fit import fit
from ldae.training.representation import RepresentationStage, train_representation
from ldae.training.stage import VALIDATION_DRAWS
from ldae.weights import load_weights, save_weights
from tests.unit.tiny_cohort import GRID, LATENT
from tests.unit.training.conftest import KilledError


@pytest.fixture
def sets():
    values = torch.rand(7, 1, 16, 16, 4, generator=torch.Generator().manual_seed(2))
    latents = torch.randn(7, 2, 4, 4, 4, generator=torch.Generator().manual_seed(3))

    def pick(items, tensor):
        return Volumes(items, lambda i: tensor[i])

    train = Aligned(pick(range(4), values), pick(range(4), latents))
    return train, Aligned(pick([4, 5, 6], values), pick([4, 5, 6], latents), pick([5, 6, 4], values))


@pytest.fixture
def make_stage(representation_config, encoder_config, ldm_config, diffusion):
    def make(settings, **changes) -> RepresentationStage:
        torch.manual_seed(0)
        config = representation_config.model_copy(update={"training": settings, **changes})
        denoiser = build_denoiser(ldm_config, diffusion, 2)
        return RepresentationStage(config, encoder_config, diffusion, denoiser, (16, 16, 4))

    return make


@pytest.fixture
def train(sets, make_stage, tmp_path):
    def run(name, settings, prepare=lambda stage: None, **changes):
        stage = make_stage(settings, **changes)
        prepare(stage)
        history = tmp_path / f"{name}.csv"
        before = {key: value.clone() for key, value in stage.denoiser.network.state_dict().items()}
        result = fit(stage, *sets, seed=3, state_dir=tmp_path / name / "state", history_path=history)
        return stage, before, result, read_table(history)

    return run


def test_frozen_weights_never_change_and_are_not_averaged_or_saved(train, make_training):
    stage, before, result, _ = train("frozen", make_training())
    assert all(torch.equal(before[name], value) for name, value in stage.denoiser.network.state_dict().items())
    assert all(parameter.grad is None for parameter in stage.denoiser.network.parameters())
    assert not stage.denoiser.network.training
    assert {name.split(".")[0] for name in result.state} == {"representation"}
    assert any(result.state[name].ne(value).any() for name, value in starting_output(stage).items())


def starting_output(stage):
    """Weights that training must have moved: the estimator's zero-initialised output."""
    name = "representation.gradient_estimator.out.2.conv.weight"
    return {name: torch.zeros_like(stage.state_dict()[name])}


def test_at_step_0_the_conditional_model_equals_the_unconditional_one(train, make_training):
    *_, history = train("still", make_training(steps=2), learning_rate=1e-40)
    row = history.iloc[0]
    assert row["val_loss"] == row["val_loss_none"] == row["val_loss_shuffled"]


def test_own_and_shuffled_differ_once_trained(train, make_training):
    *_, history = train("trained", make_training(ema_decay=0.0), learning_rate=1e-2)
    last = history.iloc[-1]
    assert last["val_loss"] != last["val_loss_shuffled"]
    assert last["val_loss"] != last["val_loss_none"]
    assert history["val_loss_none"].nunique() == 1


def test_killed_and_resumed_equals_uninterrupted(train, make_training, kill):
    _, _, whole, history = train("whole", make_training())
    with pytest.raises(KilledError):
        train("resumed", make_training(), lambda stage: kill(stage, 3))
    _, _, resumed, again = train("resumed", make_training())
    assert all(torch.equal(resumed.state[name], whole.state[name]) for name in whole.state)
    assert history.equals(again)


@pytest.fixture
def awake(make_stage, make_training):
    """A stage whose estimator puts something out (MONAI starts it at zero), with noise of its own."""
    stage = make_stage(make_training(), snr_exponent=-0.5)
    for name, parameter in stage.representation.gradient_estimator.named_parameters():
        if name.endswith(("conv2.conv.weight", "out.2.conv.weight")):
            torch.nn.init.normal_(parameter, std=0.3)
    stage.noise = torch.Generator().manual_seed(8)
    return stage


def left_gap(stage, z_0, y_sem, t, eps) -> torch.Tensor:
    """PDAE's equation 14 written out, the denoiser asked anew; without y_sem nothing is corrected."""
    denoiser, schedule = stage.denoiser.network, stage.schedule
    z_t = schedule.add_noise(z_0, eps, t)
    left = eps - denoiser(z_t, t)
    if y_sem is not None:
        _, noise = schedule.signal_and_noise(t)
        left = left + noise * stage.representation.gradient_estimator(denoiser.encode(z_t, t), y_sem)
    return (schedule.gap_weight(t, -0.5) * left.square().flatten(1).mean(1)).mean()


def test_each_code_is_judged_by_the_gap_it_leaves(awake, sets):
    """Own, another subject's and no y_sem, over the same four draws; the weight of each level is the configured one."""
    seen = {}
    awake.track = lambda prefix, losses, scans: seen.update({prefix: losses})
    x, z_0, other = sets[1][[0, 1, 2]]
    awake.validation_step((x, z_0, other), 0)
    noise, encoder = torch.Generator().manual_seed(8), awake.representation.semantic_encoder
    draws = [draw_noise(awake.schedule, z_0, noise) for _ in range(4)]
    for name, y_sem in (("loss", encoder(x)), ("loss_shuffled", encoder(other)), ("loss_none", None)):
        expected = torch.stack([left_gap(awake, z_0, y_sem, *draw) for draw in draws]).mean()
        torch.testing.assert_close(seen["val"][name], expected)
    assert len({value.item() for value in seen["val"].values()}) == 3
    awake.noise = torch.Generator().manual_seed(8)
    loss = awake.training_step((x, z_0), 0)
    torch.testing.assert_close(loss, left_gap(awake, z_0, encoder(x), *draws[0]))


def test_a_validation_asks_the_frozen_denoiser_once_a_draw(awake, sets):
    asked = []
    awake.track = lambda prefix, losses, scans: None
    awake.denoiser.network.conv_in.register_forward_hook(lambda *_: asked.append("down"))
    awake.denoiser.network.out.register_forward_hook(lambda *_: asked.append("up"))
    awake.validation_step(sets[1][[0, 1, 2]], 0)
    assert asked == ["down", "up"] * VALIDATION_DRAWS


@pytest.fixture
def parents(ldm_config, diffusion, tmp_path):
    """Weights of the normaliser and of a denoiser trained with it."""
    statistics, ldm = tmp_path / "latent_statistics.safetensors", tmp_path / "ldm.safetensors"
    normalizer = LatentNormalizer(LATENT)
    normalizer.mean.fill_(0.5)
    normalizer.std.fill_(2.0)
    save_weights(normalizer, statistics, {})
    torch.manual_seed(1)
    config = {"ldm": ldm_config.model_dump(), "diffusion": diffusion.model_dump()}
    description = {"config": config, "parents": {"latent_statistics": hash_file(statistics)}}
    save_weights(build_denoiser(ldm_config, diffusion, 2), ldm, description)
    return statistics, ldm


@pytest.fixture
def run(cohort, representation_config, encoder_config, ldm_config, diffusion, make_job, parents):
    def train(encoder=encoder_config, ldm=ldm_config):
        job = make_job("representation")
        configs = (representation_config, encoder, ldm, diffusion)
        train_representation(cohort.scans, cohort.manifest, *parents, *configs, job)
        return job

    return train


def test_weights_are_written_with_the_training_mean_image(
    run, cohort, parents, representation_config, encoder_config, ldm_config, diffusion
):
    job = run()
    net = build_representation(encoder_config, build_denoiser(ldm_config, diffusion, 2), GRID)
    sections = {"representation": representation_config, "encoder": encoder_config, "ldm": ldm_config}
    sidecar = load_weights(net, job.output, {name: part.model_dump(mode="json") for name, part in sections.items()})
    assert set(sidecar["config"]) == {*sections, "diffusion"}
    assert sidecar["parents"] == {"latent_statistics": hash_file(parents[0]), "ldm": hash_file(parents[1])}
    train_scans = [read_volume(path) for path in fitting_rows(read_scans(cohort.scans), "train")["path"]]
    torch.testing.assert_close(net.semantic_encoder.mean_image[0], torch.stack(train_scans).mean(0))


def test_without_centring_scans_enter_as_they_are(run, encoder_config, ldm_config, diffusion):
    encoder = encoder_config.model_copy(update={"center_input": False})
    job = run(encoder=encoder)
    net = build_representation(encoder, build_denoiser(ldm_config, diffusion, 2), GRID)
    load_weights(net, job.output)
    assert (net.semantic_encoder.mean_image == 0).all()


def test_scans_latents_and_the_other_subjects_scans_belong_together(run, cohort, monkeypatch):
    sets = []
    monkeypatch.setattr(representation, "fit_and_save", lambda job, run, build, network, *data: sets.extend(data))
    run()
    scans, manifest = pd.read_csv(cohort.scans), pd.read_csv(cohort.manifest)
    for data, split in zip(sets, ("train", "validation"), strict=True):
        images, latents, *others = data[range(len(data))]
        rows = scans[scans["split"] == split]
        torch.testing.assert_close(images, torch.stack([read_volume(path) for path in rows["path"]]))
        paths = manifest.loc[manifest["split"] == split, "latent_path"]
        torch.testing.assert_close(latents, torch.stack([read_latent(path) for path in paths]).sub(0.5).div(2))
        if others:  # S5, S5, S6, S7
            expected = images[[2, 2, 3, 0]]
            torch.testing.assert_close(others[0], expected)


def test_a_denoiser_of_another_normaliser_or_configuration_is_refused(run, parents, ldm_config):
    with pytest.raises(UserError, match=r"ldm\.prediction"):
        run(ldm=ldm_config.model_copy(update={"prediction": "v"}))
    save_weights(LatentNormalizer(LATENT), parents[0], {})
    with pytest.raises(UserError, match="made from another latent_statistics"):
        run()
