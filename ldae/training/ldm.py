"""Stage 2: the unconditional denoiser on normalised latents (LDAE, section 3.2)."""

from __future__ import annotations

from pathlib import Path

import torch

from ldae.config.base import Section
from ldae.config.models import DiffusionConfig, LDMConfig
from ldae.data.leaks import fitting_rows
from ldae.data.scans import join_latents, read_scans
from ldae.data.volumes import Volumes
from ldae.diffusion.losses import draw_noise, noise_loss
from ldae.networks.diffusion import build_denoiser, build_schedule
from ldae.training.fit import fit_and_save
from ldae.training.initial import find_initial, load_initial
from ldae.training.normalizer import load_normalizer, normalized_reader
from ldae.training.stage import VALIDATION_DRAWS, Stage
from ldae.training.state import TrainingJob, describe_run, dump_sections


def train_ldm(
    scans_csv: str | Path,
    latents_csv: str | Path,
    latent_statistics: str | Path,
    config: LDMConfig,
    diffusion: DiffusionConfig,
    job: TrainingJob,
) -> None:
    """Train on the training subjects' latents, select by the validation subjects', write the weights and the history.

    Parameters
    ----------
    latents_csv : path
        The manifest of the latents.
    latent_statistics : path
        Weights file of their normaliser.

    Raises
    ------
    UserError
        A table, a latent or the weights to start from are unusable, a test subject is among the scans, or another
        process is training this stage.
    """
    table = read_scans(scans_csv)
    rows = [fitting_rows(table, split, scans_csv) for split in ("train", "validation")]
    rows = [join_latents(part, latents_csv) for part in rows]
    read = normalized_reader(load_normalizer(latent_statistics))
    latents = [Volumes(part["latent_path"], read) for part in rows]
    sections: dict[str, Section] = {"ldm": config, "diffusion": diffusion}
    initial = find_initial("ldm", config.init_from, dump_sections(sections), table)
    run = describe_run(job, sections, {"latent_statistics": latent_statistics} | initial.parents, rows)

    def build() -> LDMStage:
        stage = LDMStage(config, diffusion, latents[0].shape[0])
        load_initial(stage.denoiser, initial)
        return stage

    fit_and_save(job, run | initial.description, build, "denoiser", *latents)


class LDMStage(Stage):
    """A batch is a tensor of normalised latents z_0 (B, C, D, H, W)."""

    def __init__(self, config: LDMConfig, diffusion: DiffusionConfig, latent_channels: int) -> None:
        super().__init__(config.training)
        self.learning_rate = config.learning_rate
        self.schedule = build_schedule(diffusion)
        self.denoiser = build_denoiser(config, diffusion, latent_channels)

    def configure_optimizers(self) -> tuple[list, list]:
        """Adam, as published."""
        return self.scheduled(torch.optim.Adam(self.denoiser.parameters(), self.learning_rate))

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
