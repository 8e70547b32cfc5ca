"""Codes of a made-up cohort that tell diagnosis and age as strongly as wanted."""

from __future__ import annotations

import numpy as np
import pandas as pd

from ldae.evaluation.features.embeddings import Embeddings


def make_embeddings(signal: float, subjects: int = 240, dim: int = 8, seed: int = 7) -> Embeddings:
    """One labelled scan per subject; entry 0 tells AD from CN and entry 1 age, as strongly as `signal`."""
    rng = np.random.default_rng(seed)
    diagnosis = np.array(["CN", "AD", "MCI"])[np.arange(subjects) % 3]
    age = 60 + 30 * rng.random(subjects)
    y_sem = rng.normal(size=(subjects, dim))
    y_sem[:, 0] += signal * (diagnosis == "AD")
    y_sem[:, 1] += signal * (age - 75) / 9
    split = np.array(["train"] * 5 + ["validation"] * 2 + ["test"] * 3)[rng.permutation(subjects) % 10]
    table = pd.DataFrame(
        {
            "subject": [f"S{i:03d}" for i in range(subjects)],
            "session": "M000",
            "diagnosis": diagnosis,
            "sex": np.array(["F", "M"])[np.arange(subjects) % 2],
            "split": split,
            "age": age,
            "months": 0.0,
            "field_strength": np.array(["1.5 T", "3 T"])[np.arange(subjects) // 2 % 2],
            "progression": np.where(diagnosis == "MCI", np.array(["sMCI", "pMCI"])[np.arange(subjects) % 2], ""),
        }
    )
    return Embeddings((100 + 5 * y_sem).astype(np.float32), table, tuple(f"y_sem_{i}" for i in range(dim)))
