"""Stage 1: AutoencoderKL with L1, KL, perceptual and adversarial losses (LDAE, section 3.1)."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any

import torch
from monai.losses import PatchAdversarialLoss
from monai.losses.perceptual import PerceptualLoss
from torch.nn import functional as F

from ldae.config.base import Section
from ldae.config.models import AutoencoderConfig
from ldae.data.leaks import fitting_rows
from ldae.data.scans import read_scans
from ldae.data.volumes import image_set
from ldae.networks.autoencoder import build_autoencoder, build_discriminator
from ldae.training.fit import fit_and_save
from ldae.training.initial import find_initial, load_initial
from ldae.training.perceptual import load_perceptual_loss
from ldae.training.stage import Frozen, Stage
from ldae.training.state import TrainingJob, describe_run, dump_sections


def train_autoencoder(scans_csv: str | Path, config: AutoencoderConfig, job: TrainingJob) -> None:
    """Train on the training subjects' scans, select by the validation subjects', and write the weights and the history.

    Raises
    ------
    UserError
        The table of scans or the weights to start from are unusable, a test subject is among the scans, or another
        process is training this stage.
    """
    table = read_scans(scans_csv)
    rows = [fitting_rows(table, split, scans_csv) for split in ("train", "validation")]
    scans = [image_set(part) for part in rows]
    perceptual, perceptual_note = load_perceptual_loss(config, job.pretrained)
    sections: dict[str, Section] = {"autoencoder": config}
    initial = find_initial("autoencoder", config.init_from, dump_sections(sections), table)
    run = describe_run(job, sections, initial.parents, rows) | {"perceptual_loss": perceptual_note}

    def build() -> AutoencoderStage:
        stage = AutoencoderStage(config, perceptual)
        load_initial(stage.autoencoder, initial)
        return stage

    fit_and_save(job, run | initial.description, build, "autoencoder", *scans)


class AutoencoderStage(Stage):
    """Two optimizers in turn, so accumulation, clipping and the schedule's steps are done here.

    A batch is a tensor of scans (B, 1, D, H, W). The validation loss is that of the posterior mean's reconstruction
    without the adversarial part.
    """

    def __init__(self, config: AutoencoderConfig, perceptual: PerceptualLoss | None) -> None:
        super().__init__(config.training)
        self.automatic_optimization = False
        self.config = config
        self.autoencoder = build_autoencoder(config)
        self.discriminator = build_discriminator(config)
        self.perceptual = Frozen(perceptual) if perceptual else None
        self.adversarial = PatchAdversarialLoss(criterion="least_squares", no_activation_leastsq=True)

    def configure_optimizers(self) -> tuple[list, list]:
        """Adam for each network, as published."""
        # The discriminator's schedule runs on while the network still waits for its first step.
        warnings.filterwarnings("ignore", r"Detected call of `lr_scheduler\.step\(\)` before", UserWarning)
        return self.scheduled(
            torch.optim.Adam(self.autoencoder.parameters(), self.config.learning_rate),
            torch.optim.Adam(self.discriminator.parameters(), self.config.discriminator_learning_rate),
        )

    def training_step(self, batch: torch.Tensor, batch_idx: int) -> None:
        """Accumulate both networks' gradients; after the last part of a batch, take one step of each."""
        parts = self.settings.passes
        with_adversary = self.config.adversarial_weight > 0 and self.step >= self.config.adversarial_start_step
        z_mu, z_sigma = self.autoencoder.encode(batch)
        reconstruction = self.autoencoder.decode(self.autoencoder.sampling(z_mu, z_sigma))
        losses = self.reconstruction_losses(reconstruction, batch, z_mu, z_sigma)
        if with_adversary:
            self.discriminator.requires_grad_(False)
            losses["adversarial"] = self.adversarial(self.discriminator(reconstruction)[-1].float(), True, False)
            losses["loss"] = losses["loss"] + self.config.adversarial_weight * losses["adversarial"]
            self.discriminator.requires_grad_(True)
        self.manual_backward(losses["loss"] / parts)
        if with_adversary:
            losses["discriminator"] = self.discriminator_loss(batch, reconstruction.detach())
            self.manual_backward(losses["discriminator"] / parts)
        self.track("train", losses, len(batch))
        if self.ends_step(batch_idx):
            optimizers: Any = self.optimizers()
            schedulers: Any = self.lr_schedulers()
            generator, discriminator = optimizers
            self.take_step(generator)
            if with_adversary:
                self.take_step(discriminator)
            for scheduler in schedulers:
                scheduler.step()

    def validation_step(self, batch: torch.Tensor, batch_idx: int) -> None:
        """Losses and the squared error of the posterior mean's reconstruction."""
        z_mu, z_sigma = self.autoencoder.encode(batch)
        reconstruction = self.autoencoder.decode(z_mu)
        losses = self.reconstruction_losses(reconstruction, batch, z_mu, z_sigma)
        self.track("val", {**losses, "mse": F.mse_loss(reconstruction.float(), batch)}, len(batch))

    def reconstruction_losses(
        self, reconstruction: torch.Tensor, scan: torch.Tensor, z_mu: torch.Tensor, z_sigma: torch.Tensor
    ) -> dict[str, torch.Tensor]:
        """L1 (mean over voxels), KL to N(0, I) (sum over the latent, mean over scans), perceptual, and their sum."""
        variance = z_sigma.float().square()
        kl = 0.5 * (z_mu.float().square() + variance - variance.log() - 1).flatten(1).sum(1).mean()
        losses = {"l1": F.l1_loss(reconstruction.float(), scan), "kl": kl}
        total = losses["l1"] + self.config.kl_weight * kl
        if self.perceptual:
            losses["perceptual"] = self.perceptual.to(self.device)(reconstruction.float(), scan)
            total = total + self.config.perceptual_weight * losses["perceptual"]
        return {"loss": total, **losses}

    def discriminator_loss(self, scan: torch.Tensor, reconstruction: torch.Tensor) -> torch.Tensor:
        """Least-squares loss (Mao et al. 2017): scans to 1, reconstructions to 0."""
        judged = [self.discriminator(image.contiguous())[-1].float() for image in (scan, reconstruction)]
        return 0.5 * sum(self.adversarial(j, real, True) for j, real in zip(judged, (True, False), strict=True))

    def take_step(self, optimizer: torch.optim.Optimizer) -> None:
        """Clip, step and reset the gradients of one optimizer."""
        if self.settings.gradient_clip:
            self.clip_gradients(optimizer, self.settings.gradient_clip, "norm")
        optimizer.step()
        optimizer.zero_grad()
