"""What the stages with a semantic encoder share, and what each optimizer trains."""

from __future__ import annotations

import pytest
import torch

from ldae.errors import UserError
from ldae.files import hash_file
from ldae.models.latent_normalizer import LatentNormalizer
from ldae.networks.diffusion import build_denoiser
from ldae.training import dae, ldm, representation, supervised
from ldae.weights import save_weights
from tests.unit.tiny_cohort import LATENT

WITH_ENCODER = ["representation", "dae", "supervised"]
RATE = 0.37


@pytest.fixture
def build(
    cohort, encoder_config, representation_config, dae_config, supervised_config, ldm_config, diffusion, make_job,
    monkeypatch, tmp_path,
):  # fmt: skip
    """A stage as its training function builds it, and the part of it that would be saved."""
    statistics, denoiser = tmp_path / "latent_statistics.safetensors", tmp_path / "ldm.safetensors"
    save_weights(LatentNormalizer(LATENT), statistics, {})
    described = {"parents": {"latent_statistics": hash_file(statistics)}}
    save_weights(build_denoiser(ldm_config, diffusion, 2), denoiser, described)

    def at_rate(config, name="learning_rate"):
        return config.model_copy(update={name: RATE})

    def make(stage, **changes):
        encoder, latents, job = (
            encoder_config.model_copy(update=changes),
            (cohort.manifest, statistics),
            make_job("any"),
        )
        built = []
        for module in (representation, dae, supervised, ldm):
            monkeypatch.setattr(
                module, "fit_and_save", lambda job, run, build, network, *data: built.extend((build(), network))
            )
        if stage == "representation":
            configs = (at_rate(representation_config), encoder, ldm_config, diffusion)
            representation.train_representation(cohort.scans, *latents, denoiser, *configs, job)
        elif stage == "dae":
            dae.train_dae(cohort.scans, at_rate(dae_config), encoder, diffusion, job)
        elif stage == "supervised":
            configs = (at_rate(supervised_config, "learning_rate_age"), encoder)
            supervised.train_supervised(cohort.scans, cohort.dataset, "age", *configs, job)
        else:
            ldm.train_ldm(cohort.scans, *latents, at_rate(ldm_config), diffusion, job)
        return built[0], getattr(*built)

    return make


@pytest.mark.parametrize("stage", WITH_ENCODER)
def test_trainings_start_from_the_named_backbone(build, stage):
    with pytest.raises(UserError, match=r"nowhere\.pth"):
        build(stage, backbone_weights="nowhere.pth")


@pytest.mark.parametrize("stage", WITH_ENCODER)
def test_only_a_centred_encoder_has_a_mean_image(build, stage):
    for centred in (True, False):
        _, network = build(stage, center_input=centred)
        assert bool(network.semantic_encoder.mean_image.any()) == centred


@pytest.mark.parametrize("name", [*WITH_ENCODER, "ldm"])
def test_the_optimizer_trains_what_is_saved_at_the_configured_rate(build, name):
    stage, network = build(name)
    (optimizer,), (schedule,) = stage.configure_optimizers()
    (group,) = optimizer.param_groups
    assert isinstance(optimizer, torch.optim.Adam)
    assert group["initial_lr"] == RATE
    assert {id(parameter) for parameter in group["params"]} == {id(parameter) for parameter in network.parameters()}
    assert {id(p) for p in stage.parameters()} == {id(p) for p in network.parameters()}
    assert schedule["interval"] == "step"
    assert group["lr"] == pytest.approx(RATE / stage.settings.warmup_steps)
