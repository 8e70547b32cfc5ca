"""How unlike its own scans a model finds others."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
import torch

from ldae.evaluation.features.embeddings import Embeddings
from ldae.evaluation.measure.familiarity import build_reference
from ldae.systems.codes import Codes
from ldae.systems.reference import MEASURES

DIM = 3


def embeddings_of(train: int = 40) -> Embeddings:
    rng = np.random.default_rng(2)
    features = rng.normal(size=(train + 10, DIM)) * [5.0, 1.0, 0.2] + 3
    features[train:] = 1e6  # whoever takes these for training scans finds everything familiar
    split = ["train"] * train + ["test"] * 10
    table = pd.DataFrame({"subject": [f"S{i}" for i in range(train + 10)], "session": "M000", "split": split})
    return Embeddings(features.astype(np.float32), table)


def codes_of(y_sem: torch.Tensor, spread: float = 1.0) -> Codes:
    noise = torch.randn(len(y_sem), 2, 6, 6, 6, generator=torch.Generator().manual_seed(4))
    return Codes(noise, y_sem.float(), spread * noise / noise.flatten(1).std(1).view(-1, 1, 1, 1, 1))


@pytest.fixture(scope="module")
def validation():
    rng = np.random.default_rng(9)
    codes = codes_of(torch.from_numpy(rng.normal(size=(12, DIM)) * [5.0, 1.0, 0.2] + 3))
    jitter = torch.from_numpy(rng.uniform(0.95, 1.05, 12)).float()
    return Codes(codes.z_0, codes.y_sem, codes.z_T * jitter.view(-1, 1, 1, 1, 1)), 0.002 * jitter.flip(0)


@pytest.fixture(scope="module")
def reference(validation):
    return build_reference(embeddings_of(), *validation, seed=1)


def test_the_validation_scans_are_familiar(reference, validation):
    assert not reference.compare(*validation).unfamiliar.any()


@pytest.mark.parametrize("measure", MEASURES)
def test_one_strange_measure_is_enough(reference, measure):
    y_sem = torch.tensor([[3.0, 3.0, 30.0 if measure == "y_sem_distance" else 3.1]])
    codes = codes_of(y_sem, 2.3 if measure == "z_T_std" else 1.0)
    found = reference.compare(codes, torch.tensor([0.02 if measure == "autoencoder_mse" else 0.002]))
    assert found.unfamiliar.tolist() == [True]
    assert [name for name in MEASURES if found.exceeded[name][0] < 0.001] == [measure]


def test_the_distance_counts_in_the_spread_of_the_training_scans(reference):
    wide, narrow = reference.distance(torch.tensor([[8.0, 3.0, 3.0], [3.0, 3.0, 8.0]]))
    assert wide < 3 < 10 < narrow


def test_fewer_validation_scans_make_a_wider_interval(validation):
    codes, errors = validation
    few = build_reference(embeddings_of(), codes.at(slice(0, 2)), errors[:2], seed=1)
    many = build_reference(embeddings_of(), codes, errors, seed=1)
    strange = codes_of(torch.full((1, DIM), 3.0), 1.3), torch.tensor([0.002])
    assert few.compare(*strange).exceeded["z_T_std"][0] > many.compare(*strange).exceeded["z_T_std"][0]


def test_the_map_holds_the_training_scans_in_no_telling_order(reference):
    features = embeddings_of().features[:40].astype(np.float64)
    place = reference.compare(codes_of(torch.from_numpy(features)), torch.full((40,), 0.002)).place
    assert not np.allclose(reference.map, place)
    np.testing.assert_allclose(np.sort(reference.map, 0), np.sort(place, 0), rtol=1e-4, atol=1e-4)
    assert place.std(0)[0] > place.std(0)[1]


@pytest.mark.parametrize("training, held_out", [(2, 12), (30, 1), (1, 1)])
def test_with_too_few_scans_nothing_is_called_familiar_or_not(validation, training, held_out, caplog):
    codes, errors = validation
    reference = build_reference(embeddings_of(training), codes.at(slice(0, held_out)), errors[:held_out], seed=1)
    assert f"there are {training} and {min(held_out, len(codes))}" in caplog.text
    found = reference.compare(codes, errors)
    assert not found.is_known and not found.unfamiliar.any()
    assert all(np.isnan(share).all() for share in found.exceeded.values())
    assert np.isfinite(found.values["y_sem_distance"]).all()
