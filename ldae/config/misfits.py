"""Settings that are sound alone and do not fit together across sections.

They are looked up in the raw content, so that a fault elsewhere in a section hides none of them; what is missing or of
another type is left to the typed sections.
"""

from __future__ import annotations

from collections.abc import Iterator

TORCHVISION = ("convnext_tiny", "convnext_small", "convnext_base", "convnext_large")
SMALLEST_SLICE = {"convnext_pico": 16, **dict.fromkeys(TORCHVISION, 32)}  # voxels that a backbone can reduce to one
SMALLEST_PATCH = 3  # voxels that the discriminator's last two layers need
SMALLEST_GRID = 11  # voxels of the window of the structural similarity, in which every table of images is told


def list_misfits(content: dict) -> Iterator[tuple[str, str, object]]:
    """Where, what is wrong, and the value there."""
    yield from _steps_beyond_the_schedule(content)
    yield from _grids_that_cannot_be_halved(content)
    yield from _grids_that_are_too_small(content)


def _steps_beyond_the_schedule(content: dict) -> Iterator[tuple[str, str, object]]:
    timesteps = _numbers(content, "diffusion.timesteps")
    for key in ("sampling.steps", "evaluation.reconstruction.steps", "evaluation.comparison.steps"):
        steps = _numbers(content, key)
        if steps and timesteps and max(steps) >= timesteps[0]:
            yield key, f"must be fewer than diffusion.timesteps, {timesteps[0]}", _value(content, key)


def _grids_that_cannot_be_halved(content: dict) -> Iterator[tuple[str, str, object]]:
    grid, layers = _numbers(content, "preprocessing.grid_shape"), _numbers(content, "autoencoder.discriminator_layers")
    levels = [len(_numbers(content, f"{net}.channels")) for net in ("autoencoder", "ldm")]
    if grid and all(levels):
        factor = 2 ** (sum(levels) - len(levels))
        if any(size % factor for size in grid):
            text = f"must be divisible by {factor}, the downsampling of the autoencoder times that of the denoiser"
            yield "preprocessing.grid_shape", text, grid
        elif all(size == factor for size in grid):
            text = f"must be larger than {factor}, the downsampling: the networks would end at a single voxel"
            yield "preprocessing.grid_shape", text, grid
    if grid and layers and min(grid) // 2 ** layers[0] < SMALLEST_PATCH:
        text = f"leaves of the grid, {grid}, fewer than {SMALLEST_PATCH} voxels along a side"
        yield "autoencoder.discriminator_layers", text, layers[0]


def _grids_that_are_too_small(content: dict) -> Iterator[tuple[str, str, object]]:
    backbone = str(_value(content, "encoder.backbone"))
    least = SMALLEST_SLICE.get(backbone, 1)
    for key in ("preprocessing.grid_shape", "dae.grid_shape"):
        shape = _numbers(content, key)
        if shape and min(shape[:2]) < least:
            yield key, f"the first two must be at least {least} for encoder.backbone {backbone}", shape
        if shape and min(shape) < SMALLEST_GRID:
            yield key, f"must be at least {SMALLEST_GRID} along every axis, the window of the SSIM", shape


def _value(content: dict, key: str) -> object:
    found: object = content
    for name in key.split("."):
        found = found.get(name) if isinstance(found, dict) else None
    return found


def _numbers(content: dict, key: str) -> list[int]:
    """The positive whole numbers of a setting; none where it holds anything else."""
    value = _value(content, key)
    numbers = value if isinstance(value, list | tuple) else [value]
    whole = [number for number in numbers if type(number) is int and number > 0]
    return whole if len(whole) == len(numbers) else []
