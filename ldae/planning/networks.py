"""The networks of the configured sizes as blocks; a test holds them against the networks themselves."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

from ldae.config.load import Config
from ldae.config.models import AutoencoderConfig, EncoderConfig, UNetConfig
from ldae.planning.blocks import Block, Network, attention, convolution, linear, normalised_convolution, residual

# Channels and residual blocks of each level of torchvision's ConvNeXt and of the demo's small one.
CONVNEXT = {
    "convnext_pico": ((32, 64, 128), (1, 1, 1)),
    "convnext_tiny": ((96, 192, 384, 768), (3, 3, 9, 3)),
    "convnext_small": ((96, 192, 384, 768), (3, 3, 27, 3)),
    "convnext_base": ((128, 256, 512, 1024), (3, 3, 27, 3)),
    "convnext_large": ((192, 384, 768, 1536), (3, 3, 27, 3)),
}


def voxels_at(grid: Sequence[int], level: int) -> int:
    """Voxels of a grid that was halved `level` times."""
    return math.prod(grid) // 8**level


def latent_grid(config: Config) -> tuple[int, ...]:
    """Voxels of a latent along each axis."""
    factor = 2 ** (len(config.autoencoder.channels) - 1)
    return tuple(size // factor for size in config.preprocessing.grid_shape)


def encoder_of(config: AutoencoderConfig, grid: Sequence[int]) -> Network:
    """The autoencoder's encoder: a scan to the mean and spread of its latent."""
    return Network(_encoding(config, grid))


