"""How much faster the demo's networks run on a CPU where glibc keeps freed memory (`ldae.allocation`).

Usage: python benchmarks/allocation.py [--rounds 3]
Each setting runs in processes of its own, in turns; the ratio is that of the medians. Networks are untrained.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

import torch  # noqa: E402

from ldae.allocation import GLIBC_KEEPS_MEMORY  # noqa: E402
from ldae.config.load import load_config  # noqa: E402
from ldae.networks.autoencoder import build_autoencoder  # noqa: E402
from ldae.networks.dae import build_voxel_dae  # noqa: E402

REPEATS = 4


def seconds(step: Callable[[], None]) -> float:
    """Median time of a step that has run before."""
    step()
    taken = []
    for _ in range(REPEATS):
        start = time.perf_counter()
        step()
        taken.append(time.perf_counter() - start)
    return median(taken)


def measure() -> dict[str, float]:
    """Seconds of a training step and of inference, autoencoder and voxel DAE."""
    config = load_config(ROOT / "config.yaml")
    autoencoder = build_autoencoder(config.autoencoder)
    dae = build_voxel_dae(config.dae, config.encoder, config.diffusion)
    scans = torch.rand(16, 1, *config.preprocessing.grid_shape)
    images, timesteps = torch.rand(16, 1, *config.dae.grid_shape), torch.full((16,), 500)

    def train_autoencoder() -> None:
        with torch.autocast("cpu", torch.bfloat16):
            loss = autoencoder(scans[:2])[0].square().mean()
        loss.backward()

    def train_dae() -> None:
        with torch.autocast("cpu", torch.bfloat16):
            loss = dae(images[:4], timesteps[:4], dae.semantic_encoder(images[:4])).square().mean()
        loss.backward()

    @torch.inference_mode()
    def rebuild() -> None:
        autoencoder(scans)

    @torch.inference_mode()
    def denoise() -> None:
        dae(images, timesteps, dae.semantic_encoder(images))

    steps = {
        "autoencoder, training step": train_autoencoder,
        "voxel DAE, training step": train_dae,
        "autoencoder, 16 scans rebuilt": rebuild,
        "voxel DAE, 16 scans denoised": denoise,
    }
    return {name: seconds(step) for name, step in steps.items()}


def main() -> None:
    """Time each setting in processes of its own, in turns."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--measure", action="store_true", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.measure:
        print(json.dumps(measure()))
        return
    plain = {name: value for name, value in os.environ.items() if name not in GLIBC_KEEPS_MEMORY}
    results: dict[str, list[dict[str, float]]] = {"given back": [], "kept": []}
    for _ in range(arguments.rounds):
        for found, environment in zip(results.values(), (plain, plain | GLIBC_KEEPS_MEMORY), strict=True):
            command = [sys.executable, __file__, "--measure"]
            output = subprocess.run(command, env=environment, check=True, stdout=subprocess.PIPE, text=True).stdout
            found.append(json.loads(output.splitlines()[-1]))
    for name in results["kept"][0]:
        back, kept = (median(found[name] for found in of) for of in results.values())
        print(f"{name:30s} given back {back:6.3f} s   kept {kept:6.3f} s   ratio {kept / back:.2f}")


if __name__ == "__main__":
    main()
