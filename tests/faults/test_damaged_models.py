"""Damage to weights, to what is made with them, and to a training's state; files of two runs mixed."""

from __future__ import annotations

from contextlib import suppress

import numpy as np
import pytest
from torch import nn

from ldae.config.evaluation import ProbesConfig
from ldae.data.scans import read_scans
from ldae.errors import UserError
from ldae.evaluation.arrays import read_arrays, write_arrays
from ldae.evaluation.features.embeddings import read_embeddings, write_embeddings
from ldae.evaluation.tables.predictions import fit_probes, write_predictions
from ldae.files import hash_file, sidecar_path, write_record
from ldae.report.examples import read_example
from ldae.systems.description import parse_description
from ldae.systems.probes import StoredProbes, read_probes
from ldae.training.state import TrainingJob, describe_run
from ldae.weights import load_tensors, load_weights, save_weights
from tests.faults.document import Fault
from tests.faults.outcomes import AGAIN, cut, edit, flip, refused
from tests.unit.evaluation.codes import make_embeddings

PROBES = ProbesConfig(c_grid=[1.0], alpha_grid=[1.0], redraws=0)
WEIGHTS_FAULTS = {
    "one byte of weights": flip,
    "one byte of the header of weights": lambda path: flip(path, 0.05),
    "truncated weights": cut,
    "a truncated sidecar of weights": lambda path: cut(sidecar_path(path)),
    "one digit of a sidecar's hash": lambda path: edit(sidecar_path(path), hash_file(path), "0" * 64),
    "no sidecar beside weights": lambda path: sidecar_path(path).unlink(),
}


@pytest.fixture
def weights(tmp_path):
    path = tmp_path / "ldm.safetensors"
    save_weights(nn.Linear(30, 40), path, {"parents": {"latent_statistics": "a" * 64}})
    return path


@pytest.mark.parametrize("fault", WEIGHTS_FAULTS)
def test_damaged_weights_are_named(weights, record_fault, fault):
    load_weights(nn.Linear(30, 40), weights)
    WEIGHTS_FAULTS[fault](weights)
    record_fault(Fault("compute", fault, "a trained network", *refused(load_weights, nn.Linear(30, 40), weights)))


MIXED = "weights of two runs mixed"


def test_weights_made_from_others_than_those_beside_them_are_named(weights, record_fault):
    load_tensors(weights, parents={"latent_statistics": "a" * 64})
    outcome = refused(load_tensors, weights, parents={"latent_statistics": "b" * 64})
    record_fault(Fault("compute", MIXED, "a trained network beside another's statistics", *outcome))


@pytest.fixture
def coded(tmp_path):
    """Labels, and y_sem that weights beside it made."""
    embeddings = make_embeddings(2.0)
    labels = embeddings.table.assign(path="scan.nii.gz", image_sha256="a" * 64)
    labels.to_csv(tmp_path / "dataset.csv", index=False)
    (tmp_path / "representation.safetensors").write_bytes(b"weights")
    made_by = hash_file(tmp_path / "representation.safetensors")
    write_embeddings(tmp_path / "ldae.npz", type(embeddings)(**{**vars(embeddings), "weights_sha256": made_by}))
    return tmp_path


def predict(folder):
    places = {name: folder / f"{name}.csv" for name in ("predictions", "codes")} | {"stored": folder / "probes.json"}
    inputs = [folder / name for name in ("dataset.csv", "ldae.npz", "representation.safetensors")]
    write_predictions(*inputs, PROBES, **places)


CODE_FAULTS = {
    "one byte of embeddings": lambda folder: flip(folder / "ldae.npz", 0.3),
    "truncated embeddings": lambda folder: cut(folder / "ldae.npz"),
    "embeddings by other weights": lambda folder: (folder / "representation.safetensors").write_bytes(b"others"),
    "embeddings without an array": lambda folder: write_arrays(folder / "ldae.npz", {"features": np.ones((2, 2))}),
}


@pytest.mark.parametrize("fault", CODE_FAULTS)
def test_embeddings_that_are_not_those_of_the_weights_are_named(coded, record_fault, fault):
    predict(coded)
    CODE_FAULTS[fault](coded)
    record_fault(Fault("compute", fault, "y_sem, as the probes are fitted", *refused(predict, coded)))


def test_any_flipped_bit_of_embeddings_is_noticed_or_says_nothing(coded):
    path = coded / "ldae.npz"
    whole, expected = path.read_bytes(), read_embeddings(path)
    for place in range(0, len(whole), max(1, len(whole) // 60)):
        path.write_bytes(whole[:place] + bytes([whole[place] ^ 4]) + whole[place + 1 :])
        with suppress(UserError):
            found = read_embeddings(path)
            np.testing.assert_array_equal(found.features, expected.features)


PROBE_FAULTS = {
    "one digit of the stored probes": lambda path: edit(path, '"intercept": ', '"intercept": 1'),
    "truncated probes": cut,
}


@pytest.mark.parametrize("fault", PROBE_FAULTS)
def test_damaged_probes_are_named(tmp_path, record_fault, fault):
    stored = StoredProbes(representation_sha256="a" * 64, probes=fit_probes(make_embeddings(2.0), PROBES))
    write_record(tmp_path / "probes.json", stored.model_dump())
    assert read_probes(tmp_path, "a" * 64) == stored.probes
    PROBE_FAULTS[fault](tmp_path / "probes.json")
    outcome = refused(read_probes, tmp_path, "a" * 64)
    record_fault(Fault("compute", fault, "results/models/probes.json", *outcome))


DESCRIPTION = "one digit of a model's description"


def test_a_damaged_description_of_a_model_is_named(tmp_path, record_fault):
    content = {"format": 1, "phantom": True, "config": {"seed": 4}, "files": {}, "cohort": {}}
    write_record(tmp_path / "model.json", content)
    assert parse_description(tmp_path).config == {"seed": 4}
    edit(tmp_path / "model.json", '"seed": 4', '"seed": 5')
    outcome = refused(parse_description, tmp_path)
    record_fault(Fault("compute", DESCRIPTION, "results/models/model.json", *outcome))


VOLUMES = "truncated volumes of a figure"


def test_truncated_volumes_of_a_figure_are_named(tmp_path, record_fault):
    path = tmp_path / "figure_volumes.npz"
    write_arrays(path, {"manipulation|scan": np.ones((8, 8, 8)), "affine": np.eye(4)})
    assert set(read_example(path, "manipulation")) == {"scan", "affine"} and len(read_arrays(path)) == 2
    cut(path)
    outcome = refused(read_example, path, "manipulation")
    record_fault(Fault("compute", VOLUMES, "results/evaluation", *outcome))


BACKBONE = "a backbone's weights replaced under the same name"


def test_replaced_weights_of_a_backbone_are_another_training(cohort, tmp_path, record_fault):
    backbone, scans = tmp_path / "backbone.pth", read_scans(cohort.scans)
    rows = [scans[scans["split"] == split] for split in ("train", "validation")]
    job = TrainingJob(0, "weights", "history", tmp_path / "checkpoints", pretrained=backbone)
    identities = []
    for content in (b"first", b"other"):
        backbone.write_bytes(content)
        identities.append(describe_run(job, {}, {}, rows))
    assert identities[0] != identities[1]
    record_fault(Fault("compute", BACKBONE, "encoder.backbone_weights", AGAIN, "nothing"))


FAULTS = [
    *(*WEIGHTS_FAULTS, MIXED, *CODE_FAULTS, *PROBE_FAULTS, DESCRIPTION, VOLUMES, BACKBONE),
]
