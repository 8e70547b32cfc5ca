"""The voxel DAE from the table of scans to its weights."""

from __future__ import annotations

import pytest
import torch

from ldae.data.leaks import fitting_rows
from ldae.data.scans import read_scans
from ldae.data.volumes import Aligned, Volumes, read_volume
from ldae.errors import UserError
from ldae.files import hash_file, read_table
from ldae.models.voxel_dae import resample
from ldae.networks.dae import build_voxel_dae
from ldae.training import dae
from ldae.training.dae import DAEStage, train_dae
from ldae.training.fit import fit
from ldae.weights import load_weights
from tests.unit.training.conftest import KilledError


@pytest.fixture
def run(cohort, dae_config, encoder_config, diffusion, make_job):
    def train(name="dae", seed=3, **changes):
        job = make_job(name, seed=seed)
        config = dae_config.model_copy(update=changes)
        train_dae(cohort.scans, config, encoder_config, diffusion, job)
        net = build_voxel_dae(config, encoder_config, diffusion)
        sections = {"dae": config, "encoder": encoder_config, "diffusion": diffusion}
        load_weights(net, job.output, {name: part.model_dump(mode="json") for name, part in sections.items()})
        return net, job

    return train


def images_of(cohort, split, grid):
    paths = fitting_rows(read_scans(cohort.scans), split)["path"]
    return torch.cat([resample(read_volume(path)[None], grid) for path in paths])


def test_weights_are_written_with_the_training_images_statistics(run, cohort, dae_config):
    net, job = run()
    images = images_of(cohort, "train", dae_config.grid_shape)
    torch.testing.assert_close(net.normalizer.mean, images.mean(0))
    assert net.normalizer.normalize(images).std().item() == pytest.approx(1, abs=0.01)
    torch.testing.assert_close(net.semantic_encoder.mean_image[0], images.mean(0))
    assert list(read_table(job.history).columns) == ["step", "train_loss", "val_loss", "val_loss_shuffled"]


def test_it_is_fitted_to_images_on_its_grid_and_judged_beside_another_subjects(run, cohort, dae_config, monkeypatch):
    sets = []
    monkeypatch.setattr(dae, "fit_and_save", lambda job, run, build, network, *data: sets.extend(data))
    with pytest.raises(UserError):  # nothing was saved
        run()
    fitted, held_out = sets
    torch.testing.assert_close(fitted[range(6)], images_of(cohort, "train", dae_config.grid_shape))
    own, other = held_out[range(4)]
    images = images_of(cohort, "validation", dae_config.grid_shape)
    torch.testing.assert_close(own, images)
    torch.testing.assert_close(other, images[[2, 2, 3, 0]])  # of S5, S5, S6, S7


def test_without_centring_images_run_from_minus_one_to_one(run):
    net, _ = run(center_images=False)
    assert (net.normalizer.mean == 0.5).all()
    assert (net.normalizer.std == 0.5).all()


def test_other_weights_of_the_encoder_are_refused(run, dae_config, encoder_config, diffusion):
    _, job = run()
    other = encoder_config.model_copy(update={"center_input": False})
    with pytest.raises(UserError, match=r"encoder\.center_input"):
        load_weights(build_voxel_dae(dae_config, other, diffusion), job.output, {"encoder": other.model_dump()})


def test_a_planted_test_subject_is_refused(run, cohort):
    cohort.plant_test_subject()
    with pytest.raises(UserError, match="each subject in one split"):
        run()


def test_the_same_seed_gives_the_same_weights_another_gives_others(run):
    first = hash_file(run("first")[1].output)
    torch.manual_seed(123)
    assert hash_file(run("again")[1].output) == first
    assert hash_file(run("other", seed=4)[1].output) != first


def test_own_and_shuffled_codes_are_judged_at_the_same_noise(dae_config, encoder_config, diffusion):
    torch.manual_seed(0)
    stage, seen = DAEStage(dae_config, encoder_config, diffusion), {}
    for name, parameter in stage.dae.up.named_parameters():
        if name.endswith(("conv2.conv.weight", "out.2.conv.weight")):  # MONAI starts them at zero
            torch.nn.init.normal_(parameter, std=0.3)
    stage.track = lambda prefix, losses, scans: seen.update({prefix: losses})
    x, other = torch.rand(2, 3, 1, *dae_config.grid_shape)

    def judge(*batch):
        stage.noise = torch.Generator().manual_seed(8)
        stage.validation_step(batch, 0)
        return seen["val"]

    apart, alike = judge(x, other), judge(x, x)
    assert alike["loss"] == alike["loss_shuffled"] == apart["loss"] != apart["loss_shuffled"]
    stage.noise = torch.Generator().manual_seed(8)
    loss, noise, x_0 = stage.training_step(x, 0), torch.Generator().manual_seed(8), 2 * x - 1
    draws = [dae.draw_noise(stage.schedule, x_0, noise) for _ in range(4)]
    each = torch.stack([stage.loss(x_0, stage.dae.semantic_encoder(x), *draw) for draw in draws])
    torch.testing.assert_close(loss, each[0])
    torch.testing.assert_close(apart["loss"], each.mean())


def test_killed_and_resumed_equals_uninterrupted(dae_config, encoder_config, diffusion, kill, tmp_path):
    values = torch.rand(7, 1, *dae_config.grid_shape, generator=torch.Generator().manual_seed(2))

    def pick(*items):
        return Volumes(items, lambda i: values[i])

    def train(name, kill_at=None):
        torch.manual_seed(0)
        stage = DAEStage(dae_config, encoder_config, diffusion)
        kill(stage, kill_at)
        places = {"state_dir": tmp_path / name / "state", "history_path": tmp_path / f"{name}.csv"}
        return fit(stage, pick(0, 1, 2, 3), Aligned(pick(4, 5, 6), pick(5, 6, 4)), seed=3, **places)

    whole = train("whole")
    with pytest.raises(KilledError):
        train("resumed", kill_at=3)
    resumed = train("resumed")
    assert all(torch.equal(resumed.state[name], whole.state[name]) for name in whole.state)


@pytest.mark.parametrize("prediction", ["epsilon", "v"])
def test_the_loss_of_v_is_that_of_the_noise_over_abar(dae_config, encoder_config, diffusion, prediction):
    changes = {"prediction": prediction}
    torch.manual_seed(0)
    stages = [
        DAEStage(dae_config.model_copy(update={**changes, "loss": loss}), encoder_config, diffusion)
        for loss in ("epsilon", "v")
    ]
    stages[1].load_state_dict(stages[0].state_dict())
    x_0 = torch.randn(1, 1, *dae_config.grid_shape)
    y_sem, t, eps = torch.randn(1, 8), torch.tensor([20]), torch.randn_like(x_0)
    of_noise, of_v = (stage.loss(x_0, y_sem, t, eps) for stage in stages)
    abar = stages[0].schedule.alphas_cumprod[20].float()
    torch.testing.assert_close(of_v, of_noise / abar)
    signal, noise = abar.sqrt(), (1 - abar).sqrt()
    predicted = stages[1].dae(signal * x_0 + noise * eps, t, y_sem)
    x_t, v = signal * x_0 + noise * eps, signal * eps - noise * x_0
    torch.testing.assert_close(of_v, ((predicted - noise * x_t) / signal - v).square().mean(), rtol=1e-4, atol=1e-5)
