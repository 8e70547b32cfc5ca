"""The directions in a representation that belong to a linear probe, and the calibration of its log-odds."""

from __future__ import annotations

import numpy as np
from sklearn.calibration import CalibratedClassifierCV
from sklearn.frozen import FrozenEstimator

from ldae.evaluation.features.embeddings import Embeddings
from ldae.evaluation.statistics.probes import FittedProbe
from ldae.systems.probe import Calibration, Probe

SMALLEST_CLASS = 2  # validation subjects of each diagnosis, for a calibration


def store_probe(probe: FittedProbe, embeddings: Embeddings, target: np.ndarray, task: str, positive: str = "") -> Probe:
    """A fitted probe with its directions, as it is written to a file.

    Parameters
    ----------
    probe, embeddings : FittedProbe, Embeddings
        What was fitted, and to what: the scans of the task alone.
    target : array (scans,)
        Whether each scan is of the positive class, or its number.
    task, positive : str
        As in `ldae.systems.probe.Probe`.
    """
    scaler, model = probe.model.named_steps["standardscaler"], probe.model[-1]
    train = (embeddings.table["split"] == "train").to_numpy()
    standardised, fitted = probe.model[:-1].transform(embeddings.features[train]), target[train]
    weights = np.ravel(model.coef_)
    classify = bool(positive)
    return Probe(
        task=task,
        positive=positive,
        mean=scaler.mean_.tolist(),
        scale=scaler.scale_.tolist(),
        weights=weights.tolist(),
        intercept=float(np.ravel(model.intercept_)[0]),
        regularisation=probe.regularisation,
        threshold=probe.threshold if classify else None,
        calibration=calibrate(probe, embeddings, target) if classify else None,
        pattern=haufe_pattern(standardised, weights).tolist(),
        difference=(class_difference if classify else slope)(standardised, fitted).tolist(),
        training_subjects=embeddings.table["subject"][train].nunique(),
    )


def haufe_pattern(features: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Covariance of features (scans, S) times weights (S,): Haufe et al., NeuroImage 87:96 (2014), equation 6.

    It is the slope of every feature on the probe's score, up to a factor.
    """
    centred = features - features.mean(0)
    return centred.T @ (centred @ weights) / len(features)


def class_difference(features: np.ndarray, positive: np.ndarray) -> np.ndarray:
    """Mean of the features (scans, S) of the positive scans minus that of the others, (S,)."""
    return features[positive].mean(0) - features[~positive].mean(0)


def slope(features: np.ndarray, numbers: np.ndarray) -> np.ndarray:
    """Slope of each of the features (scans, S) on the numbers (scans,), (S,)."""
    centred = numbers - numbers.mean()
    return centred @ features / (centred @ centred)


def calibrate(probe: FittedProbe, embeddings: Embeddings, positive: np.ndarray) -> Calibration | None:
    """Platt's calibration of a classifier's log-odds on the validation scans.

    None where fewer than `SMALLEST_CLASS` validation subjects are of one of the classes. Platt's targets, which leave
    the two classes a little uncertain, keep it finite where the classes are perfectly apart.
    """
    rows = (embeddings.table["split"] == "validation").to_numpy()
    subjects = embeddings.table["subject"][rows]
    counts = [subjects[positive[rows] == side].nunique() for side in (True, False)]
    if min(counts) < SMALLEST_CLASS:
        return None
    fitted = CalibratedClassifierCV(FrozenEstimator(probe.model), method="sigmoid", cv=SMALLEST_CLASS)
    sigmoid = fitted.fit(embeddings.features[rows], positive[rows]).calibrated_classifiers_[0].calibrators[0]
    scores = probe.model.decision_function(embeddings.features[rows])
    return Calibration(
        slope=-float(sigmoid.a_),
        intercept=-float(sigmoid.b_),
        subjects=subjects.nunique(),
        covered=(float(scores.min()), float(scores.max())),
    )
