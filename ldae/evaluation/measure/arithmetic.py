"""How much arithmetic the systems take per scan, counted on meta tensors: without weights, memory or time."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch.utils.flop_counter import FlopCounterMode, sdpa_flop_count

from ldae.config import names
from ldae.config.load import Config
from ldae.networks.dae import build_voxel_dae
from ldae.networks.diffusion import build_schedule
from ldae.systems.base import DiffusionAutoencoder
from ldae.systems.dae import VoxelDiffusionAutoencoder
from ldae.systems.ldae import LatentDiffusionAutoencoder, build_networks

ENCODE, DECODE, RECONSTRUCT = "encode", "decode", "reconstruct"


@dataclass(frozen=True)
class Arithmetic:
    """TFLOP per scan of what the operations are made of; `noise`: of one step of the sampler."""

    encode_image: float
    encode_semantic: float
    noise: float
    decode_image: float

    def of(self, operation: str, steps: int) -> float:
        """TFLOP per scan of `ENCODE`, `DECODE` or `RECONSTRUCT` with `steps` steps each way."""
        encode = self.encode_image + self.encode_semantic + steps * self.noise
        decode = steps * self.noise + self.decode_image
        return {ENCODE: encode, DECODE: decode, RECONSTRUCT: encode + decode}[operation]


def count_tflop(function: Callable[[], object]) -> float:
    """TFLOP of a call: convolutions, products and attention, multiply and add counted apart, by PyTorch's counter."""
    # On a CPU attention goes by an operation that the counter does not know.
    attention = {torch.ops.aten._scaled_dot_product_flash_attention_for_cpu: _count_attention}
    with FlopCounterMode(display=False, custom_mapping=attention) as counter:
        function()
    return counter.get_total_flops() / 1e12


@torch.inference_mode()
def count_arithmetic(codec: DiffusionAutoencoder, grid_shape: Sequence[int], *, semantic: bool) -> Arithmetic:
    """Count a codec's parts on one scan of `grid_shape` on its device; `semantic`: whether y_sem conditions it."""
    x, t = torch.zeros((1, 1, *grid_shape), device=codec.device), torch.zeros(1, device=codec.device)
    z, y_sem = codec.encode_image(x), codec.encode_semantic(x) if semantic else None
    return Arithmetic(
        encode_image=count_tflop(lambda: codec.encode_image(x)),
        encode_semantic=count_tflop(lambda: codec.encode_semantic(x)) if semantic else 0.0,
        noise=count_tflop(lambda: codec.predict_noise(z, t, y_sem)),
        decode_image=count_tflop(lambda: codec.decode_image(z)),
    )


def count_systems(config: Config) -> dict[str, Arithmetic]:
    """LDAE, LDDIM and the voxel DAE of the configured sizes, built without weights.

    Parameters
    ----------
    config : Config
        preprocessing.grid_shape, autoencoder, diffusion, ldm, encoder and dae.
    """
    grid = config.preprocessing.grid_shape
    with torch.device("meta"):
        schedule = build_schedule(config.diffusion)
        ldae = LatentDiffusionAutoencoder(*build_networks(config), schedule, "meta")
        dae = VoxelDiffusionAutoencoder(build_voxel_dae(config.dae, config.encoder, config.diffusion), schedule, "meta")
    return {
        names.LDAE: count_arithmetic(ldae, grid, semantic=True),
        names.LDDIM: count_arithmetic(ldae, grid, semantic=False),
        names.DAE: count_arithmetic(dae, grid, semantic=True),
    }


def _count_attention(query: Sequence[int], key: Sequence[int], value: Sequence[int], *_: object, **__: object) -> int:
    return sdpa_flop_count(query, key, value)
