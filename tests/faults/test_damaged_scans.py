"""Damage to preprocessed scans, their latents and their records, and to the states that wait for a rerun."""

from __future__ import annotations

import gzip
import logging
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch

from ldae.cohort.adni.earlier import EarlierConversion
from ldae.cohort.adni.headers import VERDICT_COLUMNS, check_headers
from ldae.cohort.disk import list_files
from ldae.config.load import load_config
from ldae.data.leaks import fitting_rows
from ldae.data.scans import join_latents, read_scans
from ldae.data.volumes import image_set
from ldae.evaluation.measure.parts import Part, Parts
from ldae.files import hash_file, image_sidecar, write_record
from ldae.networks.autoencoder import build_autoencoder
from ldae.preprocessing.grid import QC_GRID
from ldae.preprocessing.layout import ScanFiles
from ldae.preprocessing.montage import draw_montage, read_key
from ldae.training.latents import write_latents
from ldae.weights import save_weights
from tests.adni_download import write_series
from tests.faults.document import Fault
from tests.faults.outcomes import AGAIN, cut, edit, flip, refused, swap

ROOT = Path(__file__).resolve().parents[2]
IMAGES, LATENTS = "a preprocessed scan, as a training reads it", "a latent, as a training reads it"


def describe(paths):
    """Write the sidecars that preprocessing writes beside its images."""
    for path in paths:
        write_record(image_sidecar(path), {"ImageSHA256": hash_file(path)})


def read_training_images(cohort):
    rows = fitting_rows(read_scans(cohort.scans), "train")
    return image_set(rows)


def read_training_latents(cohort):
    return join_latents(fitting_rows(read_scans(cohort.scans), "train"), cohort.manifest)


def flipped_image(paths):
    describe(paths)
    flip(paths[0])


def flipped_without_sidecar(paths):
    """What was read is another image: the archive's own checksum is right."""
    content = bytearray(gzip.decompress(Path(paths[0]).read_bytes()))
    content[-3] ^= 4
    Path(paths[0]).write_bytes(gzip.compress(bytes(content)))


def swapped_with_sidecars(paths):
    describe(paths)
    swap(*paths[:2])
    swap(*map(image_sidecar, paths[:2]))


IMAGE_FAULTS = {
    "one byte of a derivative": flipped_image,
    "a derivative replaced, its sidecar gone": flipped_without_sidecar,
    "two derivatives swapped with their sidecars": swapped_with_sidecars,
    "a truncated derivative": lambda paths: cut(paths[0]),
}
LATENT_FAULTS = {
    "one byte of a latent": lambda cohort, paths: flip(paths[0]),
    "a truncated latent": lambda cohort, paths: cut(paths[0]),
    "two latents swapped": lambda cohort, paths: swap(*paths[:2]),
    "NaN in a latent": lambda cohort, paths: np.savez(paths[0], data=np.full((2, 4, 4, 4), np.nan, np.float32)),
    "a latent of an earlier image": lambda cohort, paths: edit(
        cohort.manifest, read_scans(cohort.scans)["image_sha256"][0], "c" * 64
    ),
}


@pytest.mark.parametrize("fault", IMAGE_FAULTS)
def test_a_damaged_scan_is_named(cohort, record_fault, fault):
    assert len(read_training_images(cohort)) == 6
    IMAGE_FAULTS[fault](read_scans(cohort.scans)["path"].tolist())
    record_fault(Fault("compute", fault, IMAGES, *refused(read_training_images, cohort)))


@pytest.mark.parametrize("fault", LATENT_FAULTS)
def test_a_latent_that_is_not_the_scans_is_named(cohort, record_fault, fault):
    assert len(read_training_latents(cohort)) == 6
    LATENT_FAULTS[fault](cohort, pd.read_csv(cohort.manifest)["latent_path"].tolist())
    record_fault(Fault("compute", fault, LATENTS, *refused(read_training_latents, cohort)))


NAN_WEIGHTS = "an autoencoder that gives NaN"


def test_an_autoencoder_that_gives_nan_is_named(cohort, record_fault, tmp_path):
    config = load_config(ROOT / "config.yaml").autoencoder.model_copy(update={"channels": [8, 8]})
    network, weights = build_autoencoder(config), tmp_path / "autoencoder.safetensors"
    torch.nn.init.constant_(next(network.parameters()), float("nan"))
    save_weights(network, weights, {})
    outcome = refused(write_latents, cohort.scans, weights, config, cohort.manifest)
    record_fault(Fault("compute", NAN_WEIGHTS, "its weights, as the scans are encoded", *outcome))


