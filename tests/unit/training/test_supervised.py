"""The supervised encoder from the tables to its weights, on labelled scans alone."""

from __future__ import annotations

import nibabel as nib
import numpy as np
import pandas as pd
import pytest
import torch

from ldae.data.labels import read_dataset
from ldae.data.scans import read_scans
from ldae.data.volumes import read_volume
from ldae.errors import UserError
from ldae.files import hash_file
from ldae.networks.supervised import build_supervised_encoder
from ldae.training import supervised
from ldae.training.supervised import SupervisedStage, labelled_rows, train_supervised
from ldae.weights import load_weights
from tests.unit.tiny_cohort import GRID


@pytest.fixture
def run(cohort, supervised_config, encoder_config, make_job):
    def train(task, seed=3, name=None, **training):
        config = supervised_config
        if training:
            config = config.model_copy(update={"training": config.training.model_copy(update=training)})
        job = make_job(name or task, seed=seed)
        train_supervised(cohort.scans, cohort.dataset, task, config, encoder_config, job)
        net = build_supervised_encoder(encoder_config, GRID)
        sections = {"supervised": config.model_dump(mode="json"), "encoder": encoder_config.model_dump(mode="json")}
        return net, load_weights(net, job.output, sections), job.output

    return train


def test_age_is_standardised_by_the_training_scans_that_have_one(run, cohort):
    net, sidecar, _ = run("age")
    table = pd.read_csv(cohort.dataset)
    used = table[(table["split"] == "train") & table["age"].notna()]
    assert net.target_mean.item() == pytest.approx(used["age"].mean())
    assert net.target_std.item() == pytest.approx(used["age"].std(), rel=1e-5)
    images = torch.stack([read_volume(path) for path in used["path"]])
    torch.testing.assert_close(net.semantic_encoder.mean_image[0], images.mean(0))
    assert (sidecar["task"], sidecar["train_scans"], sidecar["validation_scans"]) == ("age", len(used), 4)
    assert sidecar["subjects"]["train"] == ["S0", "S1", "S2", "S3"]


def test_only_labelled_scans_of_the_one_split_are_used(cohort):
    scans, labels = read_scans(cohort.scans), read_dataset(cohort.dataset)
    train, validation = (labelled_rows(scans, labels, "ad_cn", split) for split in ("train", "validation"))
    assert train["subject"].tolist() == ["S0", "S0", "S1", "S2", "S3"]
    assert train["target"].tolist() == [1, 1, 0, 0, 0]
    assert validation["subject"].tolist() == ["S5", "S5", "S6"]
    assert validation["target"].tolist() == [1, 1, 0]
    assert set(labelled_rows(scans, labels, "age", "train")["subject"]) == {"S0", "S1", "S2", "S3"}


def test_labels_are_joined_by_scan_whatever_their_order(cohort):
    scans, labels = read_scans(cohort.scans), read_dataset(cohort.dataset).sample(frac=1, random_state=5)
    labels = labels.assign(
        age=[70.0 if (s, v) == ("S0", "M006") else 50.0 for s, v in zip(labels.subject, labels.session, strict=True)]
    )
    rows = labelled_rows(scans, labels, "age", "train")
    assert rows["target"].tolist() == [50, 70, 50, 50, 50, 50]
    assert rows["path"].tolist() == scans["path"].tolist()[:6]


def test_scans_and_labels_stay_together_into_the_training(run, cohort, monkeypatch):
    sets, seen = [], {}
    monkeypatch.setattr(
        supervised, "fit_and_save", lambda job, run, build, network, *data: (sets.extend(data), seen.update(run))
    )
    with pytest.raises(UserError):  # nothing was saved
        run("age")
    images, ages = sets[1][range(4)]
    table = pd.read_csv(cohort.dataset)
    table = table[table["split"] == "validation"]
    torch.testing.assert_close(images, torch.stack([read_volume(path) for path in table["path"]]))
    assert ages.tolist() == table["age"].tolist()
    assert "age" in seen["task"]


