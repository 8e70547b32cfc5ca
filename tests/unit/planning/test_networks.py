"""The counts of the plan are those of the networks themselves, built on the meta device."""

from __future__ import annotations

import pytest
import torch
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from ldae.config.load import Config, load_config
from ldae.networks.autoencoder import build_autoencoder, build_discriminator
from ldae.networks.diffusion import build_denoiser
from ldae.networks.encoder import build_semantic_encoder
from ldae.networks.representation import build_representation
from ldae.planning import networks as planned
from ldae.planning.blocks import Network
from tests.rules import ROOT

UNUSUAL = {
    "preprocessing": {"grid_shape": [48, 64, 32]},
    "autoencoder": {"channels": [8, 24], "residual_blocks": 3, "discriminator_layers": 1},
    "ldm": {"channels": [16, 32, 48], "residual_blocks": 2, "attention_levels": [False, False, True]},
    "encoder": {"semantic_dim": 48, "backbone": "convnext_tiny"},
}


def configurations() -> dict[str, Config]:
    """The demo's, the paper's, and an unusual one."""
    demo = load_config(ROOT / "config.yaml")
    content = demo.model_dump()
    for section, settings in UNUSUAL.items():
        content[section] |= settings
    unusual = Config.model_validate(content)
    return {"demo": demo, "paper": load_config(ROOT / "config.yaml", ROOT / "presets/paper.yaml"), "unusual": unusual}


CONFIGS = configurations()


@pytest.fixture(params=CONFIGS)
def config(request) -> Config:
    """One of the configurations."""
    return CONFIGS[request.param]


class Measured:
    """Parameters, operations and saved numbers of one call on the meta device."""

    def __init__(self, module: nn.Module, call, *parts: nn.Module) -> None:
        module.to("meta").train()
        self.parameters = sum(p.numel() for part in parts or (module,) for p in part.parameters())
        weights = {p.untyped_storage()._cdata for p in module.parameters()}
        stored: dict[int, int] = {}

        def keep(tensor: torch.Tensor) -> torch.Tensor:
            storage = tensor.untyped_storage()
            if storage._cdata not in weights and tensor.is_floating_point():
                stored[storage._cdata] = storage.nbytes() // tensor.element_size()
            return tensor

        with FlopCounterMode(display=False) as counter, torch.autograd.graph.saved_tensors_hooks(keep, lambda x: x):
            self.result = call(module)
        self.flop, self.saved = counter.get_total_flops(), sum(stored.values())


def meta(*shape: int) -> torch.Tensor:
    return torch.zeros(shape, device="meta")


def assert_agrees(network: Network, measured: Measured) -> None:
    assert network.parameters == measured.parameters
    assert network.flop == pytest.approx(measured.flop, rel=0.02)
    assert network.saved == pytest.approx(measured.saved, rel=0.25)


def test_autoencoder(config):
    net, grid = build_autoencoder(config.autoencoder), config.preprocessing.grid_shape
    encode = Measured(
        net, lambda net: net.encode(meta(1, 1, *grid))[0], net.encoder, net.quant_conv_mu, net.quant_conv_log_sigma
    )
    latent = planned.latent_grid(config)
    assert encode.result.shape[2:] == latent
    assert_agrees(planned.encoder_of(config.autoencoder, grid), encode)
    decode = Measured(
        net,
        lambda net: net.decode(meta(1, config.autoencoder.latent_channels, *latent)),
        net.decoder,
        net.post_quant_conv,
    )
    assert_agrees(planned.decoder_of(config.autoencoder, grid), decode)


def test_discriminator(config):
    grid = config.preprocessing.grid_shape
    measured = Measured(build_discriminator(config.autoencoder), lambda net: net(meta(1, 1, *grid)))
    assert_agrees(planned.discriminator_of(config.autoencoder, grid), measured)


def test_denoiser(config):
    channels, latent = config.autoencoder.latent_channels, planned.latent_grid(config)
    net = build_denoiser(config.ldm, config.diffusion, channels)
    measured = Measured(net, lambda net: net.decode(net.encode(meta(1, channels, *latent), meta(1).long())))
    whole = planned.down_path(config.ldm, channels, latent) + planned.up_path(config.ldm, channels, latent)
    assert_agrees(whole, measured)


def test_gradient_estimator(config):
    channels, latent = config.autoencoder.latent_channels, planned.latent_grid(config)
    denoiser = build_denoiser(config.ldm, config.diffusion, channels).to("meta")
    net = build_representation(config.encoder, denoiser, config.preprocessing.grid_shape).gradient_estimator
    with torch.no_grad():
        features = denoiser.encode(meta(1, channels, *latent), meta(1).long())
    measured = Measured(net, lambda net: net(features, meta(1, config.encoder.semantic_dim)))
    assert_agrees(planned.up_path(config.ldm, channels, latent, config.encoder.semantic_dim), measured)


def test_semantic_encoder(config):
    grid = config.preprocessing.grid_shape
    measured = Measured(build_semantic_encoder(config.encoder, grid), lambda net: net(meta(1, 1, *grid)))
    assert_agrees(planned.semantic_encoder_of(config.encoder, grid), measured)
