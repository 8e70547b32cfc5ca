"""The probes of y_sem as files for use, and what they say of every scan."""

from __future__ import annotations

import logging
from pathlib import Path

import numpy as np
import pandas as pd
import torch

from ldae.config.evaluation import ProbesConfig
from ldae.data.labels import read_dataset
from ldae.errors import UserError
from ldae.evaluation.features.embeddings import Embeddings, read_embeddings
from ldae.evaluation.statistics.directions import store_probe
from ldae.evaluation.tables.downstream import label_embeddings
from ldae.evaluation.tables.published_probes import AD_VS_CN, AGE
from ldae.evaluation.tables.tasks import TASKS, fit_task, of_task
from ldae.files import hash_file, read_table, write_record, write_table
from ldae.systems.probe import Probe
from ldae.systems.probes import StoredProbes

logger = logging.getLogger(__name__)

STORED = {"ad_cn": AD_VS_CN, "age": AGE}  # by name, the tasks whose probes a trained model carries
PREDICTION_COLUMNS = (
    *("subject", "session", "split", "diagnosis", "age"),
    *("p_AD", "p_AD_calibrated", "predicted_age", "age_gap", "probes"),
)


def write_predictions(
    dataset: str | Path,
    embeddings: str | Path,
    representation: str | Path,
    probes: ProbesConfig,
    *,
    stored: str | Path,
    predictions: str | Path,
    codes: str | Path,
) -> None:
    """Fit the probes of y_sem, and write them, what they say of every scan, and y_sem itself as a table.

    Parameters
    ----------
    dataset, embeddings, representation : path
        The table of labels, y_sem of its scans, the weights that made it.
    probes : ProbesConfig
        Grids of the regularisation.
    stored, predictions, codes : path
        probes.json (`ldae.systems.probes`), and the CSVs: `PREDICTION_COLUMNS`, and subject, session, split, y_sem_0, …
    """
    made_by = hash_file(representation)
    labelled = label_embeddings(read_embeddings(embeddings, made_by), read_dataset(dataset))
    fitted = fit_probes(labelled, probes)
    write_record(stored, StoredProbes(representation_sha256=made_by, probes=fitted).model_dump())
    write_table(predictions, predict(fitted, labelled))
    features = pd.DataFrame(labelled.features, columns=list(labelled.names))
    write_table(codes, pd.concat([labelled.table[["subject", "session", "split"]], features], axis=1))


def fit_probes(embeddings: Embeddings, probes: ProbesConfig) -> dict[str, Probe]:
    """The probes of `STORED` that the labels allow, with their directions."""
    fitted = {}
    for name, wanted in STORED.items():
        task = next(task for task in TASKS if task.name == wanted)
        chosen = of_task(embeddings, task)
        try:
            probe = fit_task(task, chosen, probes)
        except UserError as error:
            logger.warning(
                "the model carries no probe of %s: expected %s, found %s", wanted, error.expected, error.found
            )
            continue
        positive = task.classes[0] if task.classify else ""
        target = (chosen.table["diagnosis"] == positive if task.classify else chosen.table["age"]).to_numpy()
        fitted[name] = store_probe(probe, chosen, target, task.name, positive)
    return fitted


def predict(probes: dict[str, Probe], embeddings: Embeddings) -> pd.DataFrame:
    """`PREDICTION_COLUMNS` of every scan; NaN where there is no probe. Training scans were fitted: see ``split``."""
    y_sem, nothing = torch.from_numpy(embeddings.features), np.full(len(embeddings.table), np.nan)
    table = embeddings.table[["subject", "session", "split", "diagnosis", "age"]].reset_index(drop=True)
    ad, age = probes.get("ad_cn"), probes.get("age")
    predicted = nothing if age is None else age.score(y_sem).numpy()
    described = [f"{probe.task}: {_kind(probe)} {probe.regularisation:g}" for probe in probes.values()]
    return table.assign(
        p_AD=nothing if ad is None else ad.probability(y_sem).numpy(),
        p_AD_calibrated=nothing if ad is None else ad.calibrated(y_sem).numpy(),
        predicted_age=predicted,
        age_gap=predicted - table["age"],
        probes="; ".join(described),
    )


def read_predictions(path: str | Path) -> pd.DataFrame:
    """Read `predictions.csv`; an unknown diagnosis is an empty string."""
    texts = dict.fromkeys(("subject", "session", "split", "diagnosis", "probes"), str)
    return read_table(path, PREDICTION_COLUMNS, dtype=texts).fillna({"diagnosis": "", "probes": ""})


def _kind(probe: Probe) -> str:
    return "logistic regression, C =" if probe.positive else "ridge, alpha ="