def test_a_corrected_label_is_another_training(cohort, supervised_config, encoder_config, make_job, monkeypatch):
    runs = []
    monkeypatch.setattr(supervised, "fit_and_save", lambda job, run, *rest: runs.append(run["data_sha256"]))

    def describe(task):
        configs = (supervised_config, encoder_config, make_job("any"))
        train_supervised(cohort.scans, cohort.dataset, task, *configs)

    for task in ("age", "ad_cn"):
        describe(task)
    table = pd.read_csv(cohort.dataset)
    table.loc[table["subject"] == "S1", "age"] = 71.0
    table.to_csv(cohort.dataset, index=False)
    for task in ("age", "ad_cn"):
        describe(task)
    assert runs[0] != runs[2]
    assert runs[1] == runs[3]


@pytest.mark.parametrize("task, rate", [("ad_cn", 2e-3), ("age", 1e-3)])
def test_each_task_has_its_own_learning_rate(supervised_config, encoder_config, task, rate):
    (optimizer,), _ = SupervisedStage(task, supervised_config, encoder_config, GRID, [1.0, 0.0]).configure_optimizers()
    assert optimizer.param_groups[0]["initial_lr"] == rate


def test_the_classes_weigh_alike(supervised_config, encoder_config):
    stage = SupervisedStage("ad_cn", supervised_config, encoder_config, GRID, [1.0, 0.0, 0.0, 0.0])
    stage.encoder.forward = lambda x: x

    def pull(target):
        logit = torch.zeros(1, requires_grad=True)
        stage.loss(logit, torch.tensor([target])).backward()
        return logit.grad.item()

    assert pull(1.0) == pytest.approx(-3 * pull(0.0))
    assert pull(1.0) < 0


def test_the_loss_of_age_is_the_distance_in_standard_deviations(supervised_config, encoder_config):
    stage = SupervisedStage("age", supervised_config, encoder_config, GRID, [60.0, 80.0])
    stage.encoder.forward = lambda x: x
    deviation = 200**0.5
    loss = stage.loss(torch.tensor([0.0, 1.0]), torch.tensor([63.0, 70.0]))
    assert loss.item() == pytest.approx((7 / deviation + 1) / 2)


def test_the_same_seed_gives_the_same_weights_tasks_and_seeds_differ(run):
    first = hash_file(run("ad_cn")[2])
    torch.manual_seed(123)
    assert hash_file(run("ad_cn", name="again")[2]) == first
    assert hash_file(run("ad_cn", name="other", seed=4)[2]) != first
    assert hash_file(run("age")[2]) != first


@pytest.mark.parametrize("task", ["ad_cn", "age"])
def test_a_planted_signal_is_learnt(run, cohort, task):
    """Scans brighten with AD, or with age."""
    table = pd.read_csv(cohort.dataset)
    signal = table["diagnosis"].map({"AD": 1.0, "CN": -1.0}) if task == "ad_cn" else (table["age"] - 70) / 7
    rng = np.random.default_rng(0)
    for path, value in zip(table["path"], signal.fillna(0.0), strict=True):
        volume = 0.5 + 0.2 * value + 0.02 * rng.standard_normal(GRID)
        nib.save(nib.Nifti1Image(volume.astype(np.float32), np.eye(4)), path)
    scans = pd.read_csv(cohort.scans)
    scans.assign(image_sha256=scans["path"].map(hash_file)).to_csv(cohort.scans, index=False)
    net, *_ = run(task, steps=60, validate_every_steps=10, batch_size=4, ema_decay=0.0)
    test = table[table["split"] == "test"]
    net.eval()
    predicted = net(torch.stack([read_volume(path) for path in test["path"]])).detach()
    worse, better = (predicted[(test["subject"] == name).to_numpy()].item() for name in ("S8", "S9"))
    assert worse > better if task == "ad_cn" else worse < better


def test_labels_that_do_not_differ_are_refused_with_the_cure(run, cohort):
    table = pd.read_csv(cohort.dataset)
    table.loc[(table["split"] == "validation") & (table["diagnosis"] == "AD"), "diagnosis"] = "MCI"
    table.to_csv(cohort.dataset, index=False)
    with pytest.raises(UserError, match=r"validation scans .*AD and CN.*\n.*\n.*evaluation\.supervised_tasks"):
        run("ad_cn")


def test_a_dataset_without_the_column_is_refused(run, cohort):
    pd.read_csv(cohort.dataset).drop(columns="age").to_csv(cohort.dataset, index=False)
    with pytest.raises(UserError, match="column age"):
        run("age")


def test_a_planted_test_subject_is_refused(run, cohort):
    cohort.plant_test_subject()
    with pytest.raises(UserError, match="each subject in one split"):
        run("ad_cn")
