"""Each setting reaches the network it is meant for."""

from __future__ import annotations

import pytest
import torch
from monai.networks.nets.diffusion_model_unet import AttnUpBlock, UpBlock

from ldae.config.load import load_config
from ldae.networks.autoencoder import build_autoencoder, build_discriminator
from ldae.networks.dae import build_voxel_dae
from ldae.networks.diffusion import build_denoiser, build_schedule
from ldae.networks.encoder import build_semantic_encoder
from ldae.networks.representation import build_representation
from ldae.networks.supervised import build_supervised_encoder
from tests.unit.sources import ROOT

CONFIG = load_config(ROOT / "config.yaml")
UNET = {
    "prediction": "epsilon",
    "channels": [8, 12],
    "residual_blocks": 2,
    "attention_levels": [False, True],
    "head_channels": 6,
    "norm_groups": 4,
}
LDM = CONFIG.ldm.model_copy(update=UNET)
DAE = CONFIG.dae.model_copy(update={**UNET, "prediction": "v", "grid_shape": (16, 20, 12)})
ENCODER = CONFIG.encoder.model_copy(update={"semantic_dim": 24, "attention_heads": 3})
DIFFUSION = CONFIG.diffusion.model_copy(update={"timesteps": 37, "beta_start": 0.01, "beta_end": 0.3})
GRID = (16, 24, 8)


def test_the_schedule():
    schedule = build_schedule(DIFFUSION)
    betas = 1 - schedule.alphas_cumprod[1:] / schedule.alphas_cumprod[:-1]
    assert len(schedule) == 37
    assert (1 - schedule.alphas_cumprod[0]).item() == pytest.approx(0.01)
    assert betas[-1].item() == pytest.approx(0.3)


def test_the_autoencoder_and_its_discriminator():
    sizes = {"channels": [6, 9], "latent_channels": 5, "residual_blocks": 2, "norm_groups": 3}
    changes = {**sizes, "initial_log_variance": -4.5, "discriminator_channels": 7, "discriminator_layers": 3}
    config = CONFIG.autoencoder.model_copy(update=changes)
    net = build_autoencoder(config)
    assert net.encode(torch.rand(1, 1, 8, 8, 8))[0].shape == (1, 5, 4, 4, 4)
    assert (net.quant_conv_log_sigma.conv.bias == -4.5).all()
    norms = [module for module in net.modules() if isinstance(module, torch.nn.GroupNorm)]
    assert {norm.num_groups for norm in norms} == {3}
    in_encoder = [module for module in net.encoder.modules() if isinstance(module, torch.nn.GroupNorm)]
    assert len(in_encoder) == 2 * 2 * 2 + 1  # two levels of two residual blocks with two norms, and one at the end
    discriminator = build_discriminator(config)
    assert discriminator.initial_conv.conv.out_channels == 7
    assert len(discriminator(torch.rand(1, 1, 32, 32, 32))) == 3 + 2


def test_the_denoiser():
    denoiser = build_denoiser(LDM, DIFFUSION, 5)
    assert denoiser(torch.rand(1, 5, 4, 4, 4), torch.tensor([3])).shape == (1, 5, 4, 4, 4)
    assert (denoiser.prediction, len(denoiser.schedule), denoiser.block_out_channels) == ("epsilon", 37, [8, 12])
    deep, shallow = denoiser.up_blocks
    assert isinstance(deep, AttnUpBlock)
    assert isinstance(shallow, UpBlock)
    assert len(shallow.resnets) == 2 + 1
    assert deep.attentions[0].attn.num_heads == 2
    assert denoiser.out[0].num_groups == 4


def test_the_semantic_encoder():
    encoder = build_semantic_encoder(ENCODER, GRID)
    assert encoder(torch.rand(1, 1, *GRID)).shape == (1, 24)
    assert encoder.attention.num_heads == 3
    assert encoder.grid_shape == GRID
    tiny = build_semantic_encoder(ENCODER.model_copy(update={"backbone": "convnext_tiny"}), GRID)
    assert tiny.backbone.features[0][0].out_channels == 96


def test_a_trained_encoder_needs_no_file_of_imagenet_weights():
    config = ENCODER.model_copy(update={"backbone_weights": "nowhere.pth"})
    assert build_semantic_encoder(config, GRID).semantic_dim == 24


def test_what_is_made_of_an_encoder():
    representation = build_representation(ENCODER, build_denoiser(LDM, DIFFUSION, 5), GRID)
    assert representation.gradient_estimator.middle[0].scale_shift.in_features == 24
    assert representation.semantic_encoder.grid_shape == GRID
    supervised = build_supervised_encoder(ENCODER, GRID)
    assert supervised.head.in_features == 24
    assert supervised.semantic_encoder.grid_shape == GRID


def test_the_voxel_dae_has_its_own_grid_and_prediction():
    dae = build_voxel_dae(DAE, ENCODER, DIFFUSION)
    assert dae.grid_shape == dae.semantic_encoder.grid_shape == (16, 20, 12)
    assert (dae.down.prediction, len(dae.down.schedule)) == ("v", 37)
    assert dae(torch.rand(1, 1, 16, 20, 12), torch.tensor([3]), torch.rand(1, 24)).shape == (1, 1, 16, 20, 12)