@pytest.fixture
def kept(tmp_path):
    """What preprocessing keeps of a scan whose key is "key"."""
    files = ScanFiles.of(tmp_path, "01", "M000")
    for path in (files.image, files.mask, files.qc_image):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"an image")
    write_record(files.sidecar, files.hashes | {"Key": "key", "QC": {"dice": 0.9345}})
    return files


RECORD_FAULTS = {
    "a truncated sidecar of a derivative": lambda files: cut(files.sidecar),
    "one digit of a sidecar's numbers": lambda files: edit(files.sidecar, "0.9345", "0.9445"),
    "a mask from elsewhere": lambda files: files.mask.write_bytes(b"another"),
}


@pytest.mark.parametrize("fault", RECORD_FAULTS)
def test_a_scan_whose_record_is_damaged_is_preprocessed_again(kept, record_fault, fault):
    assert kept.kept("key") is not None
    RECORD_FAULTS[fault](kept)
    assert kept.kept("key") is None
    record_fault(Fault("compute", fault, "what preprocessing keeps of a scan", AGAIN, "nothing"))


PICTURE = "a truncated picture"


def test_a_truncated_picture_is_drawn_again(tmp_path, record_fault):
    path, brain = tmp_path / "picture.png", QC_GRID.volume(np.ones(QC_GRID.shape, np.float32))
    draw_montage(path, brain, np.ones(QC_GRID.shape, bool), "a scan", "key")
    assert read_key(path) == "key"
    cut(path)
    assert read_key(path) is None
    record_fault(Fault("compute", PICTURE, "the page of quality control", AGAIN, "nothing"))


STATE_FAULTS = {
    "a truncated state of a conversion": cut,
    "one byte of a conversion's state": lambda path: edit(path, "2019", "2018"),
    "a conversion's state that is a list": lambda path: path.write_text("[1, 2]"),
}


@pytest.mark.parametrize("fault", STATE_FAULTS)
def test_a_damaged_state_counts_as_absent(tmp_path, record_fault, fault):
    state, ends = tmp_path / "01.json", {"10": {"status": "failed", "path": "", "scan_date": "2019"}}
    EarlierConversion(state).replace("key", ends, [{"image_id": "10"}], final=True)
    assert EarlierConversion.read(state).ends_of("key") == ends
    STATE_FAULTS[fault](state)
    assert EarlierConversion.read(state).ends_of("key") is None
    record_fault(Fault("compute", fault, "what is kept of a subject's conversion", AGAIN, "nothing"))


CHECKED_FAULTS = {
    "a truncated list of checked series": cut,
    "a list of checked series that is no text": lambda path: path.write_bytes(bytes(range(256))),
}


@pytest.mark.parametrize("fault", CHECKED_FAULTS)
def test_damaged_verdicts_on_headers_are_made_again(tmp_path, record_fault, caplog, fault):
    write_series(tmp_path / "images", "011_S_0021", 10)
    files, state = list_files(tmp_path / "images"), tmp_path / "checked_series.csv"
    verdicts = check_headers(files, tmp_path / "images", workers=1, state=state)[VERDICT_COLUMNS]
    CHECKED_FAULTS[fault](state)
    with caplog.at_level(logging.WARNING):
        again = check_headers(files, tmp_path / "images", workers=1, state=state)[VERDICT_COLUMNS]
    pd.testing.assert_frame_equal(again, verdicts)
    record_fault(
        Fault("compute", fault, "results/cohort/checked_series.csv", AGAIN, " ".join(caplog.messages) or "nothing")
    )


PART = "a truncated part of a measurement"


def test_a_truncated_part_is_measured_again(tmp_path, record_fault, caplog):
    def measure(rows):
        return Part([{"row": int(row)} for row in rows.index], {"volume": np.ones((4, 4, 4))})

    parts, items = Parts(tmp_path), pd.DataFrame({"path": ["a", "b", "c"]})
    parts.measure("reconstruction", "scans", items, 2, measure)
    cut(tmp_path / "scans-00001.npz")
    with caplog.at_level(logging.WARNING):
        found = parts.measure("reconstruction", "scans", items, 2, measure)
    assert [record for part in found for record in part.records] == [{"row": 0}, {"row": 1}, {"row": 2}]
    record_fault(Fault("compute", PART, "results/evaluation/parts", AGAIN, caplog.messages[0]))


FAULTS = [
    *(*IMAGE_FAULTS, *LATENT_FAULTS, NAN_WEIGHTS, *RECORD_FAULTS, PICTURE, *STATE_FAULTS, *CHECKED_FAULTS, PART),
]
