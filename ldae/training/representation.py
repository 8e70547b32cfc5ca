"""Stage 3: the semantic encoder and the gradient estimator beside the frozen denoiser (LDAE, section 3.3)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import pandas as pd
import torch

from ldae.config.base import Section
from ldae.config.models import DiffusionConfig, EncoderConfig, LDMConfig, RepresentationConfig
from ldae.data.leaks import fitting_rows
from ldae.data.scans import join_latents, read_scans
from ldae.data.volumes import Aligned, Volumes, others_scans, read_volume
from ldae.diffusion.losses import draw_noise, posterior_gap_loss
from ldae.files import hash_file
from ldae.models.denoiser import Denoiser, Features
from ldae.models.latent_normalizer import LatentNormalizer
from ldae.networks.diffusion import build_denoiser, build_schedule
from ldae.networks.representation import build_representation
from ldae.training.backbone import load_backbone_weights
from ldae.training.fit import fit_and_save
from ldae.training.initial import find_initial, load_initial
from ldae.training.normalizer import load_normalizer, normalized_reader
from ldae.training.stage import VALIDATION_DRAWS, Frozen, Stage
from ldae.training.state import TrainingJob, describe_run, dump_sections
from ldae.weights import load_weights


def train_representation(
    scans_csv: str | Path,
    latents_csv: str | Path,
    latent_statistics: str | Path,
    ldm_weights: str | Path,
    config: RepresentationConfig,
    encoder: EncoderConfig,
    ldm: LDMConfig,
    diffusion: DiffusionConfig,
    job: TrainingJob,
) -> None:
    """Train on the training subjects' scans and latents, select by the validation subjects', write weights and history.

    Parameters
    ----------
    latents_csv : path
        The manifest of the latents.
    latent_statistics, ldm_weights : path
        Weights files of the latents' normaliser and of the denoiser trained with it.

    Raises
    ------
    UserError
        An input is unusable, the denoiser was trained with another normaliser, a test subject is among
        the scans, or another process is training this stage.
    """
    table = read_scans(scans_csv)
    rows = [fitting_rows(table, split, scans_csv) for split in ("train", "validation")]
    train, validation = (join_latents(part, latents_csv) for part in rows)
    normalizer = load_normalizer(latent_statistics)
    fitted, held_out = (read_pairs(part, normalizer) for part in (train, validation))
    partners = others_scans(held_out[0], validation["subject"], fitted[0])
    sections: dict[str, Section] = {"ldm": ldm, "diffusion": diffusion}
    denoiser = build_denoiser(ldm, diffusion, normalizer.mean.shape[0])
    ldm_parents = {"latent_statistics": hash_file(latent_statistics)}
    load_weights(denoiser, ldm_weights, dump_sections(sections), ldm_parents)
    sections |= {"representation": config, "encoder": encoder}
    initial = find_initial("representation", config.init_from, dump_sections(sections), table)
    parents = {"latent_statistics": latent_statistics, "ldm": ldm_weights} | initial.parents
    run = describe_run(job, sections, parents, (train, validation)) | initial.description

    def build() -> RepresentationStage:
        stage = RepresentationStage(config, encoder, diffusion, denoiser, tuple(fitted[0].shape[1:]))
        load_backbone_weights(stage.representation.semantic_encoder, encoder, job.pretrained)
        load_initial(stage.representation, initial)
        if encoder.center_input:
            stage.representation.semantic_encoder.set_mean_image(fitted[0].mean())
        return stage

    fit_and_save(job, run, build, "representation", Aligned(*fitted), Aligned(*held_out, partners))


def read_pairs(rows: pd.DataFrame, normalizer: LatentNormalizer) -> tuple[Volumes, Volumes]:
    """Scans (1, D, H, W) and their normalised latents z_0."""
    return Volumes(rows["path"], read_volume), Volumes(rows["latent_path"], normalized_reader(normalizer))


class RepresentationStage(Stage):
    """A batch is scans x (B, 1, D, H, W) and their z_0; for validation also the scans of other subjects.

    The held-out loss is logged with a scan's own y_sem (`val_loss`, which selects the weights), with another subject's
    (`val_loss_shuffled`) and without the gradient estimator (`val_loss_none`), all three at the same noise: y_sem
    carries something of the scan exactly where the first lies below the second.
    """

    def __init__(
        self,
        config: RepresentationConfig,
        encoder: EncoderConfig,
        diffusion: DiffusionConfig,
        denoiser: Denoiser,
        grid_shape: Sequence[int],
    ) -> None:
        super().__init__(config.training)
        self.learning_rate, self.snr_exponent = config.learning_rate, config.snr_exponent
        self.schedule = build_schedule(diffusion)
        self.representation = build_representation(encoder, denoiser, grid_shape)
        self.denoiser = Frozen(denoiser)

    def configure_optimizers(self) -> tuple[list, list]:
        """Adam over the two trained networks."""
        return self.scheduled(torch.optim.Adam(self.representation.parameters(), self.learning_rate))

    def gap(
        self,
        estimator: Callable[[Features, torch.Tensor], torch.Tensor],
        z_0: torch.Tensor,
        y_sem: torch.Tensor,
        t: torch.Tensor,
        eps: torch.Tensor,
    ) -> torch.Tensor:
        """Posterior-mean gap of each scan (B,) at timesteps t (B,) and noises eps of the shape of z_0."""
        denoiser = self.denoiser.to(self.device)
        return posterior_gap_loss(denoiser, estimator, self.schedule, z_0, y_sem, t, eps, self.snr_exponent)

    def training_step(self, batch: tuple[torch.Tensor, torch.Tensor], batch_idx: int) -> torch.Tensor:
        """The gap at random levels."""
        x, z_0 = batch
        y_sem = self.representation.semantic_encoder(x)
        draw = draw_noise(self.schedule, z_0, self.noise)
        loss = self.gap(self.representation.gradient_estimator, z_0, y_sem, *draw).mean()
        self.track("train", {"loss": loss}, len(x))
        return loss

    def validation_step(self, batch: tuple[torch.Tensor, torch.Tensor, torch.Tensor], batch_idx: int) -> None:
        """The gap at levels and noises that never change."""
        x, z_0, other = batch
        encoder, estimator = self.representation.semantic_encoder, self.representation.gradient_estimator
        own, shuffled = encoder(x), encoder(other)
        draws = [draw_noise(self.schedule, z_0, self.noise) for _ in range(VALIDATION_DRAWS)]
        cases: dict[str, tuple[Callable, torch.Tensor]] = {
            "loss": (estimator, own),
            "loss_shuffled": (estimator, shuffled),
            "loss_none": (_no_shift, own),
        }
        losses = {
            name: torch.stack([self.gap(shift, z_0, y_sem, *draw) for draw in draws]).mean()
            for name, (shift, y_sem) in cases.items()
        }
        self.track("val", losses, len(x))


def _no_shift(features: tuple, y_sem: torch.Tensor) -> torch.Tensor:
    return torch.zeros((), device=y_sem.device)
