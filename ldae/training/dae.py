"""The voxel DAE: semantic encoder and conditional U-Net on the image grid, trained together."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import torch

from ldae.config.models import DAEConfig, DiffusionConfig, EncoderConfig, LatentsConfig
from ldae.data.leaks import fitting_rows
from ldae.data.scans import read_scans
from ldae.data.volumes import Aligned, image_set, others_scans
from ldae.diffusion.losses import draw_noise, noise_loss
from ldae.models.voxel_dae import resample
from ldae.networks.dae import build_voxel_dae
from ldae.networks.diffusion import build_schedule
from ldae.training.backbone import load_backbone_weights
from ldae.training.fit import fit_and_save
from ldae.training.normalizer import fit_normalizer
from ldae.training.stage import VALIDATION_DRAWS, Stage
from ldae.training.state import TrainingJob, describe_run


def train_dae(
    scans_csv: str | Path, config: DAEConfig, encoder: EncoderConfig, diffusion: DiffusionConfig, job: TrainingJob
) -> None:
    """Train on the training subjects' scans, select by the validation subjects', and write the weights and the history.

    Raises
    ------
    UserError
        The table of scans is unusable, a test subject is among the scans, or another process is training this stage.
    """
    table = read_scans(scans_csv)
    train, validation = (fitting_rows(table, split, scans_csv) for split in ("train", "validation"))
    change = partial(resample_one, grid_shape=config.grid_shape)
    images, held_out = image_set(train, change), image_set(validation, change)
    partners = others_scans(held_out, validation["subject"], images)
    sections = {"dae": config, "encoder": encoder, "diffusion": diffusion}
    run = describe_run(job, sections, {}, (train, validation))

    def build() -> DAEStage:
        stage = DAEStage(config, encoder, diffusion)
        load_backbone_weights(stage.dae.semantic_encoder, encoder, job.pretrained)
        if config.center_images:
            stage.dae.normalizer = fit_normalizer(images, LatentsConfig(center="voxel"))
        if encoder.center_input:
            stage.dae.semantic_encoder.set_mean_image(images.mean())
        return stage

    fit_and_save(job, run, build, "dae", images, Aligned(held_out, partners))


def resample_one(volume: torch.Tensor, grid_shape: tuple[int, int, int]) -> torch.Tensor:
    """Bring a volume (1, D, H, W) to another grid."""
    return resample(volume[None], grid_shape)[0]


class DAEStage(Stage):
    """A batch is images x (B, 1, D, H, W) in 0..1 on the DAE's grid; for validation also those of other subjects.

    The loss is the squared error of the predicted noise; with `config.loss` "v" that of v, which is the former over
    abar_t and so counts the high noise levels more, where y_sem tells most.

    The held-out loss is logged with an image's own y_sem (`val_loss`, which selects the weights) and with another
    subject's (`val_loss_shuffled`), at the same noise.
    """

    def __init__(self, config: DAEConfig, encoder: EncoderConfig, diffusion: DiffusionConfig) -> None:
        super().__init__(config.training)
        self.learning_rate, self.of_v = config.learning_rate, config.loss == "v"
        self.schedule = build_schedule(diffusion)
        self.dae = build_voxel_dae(config, encoder, diffusion)

    def configure_optimizers(self) -> tuple[list, list]:
        """Adam over both networks."""
        return self.scheduled(torch.optim.Adam(self.dae.parameters(), self.learning_rate))

    def loss(self, x_0: torch.Tensor, y_sem: torch.Tensor, t: torch.Tensor, eps: torch.Tensor) -> torch.Tensor:
        """Mean loss at timesteps t (B,) and noises eps of the shape of x_0."""
        losses = noise_loss(partial(self.dae, y_sem=y_sem), self.schedule, x_0, t, eps)
        if self.of_v:
            signal, _ = self.schedule.signal_and_noise(t)
            losses = losses / signal.flatten().square()
        return losses.mean()

    def training_step(self, batch: torch.Tensor, batch_idx: int) -> torch.Tensor:
        """Noise prediction at random levels."""
        x_0 = self.dae.normalizer.normalize(batch)
        loss = self.loss(x_0, self.dae.semantic_encoder(batch), *draw_noise(self.schedule, x_0, self.noise))
        self.track("train", {"loss": loss}, len(batch))
        return loss

    def validation_step(self, batch: tuple[torch.Tensor, torch.Tensor], batch_idx: int) -> None:
        """The same at levels and noises that never change."""
        x, other = batch
        x_0 = self.dae.normalizer.normalize(x)
        draws = [draw_noise(self.schedule, x_0, self.noise) for _ in range(VALIDATION_DRAWS)]
        codes = {"loss": self.dae.semantic_encoder(x), "loss_shuffled": self.dae.semantic_encoder(other)}
        losses = {
            name: torch.stack([self.loss(x_0, y_sem, *draw) for draw in draws]).mean() for name, y_sem in codes.items()
        }
        self.track("val", losses, len(x))