def _encoding(config: AutoencoderConfig, grid: Sequence[int]) -> Iterator[Block]:
    width, levels = config.channels[0], len(config.channels)
    yield convolution(1, width, 27, math.prod(grid), math.prod(grid))
    for level, channels in enumerate(config.channels):
        voxels = voxels_at(grid, level)
        for _ in range(config.residual_blocks):
            yield residual(width, channels, voxels)
            width = channels
        if level < levels - 1:
            yield convolution(width, width, 27, voxels, voxels // 8)
    latent, bottom = config.latent_channels, voxels_at(grid, levels - 1)
    yield normalised_convolution(width, latent, bottom, activation=False)
    yield from (convolution(latent, latent, 1, bottom, bottom) for _ in ("mean", "log variance"))


def decoder_of(config: AutoencoderConfig, grid: Sequence[int]) -> Network:
    """The autoencoder's decoder: a latent to its image."""
    return Network(_decoding(config, grid))


def _decoding(config: AutoencoderConfig, grid: Sequence[int]) -> Iterator[Block]:
    top, latent = len(config.channels) - 1, config.latent_channels
    width, bottom = config.channels[-1], voxels_at(grid, top)
    yield convolution(latent, latent, 1, bottom, bottom)
    yield convolution(latent, width, 27, bottom, bottom)
    for level in range(top, -1, -1):
        for _ in range(config.residual_blocks):
            yield residual(width, config.channels[level], voxels_at(grid, level))
            width = config.channels[level]
        if level:
            finer = voxels_at(grid, level - 1)
            yield convolution(width, width, 27, finer, finer)
    yield normalised_convolution(width, 1, math.prod(grid), activation=False)


def discriminator_of(config: AutoencoderConfig, grid: Sequence[int]) -> Network:
    """The PatchGAN discriminator; its convolutions span 4 x 4 x 4 voxels, with one voxel of padding."""
    width, shape, blocks = config.discriminator_channels, tuple(grid), []
    widths = [1, *(width * 2**i for i in range(config.discriminator_layers + 1)), 1]
    strides = [2] * config.discriminator_layers + [1, 1]
    for i, stride in enumerate(strides):
        smaller = tuple((size - 2) // stride + 1 for size in shape)
        normed = 0 < i <= config.discriminator_layers
        bare = convolution(widths[i], widths[i + 1], 64, math.prod(shape), math.prod(smaller), bias=not normed)
        made = widths[i + 1] * math.prod(smaller)
        norm, kept = (2 * widths[i + 1], 2 * made) if normed else (0, made)
        blocks.append(Block(bare.parameters + norm, bare.flop, bare.given, bare.saved + kept, bare.live))
        shape = smaller
    return Network(blocks)


def down_path(config: UNetConfig, channels: int, grid: Sequence[int]) -> Network:
    """The first half of a denoiser of `channels` channels: time, first convolution, down path."""
    return Network(_going_down(config, channels, grid))


def _going_down(config: UNetConfig, channels: int, grid: Sequence[int]) -> Iterator[Block]:
    width = config.channels[0]
    time = 4 * width
    yield linear(width, time)
    yield linear(time, time)
    yield convolution(channels, width, 27, math.prod(grid), math.prod(grid))
    for level, outputs in enumerate(config.channels):
        voxels = voxels_at(grid, level)
        for _ in range(config.residual_blocks):
            yield residual(width, outputs, voxels, time=time)
            width = outputs
            if config.attention_levels[level]:
                yield attention(width, voxels)
        if level < len(config.channels) - 1:
            yield residual(width, width, voxels, resized=1 / 8, time=time)


def up_path(config: UNetConfig, channels: int, grid: Sequence[int], semantic: int = 0) -> Network:
    """The second half of a denoiser: middle, up path, output; with `semantic`, the length of y_sem, the estimator's."""
    return Network(_going_up(config, channels, grid, semantic))


def _going_up(config: UNetConfig, channels: int, grid: Sequence[int], semantic: int) -> Iterator[Block]:
    levels, time = len(config.channels), 4 * config.channels[0]
    width, bottom = config.channels[-1], voxels_at(grid, levels - 1)
    yield residual(width, width, bottom, time=time, semantic=semantic)
    yield attention(width, bottom)
    yield residual(width, width, bottom, time=time, semantic=semantic)
    for level in range(levels - 1, -1, -1):
        outputs, voxels = config.channels[level], voxels_at(grid, level)
        coarser = config.channels[max(level - 1, 0)]
        for i in range(config.residual_blocks + 1):
            skipped = coarser if i == config.residual_blocks else outputs
            yield residual(width + skipped, outputs, voxels, time=time, semantic=semantic)
            width = outputs
            if config.attention_levels[level]:
                yield attention(width, voxels)
        if level:
            yield residual(width, width, voxels, resized=8, time=time, semantic=semantic)
    yield normalised_convolution(width, channels, math.prod(grid), activation=True)


def semantic_encoder_of(config: EncoderConfig, grid: Sequence[int]) -> Network:
    """The backbone on every axial slice, and the attention over the slices."""
    depth, height, slices = grid
    size = config.semantic_dim
    features = CONVNEXT[config.backbone][0][-1]
    pooling = [linear(features, size, slices)] * (features != size)
    pooling += [linear(size, size, slices), linear(size, 1, slices)]  # the score
    pooling += [linear(size, size), *[linear(size, size, slices)] * 2, linear(size, size)]  # query, key, value, output
    learnt = Block(slices * size + 2 * size, 4 * size * slices, 0, 0, 0)  # positions, the norm, the attention itself
    return Network([*(block.times(slices) for block in _convnext(config.backbone, depth, height)), *pooling, learnt])


def _convnext(backbone: str, depth: int, height: int) -> Iterator[Block]:
    widths, repeats = CONVNEXT[backbone]
    depth, height = depth // 4, height // 4
    stem = convolution(1, widths[0], 16, 16 * depth * height, depth * height)
    yield _with_norm(stem, widths[0], widths[0] * depth * height)
    for level, (width, repeat) in enumerate(zip(widths, repeats, strict=True)):
        for _ in range(repeat):
            yield _convnext_block(width, depth * height)
        if level < len(widths) - 1:
            pixels, depth, height = depth * height, depth // 2, height // 2
            halving = convolution(width, widths[level + 1], 4, pixels, depth * height)
            yield _with_norm(halving, width, width * pixels)
    yield Block(2 * widths[-1], 0, widths[-1], widths[-1], widths[-1])


def _with_norm(block: Block, channels: int, numbers: int) -> Block:
    return Block(block.parameters + 2 * channels, block.flop, block.given, block.saved + numbers, block.live)


def _convnext_block(width: int, pixels: int) -> Block:
    """Depthwise 7 x 7, LayerNorm, to four times the channels and back, scaled."""
    parameters = (49 * width + width) + 2 * width + (8 * width * width + 5 * width) + width
    flop = 2 * 49 * width * pixels + 16 * width * width * pixels
    numbers = width * pixels
    return Block(parameters, flop, numbers, 13 * numbers, 9 * numbers)
