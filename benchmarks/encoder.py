"""How much faster the paper's semantic encoder reads scans with empty axial slices, or with weights in channels_last.

Usage: python benchmarks/encoder.py [--empty 25] [--scans 1] [--rounds 3]
Each is timed in turns on random scans with random weights: seconds on the GPU where there is one, else seconds of the
CPU. Ratios are of the medians.
"""

from __future__ import annotations

import argparse
import sys
import time
from copy import deepcopy
from pathlib import Path
from statistics import median

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

import torch  # noqa: E402

from ldae.config.load import load_config  # noqa: E402
from ldae.device import pick_device  # noqa: E402
from ldae.models.semantic_encoder import SemanticEncoder  # noqa: E402
from ldae.networks.encoder import build_semantic_encoder  # noqa: E402


@torch.inference_mode()
def seconds(encoder: SemanticEncoder, scans: torch.Tensor) -> float:
    """Time of encoding scans once."""
    clock = time.perf_counter if scans.is_cuda else time.process_time
    start = clock()
    encoder(scans).sum().item()  # waits for the device
    return clock() - start


def main() -> None:
    """Time the ways in turns."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--empty", type=int, default=25, help="empty slices of a scan")
    parser.add_argument("--scans", type=int, default=1)
    parser.add_argument("--rounds", type=int, default=3)
    arguments = parser.parse_args()
    config, device = load_config(ROOT / "config.yaml", ROOT / "presets" / "paper.yaml"), pick_device()
    encoder = build_semantic_encoder(config.encoder, config.preprocessing.grid_shape).eval().to(device)
    other = deepcopy(encoder)
    other.backbone.to(memory_format=torch.channels_last)
    full = torch.rand(arguments.scans, 1, *config.preprocessing.grid_shape, device=device)
    padded = full.clone()
    padded[..., : arguments.empty] = 0
    ways = {
        "no slice empty": (encoder, full),
        f"{arguments.empty} slices empty": (encoder, padded),
        "no slice empty, channels_last": (other, full),
    }
    taken: dict[str, list[float]] = {name: [] for name in ways}
    for rounds in range(arguments.rounds + 1):
        for name, way in ways.items():
            taken[name].append(seconds(*way))
            if not rounds:
                taken[name].clear()  # it warmed up
    plain = median(taken["no slice empty"])
    for name, found in taken.items():
        print(f"{name:30s} {median(found):7.3f} s   ratio {plain / median(found):.2f}")


if __name__ == "__main__":
    main()
