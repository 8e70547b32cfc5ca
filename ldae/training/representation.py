"""Stage 3: the semantic encoder and the gradient estimator beside the frozen denoiser (LDAE, section 3.3)."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pandas as pd
import torch

from ldae.config.base import Section
from ldae.config.models import DiffusionConfig, EncoderConfig, LDMConfig, RepresentationConfig
from ldae.data.leaks import fitting_rows
from ldae.data.scans import join_latents, read_scans
from ldae.data.volumes import Aligned, Volumes, image_set, others_scans
from ldae.diffusion.losses import Gap, draw_noise, leave_gap, posterior_gap_loss
from ldae.files import hash_file
from ldae.models.denoiser import Denoiser
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
    normalizer = load_normalizer(latent_statistics, train)
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
    return image_set(rows), Volumes(rows["latent_path"], normalized_reader(normalizer))


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

    def draw_gap(self, z_0: torch.Tensor) -> Gap:
        """What the denoiser leaves of a random noise at random levels, for scans' z_0 (B, C, d, h, w)."""
        draw = draw_noise(self.schedule, z_0, self.noise)
        return leave_gap(self.denoiser.to(self.device), self.schedule, z_0, *draw)

    def loss(self, gap: Gap, y_sem: torch.Tensor | None) -> torch.Tensor:
        """The mean gap that the gradient estimator leaves with y_sem (B, S); without y_sem, the whole of it."""
        estimator = self.representation.gradient_estimator
        correction = gap.residual.new_zeros(()) if y_sem is None else estimator(gap.features, y_sem)
        return posterior_gap_loss(gap, correction, self.schedule, self.snr_exponent).mean()

    def training_step(self, batch: tuple[torch.Tensor, torch.Tensor], batch_idx: int) -> torch.Tensor:
        """The gap at random levels."""
        x, z_0 = batch
        y_sem = self.representation.semantic_encoder(x)
        loss = self.loss(self.draw_gap(z_0), y_sem)
        self.track("train", {"loss": loss}, len(x))
        return loss

    def validation_step(self, batch: tuple[torch.Tensor, torch.Tensor, torch.Tensor], batch_idx: int) -> None:
        """The gap at levels and noises that never change; of each draw the denoiser is asked once."""
        x, z_0, other = batch
        encoder = self.representation.semantic_encoder
        cases = {"loss": encoder(x), "loss_shuffled": encoder(other), "loss_none": None}
        draws = [self.draw_gap(z_0) for _ in range(VALIDATION_DRAWS)]
        losses = {name: torch.stack([self.loss(gap, y_sem) for gap in draws]).mean() for name, y_sem in cases.items()}
        self.track("val", losses, len(x))
