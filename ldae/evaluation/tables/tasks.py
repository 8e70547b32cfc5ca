"""What the probes predict, of which scans, and from which features."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from ldae.config.evaluation import ProbesConfig
from ldae.data.labels import DATASET, FIELD_STRENGTH, PROGRESSION
from ldae.data.sides import SPLITS
from ldae.errors import UserError
from ldae.evaluation.features.embeddings import Embeddings
from ldae.evaluation.statistics.probes import FittedProbe, fit_classifier, fit_ridge
from ldae.evaluation.tables.published_probes import AD_VS_CN, AGE


@dataclass(frozen=True)
class Task:
    """What is predicted: the first class against the second, or age in years within some diagnoses (none: all).

    The classes are values of the column `label`. `on_every_side`: there is no score unless training, validation and
    test hold both of them.
    """

    name: str
    classes: tuple[str, ...]
    classify: bool
    label: str = "diagnosis"
    on_every_side: bool = False

    def rows(self, table: pd.DataFrame) -> np.ndarray:
        """Which scans the task is about."""
        chosen = table[self.label].isin(self.classes) if self.classes else pd.Series(True, table.index)
        return (chosen if self.classify else chosen & table["age"].notna()).to_numpy()

    def refuse_empty_sides(self, table: pd.DataFrame) -> None:
        """Refuse scans of which a side lacks one of the classes, where the task needs them on every side.

        Raises
        ------
        UserError
            It does, and names what is lacking.
        """
        found = set(zip(table["split"], table[self.label], strict=True))
        lacking = [f"no {name} in {split}" for split in SPLITS for name in self.classes if (split, name) not in found]
        if self.on_every_side and lacking:
            expected = f"scans of {' and of '.join(self.classes)} in training, validation and test"
            raise UserError(DATASET, expected, ", ".join(lacking), "use more subjects of both")


TASKS = (
    Task(AD_VS_CN, ("AD", "CN"), True),
    Task("MCI vs CN", ("MCI", "CN"), True),
    Task("AD vs MCI", ("AD", "MCI"), True),
    Task(AGE, (), False),
    Task("age, CN only", ("CN",), False),
    Task("pMCI vs sMCI", ("pMCI", "sMCI"), True, PROGRESSION),
    # Of the scanner and not of the person: what a code tells of it can masquerade as disease.
    Task("3 T vs 1.5 T", ("3 T", "1.5 T"), True, FIELD_STRENGTH, on_every_side=True),
)


def of_task(embeddings: Embeddings, task: Task) -> Embeddings:
    """The scans of a task; features that are the target itself are left out: the age, or those named ``target=…``."""
    chosen = embeddings.select(task.rows(embeddings.table))
    target = task.label if task.classify else "age"
    telling = [name for name in chosen.names if name.partition("=")[0] == target]
    return chosen.without(*telling) if telling else chosen


def fit_task(task: Task, embeddings: Embeddings, probes: ProbesConfig) -> FittedProbe:
    """The probe of a task on the scans of `of_task`."""
    if task.classify:
        return fit_classifier(embeddings, task.classes[0], probes.c_grid, task.label)
    return fit_ridge(embeddings, embeddings.table["age"].to_numpy(), probes.alpha_grid)
