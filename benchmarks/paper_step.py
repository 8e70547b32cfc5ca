"""Time and peak memory of one training step at a preset's size, on random scans with random weights.

Usage: python benchmarks/paper_step.py autoencoder|ldm|representation|dae [--keep-activations] [--batch-size 1]
           [--configfile presets/paper.yaml ...]
One pass of `batch-size` scans forwards and backwards, then one step of the optimizer, in the preset's precision (where
that is 16-mixed, a CPU takes bf16-mixed); with activation checkpointing, unless the activations are to be kept. The
moving average of the weights, one more copy of them, is left out. Nothing is read, written or validated.
"""

from __future__ import annotations

import argparse
import resource
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

import ldae.torchvision_ops  # noqa: E402, F401  (before torchvision)

import lightning as L  # noqa: E402
import torch  # noqa: E402
from torch.utils.data import DataLoader  # noqa: E402
from torchvision import models  # noqa: E402

from ldae.config.load import Config, load_config  # noqa: E402
from ldae.device import pick_device  # noqa: E402
from ldae.models.checkpointing import checkpoint_activations  # noqa: E402
from ldae.networks.diffusion import build_denoiser  # noqa: E402
from ldae.training.autoencoder import AutoencoderStage  # noqa: E402
from ldae.training.dae import DAEStage  # noqa: E402
from ldae.training.ldm import LDMStage  # noqa: E402
from ldae.training.perceptual import PerceptualLoss, load_perceptual_loss  # noqa: E402
from ldae.training.representation import RepresentationStage  # noqa: E402
from ldae.training.stage import Stage  # noqa: E402

STAGES = ("autoencoder", "ldm", "representation", "dae")


class Clock(L.Callback):
    """Seconds of the training batches."""

    seconds = 0.0

    def on_train_batch_start(self, *_: object) -> None:
        """Start."""
        self.start = time.perf_counter()

    def on_train_batch_end(self, *_: object) -> None:
        """Stop, once the device is done."""
        if torch.cuda.is_available():
            torch.cuda.synchronize()
        self.seconds += time.perf_counter() - self.start


def random_perceptual_loss(config: Config) -> PerceptualLoss | None:
    """The perceptual loss on a SqueezeNet of random weights, which takes as long and as much memory."""
    with tempfile.TemporaryDirectory() as folder:
        weights = Path(folder, "squeezenet.pth")
        torch.save(models.squeezenet1_1(weights=None).state_dict(), weights)
        return load_perceptual_loss(config.autoencoder, weights)[0]


def build(name: str, config: Config, scans: int) -> tuple[Stage, torch.Tensor | tuple[torch.Tensor, ...]]:
    """A stage and a random batch for it."""
    grid, factor = config.preprocessing.grid_shape, 2 ** (len(config.autoencoder.channels) - 1)
    channels = config.autoencoder.latent_channels
    latents = torch.randn(scans, channels, *(size // factor for size in grid))
    if name == "autoencoder":
        return AutoencoderStage(config.autoencoder, random_perceptual_loss(config)), torch.rand(scans, 1, *grid)
    if name == "ldm":
        return LDMStage(config.ldm, config.diffusion, channels), latents
    if name == "dae":
        return DAEStage(config.dae, config.encoder, config.diffusion), torch.rand(scans, 1, *config.dae.grid_shape)
    denoiser = build_denoiser(config.ldm, config.diffusion, channels)
    stage = RepresentationStage(config.representation, config.encoder, config.diffusion, denoiser, grid)
    return stage, (torch.rand(scans, 1, *grid), latents)


def take_step(stage: Stage, batch: torch.Tensor | tuple[torch.Tensor, ...], precision: str) -> float:
    """One step of a stage on a batch; the seconds it took."""
    device, clock = pick_device(), Clock()
    stage.noise, stage.step = torch.Generator(device).manual_seed(0), stage.settings.steps - 1
    trainer = L.Trainer(
        accelerator=device,
        devices=1,
        precision=precision,
        max_epochs=1,
        gradient_clip_val=stage.settings.gradient_clip if stage.automatic_optimization else None,
        callbacks=[clock],
        logger=False,
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
    )
    trainer.fit(stage, DataLoader([batch], batch_size=None))
    return clock.seconds


def main() -> None:
    """Build the stage, take the step and print what it took."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("stage", choices=STAGES)
    parser.add_argument("--keep-activations", action="store_true", help="no activation checkpointing")
    parser.add_argument("--batch-size", type=int, default=1)
    parser.add_argument("--configfile", type=Path, nargs="+", default=[ROOT / "presets" / "paper.yaml"])
    arguments = parser.parse_args()
    config = load_config(ROOT / "config.yaml", *arguments.configfile)
    section = getattr(config, arguments.stage)
    training = section.training.model_copy(update={"accumulate": 1})
    config = config.model_copy(update={arguments.stage: section.model_copy(update={"training": training})})
    stage, batch = build(arguments.stage, config, arguments.batch_size)
    if not arguments.keep_activations:
        checkpoint_activations(stage)
    on_cpu = pick_device() == "cpu"
    precision = "bf16-mixed" if on_cpu and training.precision == "16-mixed" else training.precision
    seconds = take_step(stage, batch, precision)
    parameters = sum(parameter.numel() for parameter in stage.parameters()) / 1e6
    how = "kept" if arguments.keep_activations else "computed anew"
    size = f"{parameters:.1f} M parameters, {arguments.batch_size} scans"
    print(f"{arguments.stage}: {size}, {precision}, activations {how}")
    print(f"{seconds:.1f} s for the step on {f'{torch.get_num_threads()} CPU threads' if on_cpu else 'the GPU'}")
    print(f"{resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20:.1f} GiB largest resident memory")
    if not on_cpu:
        print(f"{torch.cuda.max_memory_allocated() / 2**30:.1f} GiB largest allocated on the GPU")


if __name__ == "__main__":
    main()
