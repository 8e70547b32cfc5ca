"""The supervised encoder: the semantic encoder trained for AD vs CN, or for age."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Literal

import pandas as pd
import torch
from torch import nn

from ldae.config.models import EncoderConfig, SupervisedConfig
from ldae.data.labels import DATASET, join_labels, read_dataset
from ldae.data.leaks import fitting_rows
from ldae.data.scans import read_scans
from ldae.data.volumes import Aligned, Volumes, image_set
from ldae.errors import UserError
from ldae.networks.supervised import build_supervised_encoder
from ldae.training.backbone import load_backbone_weights
from ldae.training.fit import fit_and_save
from ldae.training.stage import Stage
from ldae.training.state import TrainingJob, describe_run

Task = Literal["ad_cn", "age"]


def train_supervised(
    scans_csv: str | Path,
    dataset_csv: str | Path,
    task: Task,
    config: SupervisedConfig,
    encoder: EncoderConfig,
    job: TrainingJob,
) -> None:
    """Train on the training subjects' labelled scans, select by the validation subjects', write weights and history.

    Parameters
    ----------
    dataset_csv : path
        Where the labels of the scans stand.

    Raises
    ------
    UserError
        A table is unusable or lacks the labels, a test subject is among the scans, or another process is training
        this stage.
    """
    table, labels = read_scans(scans_csv), read_dataset(dataset_csv)
    rows = [labelled_rows(table, labels, task, split, dataset_csv) for split in ("train", "validation")]
    images = [image_set(part) for part in rows]
    targets = [part["target"].tolist() for part in rows]
    sections = {"supervised": config, "encoder": encoder}
    counts = {f"{split}_scans": len(part) for split, part in zip(("train", "validation"), rows, strict=True)}
    run = {**describe_run(job, sections, {}, rows), "task": task, **counts}

    def build() -> SupervisedStage:
        stage = SupervisedStage(task, config, encoder, tuple(images[0].shape[1:]), targets[0])
        load_backbone_weights(stage.encoder.semantic_encoder, encoder, job.pretrained)
        if encoder.center_input:
            stage.encoder.semantic_encoder.set_mean_image(images[0].mean())
        return stage

    pairs = [Aligned(x, Volumes(values, torch.tensor)) for x, values in zip(images, targets, strict=True)]
    fit_and_save(job, run, build, "encoder", *pairs)


def labelled_rows(
    scans: pd.DataFrame, labels: pd.DataFrame, task: Task, split: str, where: str | Path = DATASET
) -> pd.DataFrame:
    """`fitting_rows` that have the label, with a column target: 1 for AD and 0 for CN, or the age in years.

    Parameters
    ----------
    scans : DataFrame
        Of `read_scans`; its splits count.
    labels : DataFrame
        Of `read_dataset`: subject, session, diagnosis, age (years).

    Raises
    ------
    UserError
        As `fitting_rows` and `join_labels`, and where all labels are the same.
    """
    rows = join_labels(fitting_rows(scans, split), labels)
    target = rows["diagnosis"].map({"AD": 1.0, "CN": 0.0}) if task == "ad_cn" else rows["age"].astype(float)
    rows = rows[list(scans.columns)].assign(target=target)
    rows = rows[rows["target"].notna()].reset_index(drop=True)
    if rows["target"].nunique() < 2:
        expected = f"{split} scans with two different labels ({'AD and CN' if task == 'ad_cn' else 'ages'})"
        found = f"{len(rows)} labelled scans, {rows['target'].nunique()} different labels"
        raise UserError(where, expected, found, f"add subjects, or leave {task} out of evaluation.supervised_tasks")
    return rows


class SupervisedStage(Stage):
    """A batch is scans x (B, 1, D, H, W) and targets (B,): 1 for AD and 0 for CN, or ages in years.

    The loss is binary cross-entropy, the classes weighted to count alike, or L1 on standardised ages.
    """

    def __init__(
        self,
        task: Task,
        config: SupervisedConfig,
        encoder: EncoderConfig,
        grid_shape: Sequence[int],
        targets: Sequence[float],
    ) -> None:
        super().__init__(config.training)
        self.learning_rate = config.learning_rate_age if task == "age" else config.learning_rate_ad_cn
        self.encoder = build_supervised_encoder(encoder, grid_shape)
        known = torch.tensor(targets)
        self.criterion: nn.Module
        if task == "age":
            self.encoder.target_mean.copy_(known.mean())
            self.encoder.target_std.copy_(known.std())
            self.criterion = nn.L1Loss()
        else:
            self.criterion = nn.BCEWithLogitsLoss(pos_weight=(known == 0).sum() / (known == 1).sum())

    def configure_optimizers(self) -> tuple[list, list]:
        """Adam."""
        return self.scheduled(torch.optim.Adam(self.encoder.parameters(), self.learning_rate))

    def loss(self, x: torch.Tensor, target: torch.Tensor) -> torch.Tensor:
        """The mean loss of the batch."""
        return self.criterion(self.encoder(x).float(), self.encoder.standardize(target))

    def training_step(self, batch: tuple[torch.Tensor, torch.Tensor], batch_idx: int) -> torch.Tensor:
        """The loss of one batch."""
        loss = self.loss(*batch)
        self.track("train", {"loss": loss}, len(batch[0]))
        return loss

    def validation_step(self, batch: tuple[torch.Tensor, torch.Tensor], batch_idx: int) -> None:
        """The loss of one batch of validation subjects."""
        self.track("val", {"loss": self.loss(*batch)}, len(batch[0]))
