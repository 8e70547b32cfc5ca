"""How fast this machine computes such networks, from a few steps of the configured autoencoder."""

from __future__ import annotations

import time

import torch

from ldae.config.load import Config
from ldae.device import pick_device
from ldae.networks.autoencoder import build_autoencoder
from ldae.planning.networks import decoder_of, encoder_of
from ldae.planning.plan import CPU
from ldae.planning.trainings import FORWARD_AND_BACKWARD
from ldae.precision import usable_precision

SECONDS = 5.0
LARGEST = 64  # voxels along a side: a step of the whole grid can take minutes on a CPU
MEASURED = "this GPU"


def with_measured_speed(config: Config) -> Config:
    """The configuration planned for this machine: its GPU where there is one, else its CPU."""
    device = pick_device()
    name = CPU if device == CPU else MEASURED
    tflops = measure_tflops(config, device) / (torch.get_num_threads() if device == CPU else 1)
    measured = {"tflops": config.plan.tflops | {name: tflops}, "device": name}
    return config.model_copy(update={"plan": config.plan.model_copy(update=measured)})


def measure_tflops(config: Config, device: str) -> float:
    """10^12 operations per second, forwards and backwards, in the arithmetic of the autoencoder's training."""
    factor = 2 ** (len(config.autoencoder.channels) - 1)
    grid = [min(size, LARGEST // factor * factor) for size in config.preprocessing.grid_shape]
    autoencoder = build_autoencoder(config.autoencoder).to(device)
    image = torch.rand(1, 1, *grid, device=device)
    used = usable_precision(config.autoencoder.training.precision, device)
    precision = torch.bfloat16 if "bf16" in used else torch.float32
    passed = encoder_of(config.autoencoder, grid) + decoder_of(config.autoencoder, grid)

    def step() -> None:
        with torch.autocast(torch.device(device).type, precision, enabled=precision != torch.float32):
            autoencoder.decode(autoencoder.encode(image)[0]).mean().backward()
        if device != CPU:
            torch.cuda.synchronize()

    step()  # the first one chooses kernels
    start, steps = time.perf_counter(), 0
    while time.perf_counter() - start < SECONDS:
        step()
        steps += 1
    return steps * FORWARD_AND_BACKWARD * passed.flop / (time.perf_counter() - start) / 1e12
