"""A test subject smuggled into training stops every stage that fits anything, before it fits."""

import numpy as np
import pandas as pd
import pytest

from ldae.config.load import load_config
from ldae.config.names import LDAE
from ldae.data.labels import read_dataset
from ldae.data.leaks import refuse_torn_subjects
from ldae.errors import UserError
from ldae.evaluation.features.embeddings import Embeddings
from ldae.evaluation.tables.downstream import evaluate_encoders
from ldae.evaluation.tables.leakage import Fitted, tabulate_leakage
from ldae.training.autoencoder import train_autoencoder
from ldae.training.dae import train_dae
from ldae.training.latents import encode_latents
from ldae.training.ldm import train_ldm
from ldae.training.representation import train_representation
from ldae.training.state import TrainingJob
from ldae.training.supervised import train_supervised
from tests.unit.evaluation.codes import make_embeddings
from tests.unit.sources import ROOT

CONFIG = load_config(ROOT / "config.yaml")
SMUGGLED = "S000"
STAGES = {
    "autoencoder": lambda data, job, none: train_autoencoder(data, CONFIG.autoencoder, job),
    "latents": lambda data, job, none: encode_latents(
        data, none, CONFIG.autoencoder, CONFIG.latents, manifest=none, statistics=none
    ),
    "ldm": lambda data, job, none: train_ldm(data, none, none, CONFIG.ldm, CONFIG.diffusion, job),
    "representation": lambda data, job, none: train_representation(
        data, none, none, none, CONFIG.representation, CONFIG.encoder, CONFIG.ldm, CONFIG.diffusion, job
    ),
    "dae": lambda data, job, none: train_dae(data, CONFIG.dae, CONFIG.encoder, CONFIG.diffusion, job),
    "supervised": lambda data, job, none: train_supervised(data, data, "age", CONFIG.supervised, CONFIG.encoder, job),
    "evaluation": lambda data, job, none: read_dataset(data),
}


@pytest.fixture
def torn():
    """A dataset whose first subject has one scan in the test split and another in the training split."""
    table = make_embeddings(1.0, subjects=12).table.assign(path="scan.nii.gz", image_sha256="0")
    table["split"] = np.resize(["train", "validation"], len(table))
    return pd.concat([table, table[:1].assign(session="M012", split="test")], ignore_index=True)


@pytest.mark.parametrize("stage", STAGES)
def test_no_stage_starts(stage, torn, tmp_path):
    path, absent = tmp_path / "dataset.csv", tmp_path / "absent"
    torn.to_csv(path, index=False)
    job = TrainingJob(0, tmp_path / "weights.safetensors", tmp_path / "history.csv", tmp_path / "checkpoints")
    with pytest.raises(UserError, match=SMUGGLED):
        STAGES[stage](path, job, absent)
    assert sorted(file.name for file in tmp_path.iterdir()) == ["dataset.csv"]


def test_the_dataset_table_is_not_written(torn):
    with pytest.raises(UserError, match=SMUGGLED):
        refuse_torn_subjects(torn)


def test_no_probe_is_fitted(torn):
    embeddings = Embeddings(np.zeros((len(torn), 2)), torn, ("a", "b"))
    with pytest.raises(UserError, match=SMUGGLED):
        evaluate_encoders({LDAE: embeddings}, CONFIG.evaluation.probes, CONFIG.evaluation.bootstrap, 3)


def test_the_leakage_table_is_not_written(torn):
    test_subject = torn["subject"].iloc[-1]
    with pytest.raises(UserError, match=SMUGGLED):
        tabulate_leakage([Fitted("ldm", "ldm.json", frozenset([test_subject]))], torn)
