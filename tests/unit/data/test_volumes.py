"""Rows, volumes, and the order of the batches."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pandas as pd
import pytest
import torch

from ldae.data import volumes as data
from ldae.data.batches import InOrder, StepBatchSampler
from ldae.data.labels import read_dataset
from ldae.data.leaks import fitting_rows
from ldae.data.volumes import Volumes, next_subjects_scan, read_latent, read_volume
from ldae.errors import UserError
import functools
import operator


def batches(epochs, **kwargs):
    sampler = StepBatchSampler(7, 3, 5, seed=1, **kwargs)
    found = []
    for epoch in epochs:
        sampler.set_epoch(epoch)
        found += list(sampler)
    return found


def test_every_pass_visits_every_item_once():
    flat = [index for batch in batches(range(7)) for index in batch]
    assert Counter(flat) == dict.fromkeys(range(7), 15)
    assert all(sorted(flat[start : start + 7]) == list(range(7)) for start in range(0, 105, 7))
    assert flat[:7] != flat[7:14]


def test_a_batch_depends_on_seed_and_number_alone():
    assert batches([2]) == batches(range(3))[10:]
    other = StepBatchSampler(7, 3, 5, seed=2)
    assert list(other) != batches([0])


def test_processes_share_each_batch():
    alone = StepBatchSampler(7, 6, 5, seed=1)
    pairs = zip(batches([0], rank=0, world_size=2), batches([0], rank=1, world_size=2), strict=True)
    assert [a + b for a, b in pairs] == list(alone)


def test_validation_visits_every_item_once():
    assert sorted(
        functools.reduce(operator.iadd, InOrder(7, 2, 0, 2).indices + InOrder(7, 2, 1, 2).indices, [])
    ) == list(range(7))


def test_a_planted_test_subject_is_refused(dataset):
    table = pd.read_csv(dataset)
    planted = table.index[table["split"] == "test"][0]
    extra = table.loc[[planted]].assign(split="train", session="M012")
    leaking = pd.concat([table, extra])
    with pytest.raises(UserError, match="no test subject"):
        fitting_rows(leaking, "train")
    leaking.to_csv(dataset, index=False)
    with pytest.raises(UserError, match="S8 in several"):
        read_dataset(dataset)


def test_nothing_is_fitted_to_the_test_split(dataset):
    with pytest.raises(ValueError, match="nothing is fitted"):
        fitting_rows(read_dataset(dataset), "test")


def test_an_empty_split_is_refused(dataset):
    table = read_dataset(dataset)
    with pytest.raises(UserError, match="no scan in the split validation"):
        fitting_rows(table[table["split"] != "validation"], "validation")


def test_volumes_on_demand_equal_those_in_memory(dataset, monkeypatch):
    paths = read_dataset(dataset)["path"]
    kept = Volumes(paths, read_volume)
    monkeypatch.setattr(data, "MEMORY_LIMIT_BYTES", 0)
    lazy = Volumes(paths, read_volume)
    assert kept.in_memory and not lazy.in_memory
    assert kept[[3, 0]].shape == (2, 1, 16, 16, 8)
    assert torch.equal(kept[[3, 0]], lazy[[3, 0]])
    torch.testing.assert_close(kept.mean(), kept[range(len(kept))].mean(0, keepdim=True))


def test_a_volume_of_another_shape_is_refused(dataset):
    paths = list(read_dataset(dataset)["latent_path"])
    np.savez(paths[2], data=np.zeros((2, 4, 4, 5), np.float32))
    with pytest.raises(UserError, match="S1_M000"):
        Volumes(paths, read_latent)


@pytest.mark.parametrize("column, read", [("path", read_volume), ("latent_path", read_latent)])
@pytest.mark.parametrize("content", [None, b"", b"not an image"])
def test_a_broken_file_is_named(dataset, column, read, content):
    path = read_dataset(dataset)[column][0]
    with open(path, "wb") as stream:
        stream.write(content or b"")
    if content is None:
        path += ".absent.nii.gz"
    with pytest.raises(UserError, match="S0_M000"):
        read(path)


def test_a_truncated_scan_is_named(dataset):
    path = read_dataset(dataset)["path"][0]
    with open(path, "rb+") as stream:
        stream.truncate(700)
    with pytest.raises(UserError, match="S0_M000"):
        read_volume(path)


def test_the_other_scan_is_never_of_the_same_subject():
    subjects = ["b", "a", "b", "c", "b"]
    others = next_subjects_scan(subjects)
    assert all(subjects[other] != own for other, own in zip(others, subjects, strict=True))
    with pytest.raises(UserError, match="two validation subjects"):
        next_subjects_scan(["a", "a"])
