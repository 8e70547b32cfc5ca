"""The supervised encoder from the dataset table to its weights, on labelled scans alone."""

from __future__ import annotations

import nibabel as nib
import numpy as np
import pandas as pd
import pytest
import torch

from ldae.data.volumes import read_volume
from ldae.errors import UserError
from ldae.files import hash_file
from ldae.models.supervised import SupervisedEncoder
from ldae.models.weights import load_weights
from ldae.training.state import Job
from ldae.training.supervised import SupervisedStage, labelled_rows, train_supervised
from tests.unit.training.conftest import GRID

AGES = [61.0, 70.0, 79.0, 66.0, 74.0, 63.0, 77.0, 72.0, 60.0, 80.0]
DIAGNOSES = ["AD", "CN", "CN", "CN", "MCI", "AD", "CN", None, "AD", "CN"]


@pytest.fixture
def labelled(dataset):
    """The dataset with labels; one training subject's age and one validation subject's diagnosis are unknown."""
    table = pd.read_csv(dataset)
    number = table["subject"].str[1:].astype(int)
    table["diagnosis"], table["age"] = number.map(dict(enumerate(DIAGNOSES))), number.map(dict(enumerate(AGES)))
    table.loc[table["subject"] == "S4", "age"] = np.nan
    table.to_csv(dataset, index=False)
    return dataset


@pytest.fixture
def run(labelled, supervised_config, encoder_config, tmp_path):
    def train(task, **training):
        config = supervised_config
        if training:
            config = config.model_copy(update={"training": config.training.model_copy(update=training)})
        output = tmp_path / f"{task}.safetensors"
        encoder = encoder_config
        train_supervised(labelled, task, config, encoder, Job(0, output, tmp_path / "h.csv", tmp_path / "checkpoints"))
        net = SupervisedEncoder(encoder, GRID)
        sections = {"supervised": config.model_dump(mode="json"), "encoder": encoder.model_dump(mode="json")}
        return net, load_weights(net, output, sections), output

    return train


def test_age_is_standardised_by_the_training_scans_that_have_one(run, labelled):
    net, sidecar, _ = run("age")
    table = pd.read_csv(labelled)
    used = table[(table["split"] == "train") & table["age"].notna()]
    assert net.target_mean.item() == pytest.approx(used["age"].mean())
    assert net.target_std.item() == pytest.approx(used["age"].std(), rel=1e-5)
    images = torch.stack([read_volume(path) for path in used["path"]])
    torch.testing.assert_close(net.semantic_encoder.mean_image[0], images.mean(0))
    assert (sidecar["task"], sidecar["train_scans"], sidecar["validation_scans"]) == ("age", len(used), 4)
    assert sidecar["subjects"]["train"] == ["S0", "S1", "S2", "S3"]


def test_only_labelled_scans_of_the_one_split_are_used(labelled):
    table = pd.read_csv(labelled)
    train, validation = (labelled_rows(table, "ad_cn", split) for split in ("train", "validation"))
    assert train["subject"].tolist() == ["S0", "S0", "S1", "S2", "S3"] and train["target"].tolist() == [1, 1, 0, 0, 0]
    assert set(validation["subject"]) == {"S5", "S6"}
    assert set(labelled_rows(table, "age", "train")["subject"]) == {"S0", "S1", "S2", "S3"}


def test_the_classes_weigh_alike(supervised_config, encoder_config):
    targets = [1.0, 0.0, 0.0, 0.0]
    stage = SupervisedStage("ad_cn", supervised_config, encoder_config, GRID, targets)
    stage.encoder.forward = lambda x: x

    def pull(target):
        logit = torch.zeros(1, requires_grad=True)
        stage.loss(logit, torch.tensor([target])).backward()
        return logit.grad.item()

    assert pull(1.0) == pytest.approx(-3 * pull(0.0))


def test_the_same_seed_gives_the_same_weights_and_tasks_differ(run):
    first = hash_file(run("ad_cn")[2])
    torch.manual_seed(123)
    assert hash_file(run("ad_cn")[2]) == first
    assert hash_file(run("age")[2]) != first


@pytest.mark.parametrize("task", ["ad_cn", "age"])
def test_a_planted_signal_is_learnt(run, labelled, task):
    """Scans brighten with AD, or with age."""
    table = pd.read_csv(labelled)
    signal = table["diagnosis"].map({"AD": 1.0, "CN": -1.0}) if task == "ad_cn" else (table["age"] - 70) / 7
    rng = np.random.default_rng(0)
    for path, value in zip(table["path"], signal.fillna(0.0), strict=True):
        volume = 0.5 + 0.2 * value + 0.02 * rng.standard_normal(GRID)
        nib.save(nib.Nifti1Image(volume.astype(np.float32), np.eye(4)), path)
    net, *_ = run(task, steps=60, validate_every_steps=10, batch_size=4, ema_decay=0.0)
    test = table[table["split"] == "test"]
    net.eval()
    predicted = net(torch.stack([read_volume(path) for path in test["path"]])).detach()
    worse, better = (predicted[(test["subject"] == name).to_numpy()].item() for name in ("S8", "S9"))
    assert worse > better if task == "ad_cn" else worse < better


def test_labels_that_do_not_differ_are_refused_with_the_cure(run, labelled):
    table = pd.read_csv(labelled)
    table.loc[(table["split"] == "validation") & (table["diagnosis"] == "AD"), "diagnosis"] = "MCI"
    table.to_csv(labelled, index=False)
    with pytest.raises(UserError, match=r"validation scans .*AD and CN.*\n.*\n.*evaluation\.supervised_tasks"):
        run("ad_cn")


def test_a_dataset_without_the_column_is_refused(run, labelled):
    pd.read_csv(labelled).drop(columns="age").to_csv(labelled, index=False)
    with pytest.raises(UserError, match="column age"):
        run("age")


def test_a_planted_test_subject_is_refused(run, labelled):
    table = pd.read_csv(labelled)
    planted = table[table["split"] == "test"].iloc[[0]].assign(split="train", session="M048")
    pd.concat([table, planted]).to_csv(labelled, index=False)
    with pytest.raises(UserError, match="each subject in one split"):
        run("ad_cn")
