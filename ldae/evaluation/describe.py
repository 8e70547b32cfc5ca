"""The description of a trained model, with the counts of the cohort that it learnt from."""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from ldae.config.load import Config
from ldae.data.labels import read_dataset
from ldae.data.sides import SPLITS
from ldae.systems.description import write_description


def describe_model(
    dataset: str | Path, models_dir: str | Path, config: Config, output: str | Path, *, phantom: bool
) -> None:
    """Write ``model.json`` beside the files of a trained model (see `ldae.systems.description`).

    Parameters
    ----------
    dataset, models_dir, output : path
        The table of labels, the folder of the model's files, the JSON to write.
    config : Config
        `ldae.systems.description.SECTIONS`, sampling, and evaluation.batch_size.
    phantom : bool
        Whether the cohort is fabricated.
    """
    write_description(models_dir, config, count_cohort(read_dataset(dataset)), phantom, output)


def count_cohort(table: pd.DataFrame) -> dict[str, dict[str, int]]:
    """Subjects and scans by split, scans by diagnosis ("unknown" without one)."""
    subjects = table.groupby("split")["subject"].nunique()
    diagnoses = table["diagnosis"].replace("", "unknown").value_counts().sort_index()
    return {
        "subjects": {split: int(subjects.get(split, 0)) for split in SPLITS},
        "scans": {split: int((table["split"] == split).sum()) for split in SPLITS},
        "diagnoses": {str(name): int(count) for name, count in diagnoses.items()},
    }
