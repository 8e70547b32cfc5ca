"""Facts about a person as features, which cost nothing and beat many an encoder; they alone are made of labels."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pandas as pd

from ldae.data.labels import read_dataset
from ldae.evaluation.features.baselines import BRAIN_VOLUME, brain_volumes, read_qc
from ldae.evaluation.features.embeddings import Embeddings, embeddings_of, write_embeddings


def write_demographics(dataset: str | Path, qc: str | Path, outputs: Mapping[str, str | Path]) -> None:
    """Write the features age and sex, and the same with the brain's volume.

    Parameters
    ----------
    dataset, qc : path
        The tables of labels and of quality control.
    outputs : mapping
        Files by name: age_sex, age_sex_volume.
    """
    people = demographics(read_dataset(dataset))
    write_embeddings(outputs["age_sex"], people)
    write_embeddings(outputs["age_sex_volume"], with_brain_volume(people, read_qc(qc)))


def demographics(dataset: pd.DataFrame) -> Embeddings:
    """Age in years and sex (female 0, male 1; NaN where unknown)."""
    features = np.stack([dataset["age"], dataset["sex"].map({"F": 0.0, "M": 1.0})], 1).astype(float)
    return embeddings_of(features, dataset, ("age", "sex"))


def with_brain_volume(people: Embeddings, qc: pd.DataFrame) -> Embeddings:
    """Age, sex, and the volume of the brain mask before any alignment, in millilitres."""
    features = np.column_stack([people.features, brain_volumes(people.table, qc)])
    return Embeddings(features, people.table, (*people.names, BRAIN_VOLUME))
