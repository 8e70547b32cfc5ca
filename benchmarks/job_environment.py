"""How much faster the demo's networks run on a CPU with the variables of `ldae.job_environment`.

Usage: python benchmarks/job_environment.py [--rounds 3]
Each variable's effect with the other set, alone and beside a program that keeps a core busy. Each setting runs in
processes of its own, in turns; the ratio is that of the medians. Networks are untrained.
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

from ldae.config.load import load_config  # noqa: E402
from ldae.job_environment import GLIBC_KEEPS_MEMORY, JOB_ENVIRONMENT, LIBGOMP_WAITS_BRIEFLY  # noqa: E402
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


def run(without: dict[str, str]) -> dict[str, float]:
    """Measure in a process that lacks some of the variables."""
    own = {name: value for name, value in os.environ.items() if name not in JOB_ENVIRONMENT} | JOB_ENVIRONMENT
    environment = {name: value for name, value in own.items() if name not in without}
    command = [sys.executable, __file__, "--measure"]
    output = subprocess.run(command, env=environment, check=True, stdout=subprocess.PIPE, text=True).stdout
    return json.loads(output.splitlines()[-1])


def compare(title: str, without: dict[str, str], rounds: int) -> None:
    """Print each step's time without and with some of the variables, in turns."""
    results = [(run(without), run({})) for _ in range(rounds)]
    for name in results[0][0]:
        before, after = (median(pair[side][name] for pair in results) for side in (0, 1))
        print(f"{title:40s} {name:30s} without {before:7.3f} s   with {after:7.3f} s   ratio {after / before:.2f}")


def main() -> None:
    """Compare each variable, alone on the machine and not."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--measure", action="store_true", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.measure:
        print(json.dumps(measure()))
        return
    compare("memory kept", GLIBC_KEEPS_MEMORY, arguments.rounds)
    compare("short waits", LIBGOMP_WAITS_BRIEFLY, arguments.rounds)
    with subprocess.Popen([sys.executable, "-c", "while True: pass"]) as other:
        compare("short waits beside another program", LIBGOMP_WAITS_BRIEFLY, arguments.rounds)
        other.kill()


if __name__ == "__main__":
    main()
