"""What a GPU reaches at a preset's size, against the plan: training steps, the sampler's precision, metrics.

Usage: python benchmarks/gpu.py [--configfile presets/paper.yaml presets/gpu_80gb.yaml] [--steps 3] > gpu.csv
On random scans with random weights; minutes on an H100. `tflops` of the trainings is what to put into plan.tflops.
On a CPU it runs as well (give a small configuration); memory is then not measured.
"""

from __future__ import annotations

import argparse
import gc
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from statistics import median

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT), str(ROOT / "benchmarks")]

import pandas as pd  # noqa: E402
import paper_step  # noqa: E402
import torch  # noqa: E402

from ldae.config.load import Config, load_config  # noqa: E402
from ldae.device import pick_device  # noqa: E402
from ldae.evaluation.measure.metrics import ssim  # noqa: E402
from ldae.models.checkpointing import checkpoint_activations  # noqa: E402
from ldae.networks.autoencoder import build_autoencoder  # noqa: E402
from ldae.networks.diffusion import build_denoiser  # noqa: E402
from ldae.planning.networks import down_path, latent_grid, up_path  # noqa: E402
from ldae.planning.trainings import list_trainings  # noqa: E402

DEVICE = pick_device()


def on_gpu() -> bool:
    """Whether there is one to measure."""
    return DEVICE == "cuda"


def timed(function: Callable[[], object], repeats: int) -> tuple[float, float]:
    """Median seconds after a first call that warms up, and the largest memory of the GPU in GB (NaN without one).

    A function that gives seconds has timed what counts of it.
    """
    gc.collect()
    if on_gpu():
        torch.cuda.empty_cache()
        torch.cuda.reset_peak_memory_stats()
    seconds = []
    for _ in range(repeats + 1):
        start = time.perf_counter()
        own = function()
        if on_gpu():
            torch.cuda.synchronize()
        seconds.append(own if isinstance(own, float) else time.perf_counter() - start)
    peak = torch.cuda.max_memory_allocated() / 1e9 if on_gpu() else float("nan")
    return median(seconds[1:]), peak


def training_steps(config: Config, repeats: int) -> Iterator[dict]:
    """A step of each training, its activations kept and computed anew."""
    plans = list_trainings(config)
    for name in paper_step.STAGES:
        section = getattr(config, name)
        for anew in (False, True):
            changes = {"accumulate": 1, "activation_checkpointing": anew}
            one = section.model_copy(update={"training": section.training.model_copy(update=changes)})
            stage, batch = paper_step.build(name, config.model_copy(update={name: one}), one.training.batch_size)
            if anew:
                checkpoint_activations(stage)
            precision = "bf16-mixed" if one.training.precision == "16-mixed" else one.training.precision
            what = f"{name}, a step of {one.training.batch_size}" + (", activations anew" if anew else "")
            try:
                seconds, peak = timed(lambda s=stage, b=batch, p=precision: paper_step.take_step(s, b, p), repeats)
            except torch.OutOfMemoryError:
                yield {"what": what, "note": "does not fit the memory"}
                continue
            plan = plans[name].settings.model_copy(update={"activation_checkpointing": anew})
            counted = type(plans[name])(**{**vars(plans[name]), "settings": plan})
            flop = counted.step_flop * one.training.batch_size
            yield {"what": what, "seconds": seconds, "tflops": flop / seconds / 1e12, "peak_gb": peak} | {
                "planned_gb": counted.memory / 1e9
            }
            del stage, batch


@torch.inference_mode()
def inference(config: Config, repeats: int) -> Iterator[dict]:
    """The denoiser in float32 and bfloat16, the autoencoder's decoder, SSIM on this device and on the CPU."""
    channels, latent = config.autoencoder.latent_channels, latent_grid(config)
    scans = config.evaluation.batch_size
    denoiser = build_denoiser(config.ldm, config.diffusion, channels).to(DEVICE).eval()
    z, t = torch.randn(scans, channels, *latent, device=DEVICE), torch.full((scans,), 10, device=DEVICE)
    flop = scans * (down_path(config.ldm, channels, latent) + up_path(config.ldm, channels, latent)).flop
    for name, enabled in (("float32", False), ("bfloat16", True)):

        def step(enabled: bool = enabled) -> None:
            with torch.autocast(DEVICE, torch.bfloat16, enabled=enabled):
                denoiser(z, t)

        seconds, peak = timed(step, repeats)
        yield {"what": f"denoiser, {scans} scans, {name}", "seconds": seconds, "tflops": flop / seconds / 1e12} | {
            "peak_gb": peak
        }
    autoencoder = build_autoencoder(config.autoencoder).to(DEVICE).eval()
    seconds, peak = timed(lambda: autoencoder.decode(z), repeats)
    yield {"what": f"autoencoder, decoding {scans} scans", "seconds": seconds, "peak_gb": peak}
    image = torch.rand(1, 1, *config.preprocessing.grid_shape, device=DEVICE)
    for device in dict.fromkeys((DEVICE, "cpu")):
        pair = image.to(device), (image * 0.9).to(device)
        seconds, peak = timed(lambda pair=pair: ssim(*pair), repeats)
        yield {"what": f"SSIM of a scan on the {device}", "seconds": seconds, "peak_gb": peak}


def main() -> None:
    """Measure and print a table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--configfile", type=Path, nargs="+", default=[ROOT / "presets" / "paper.yaml"])
    parser.add_argument("--steps", type=int, default=3)
    arguments = parser.parse_args()
    config = load_config(ROOT / "config.yaml", *arguments.configfile)
    name = torch.cuda.get_device_name() if on_gpu() else f"CPU, {torch.get_num_threads()} threads"
    rows = [*training_steps(config, arguments.steps), *inference(config, arguments.steps)]
    pd.DataFrame(rows).assign(device=name).round(4).to_csv(sys.stdout, index=False)


if __name__ == "__main__":
    main()
