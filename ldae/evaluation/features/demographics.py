"""Facts about a person and a scanner as features, which cost nothing; they alone are made of labels.

Age and sex beat many an encoder. Where patients were scanned elsewhere or otherwise than the healthy, so does the
scanner: what a code gains over it is what it knows of the brain.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pandas as pd

from ldae.data.labels import FIELD_STRENGTH, field_strength, read_dataset
from ldae.evaluation.features.baselines import BRAIN_VOLUME, brain_volumes, read_qc
from ldae.evaluation.features.embeddings import Embeddings, embeddings_of, write_embeddings


def write_demographics(dataset: str | Path, qc: str | Path, outputs: Mapping[str, str | Path]) -> None:
    """Write the features age and sex, the same with the brain's volume, and how and where the scan was made.

    Parameters
    ----------
    dataset, qc : path
        The tables of labels and of quality control.
    outputs : mapping
        Files by name: age_sex, age_sex_volume, acquisition.
    """
    labels = read_dataset(dataset)
    people = demographics(labels)
    write_embeddings(outputs["age_sex"], people)
    write_embeddings(outputs["age_sex_volume"], with_brain_volume(people, read_qc(qc)))
    write_embeddings(outputs["acquisition"], acquisition(labels))


def demographics(dataset: pd.DataFrame) -> Embeddings:
    """Age in years and sex (female 0, male 1; NaN where unknown)."""
    features = np.stack([dataset["age"], dataset["sex"].map({"F": 0.0, "M": 1.0})], 1).astype(float)
    return embeddings_of(features, dataset, ("age", "sex"))


def with_brain_volume(people: Embeddings, qc: pd.DataFrame) -> Embeddings:
    """Age, sex, and the volume of the brain mask before any alignment, in millilitres."""
    features = np.column_stack([people.features, brain_volumes(people.table, qc)])
    return Embeddings(features, people.table, (*people.names, BRAIN_VOLUME))


def acquisition(dataset: pd.DataFrame) -> Embeddings:
    """Field strength, site and phase of the study: a feature ``site=…`` for each that there is, 1 at its scans.

    Unknown ones are a group of their own, so that a cohort that knows none of the three says nothing.
    """
    facts = pd.DataFrame(
        {FIELD_STRENGTH: field_strength(dataset)} | {name: dataset[name] for name in ("site", "phase")}
    )
    groups = pd.get_dummies(facts.replace("", "unknown"), prefix_sep="=")
    return embeddings_of(groups.to_numpy(dtype=float), dataset, tuple(groups))
