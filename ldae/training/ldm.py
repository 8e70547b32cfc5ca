"""Stage 2: the unconditional denoiser on normalised latents (LDAE, section 3.2)."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import torch

from ldae.config.models import DiffusionConfig, LDMConfig
from ldae.data.leaks import fitting_rows
from ldae.data.scans import read_scans
from ldae.data.volumes import Volumes
from ldae.diffusion.losses import draw_noise, noise_loss
from ldae.diffusion.schedule import Schedule
from ldae.models.denoiser import build_denoiser
from ldae.training.fit import Stage, fit_and_save
from ldae.training.latents import load_normalizer, normalized_reader
from ldae.training.state import Job, describe_run

VALIDATION_DRAWS = 4  # noise levels and noises at which each validation scan is judged


def train_ldm(
    dataset_csv: str | Path,
    latent_statistics: str | Path,
    config: LDMConfig,
    diffusion: DiffusionConfig,
    job: Job,
) -> None:
    """Train on the training subjects' latents, select by the validation subjects', write the weights and the history.

    Raises
    ------
    UserError
        The dataset or a latent is unusable, a test subject is among them, or another process is training this stage.
    """
    table = read_scans(dataset_csv)
    read = normalized_reader(load_normalizer(latent_statistics))
    rows = tuple(fitting_rows(table, split, dataset_csv) for split in ("train", "validation"))
    latents = [Volumes(part["latent_path"], read) for part in rows]
    sections = {"ldm": config.model_dump(mode="json"), "diffusion": diffusion.model_dump(mode="json")}
    run = describe_run(job, sections, dataset_csv, {"latent_statistics": latent_statistics}, rows)
    build = partial(LDMStage, config, diffusion, latents[0].shape[0])
    fit_and_save(job, run, build, "denoiser", *latents, config.training)


class LDMStage(Stage):
    """A batch is a tensor of normalised latents z_0 (B, C, D, H, W)."""

    def __init__(self, config: LDMConfig, diffusion: DiffusionConfig, latent_channels: int) -> None:
        super().__init__()
        self.learning_rate = config.learning_rate
        self.schedule = Schedule(diffusion)
        self.denoiser = build_denoiser(config, diffusion, latent_channels)

    def configure_optimizers(self) -> torch.optim.Optimizer:
        """Adam, as published."""
        return torch.optim.Adam(self.denoiser.parameters(), self.learning_rate)

    def training_step(self, batch: torch.Tensor, batch_idx: int) -> torch.Tensor:
        """Noise prediction at random levels."""
        loss = noise_loss(self.denoiser, self.schedule, batch, *draw_noise(self.schedule, batch, self.noise)).mean()
        self.track("train", {"loss": loss}, len(batch))
        return loss

    def validation_step(self, batch: torch.Tensor, batch_idx: int) -> None:
        """The same at levels and noises that never change."""
        draws = [draw_noise(self.schedule, batch, self.noise) for _ in range(VALIDATION_DRAWS)]
        losses = torch.stack([noise_loss(self.denoiser, self.schedule, batch, *draw) for draw in draws])
        self.track("val", {"loss": losses.mean()}, len(batch))
