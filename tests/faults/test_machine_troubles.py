"""A disk that fails, or memory that does not suffice, while an image is read: no verdict on the image."""

from __future__ import annotations

import builtins
import errno
import io
import os
from pathlib import Path

import pydicom
import pytest

from ldae.cohort.bids.index import write_index
from ldae.cohort.bids.labels import write_labels
from ldae.cohort.series.converted import accept_volume
from ldae.cohort.series.dicom import check_series
from ldae.cohort.series.nifti import check_nifti
from ldae.data.volumes import read_latent, read_volume
from ldae.errors import is_passing
from ldae.evaluation.arrays import read_arrays
from ldae.preprocessing.precheck import load_scan
from ldae.training.initial import read_tensors
from tests.adni_download import write_series
from tests.bids_dataset import COLUMNS, DIAGNOSES, describe, write_image

TROUBLES = [
    *(OSError(number, os.strerror(number)) for number in (errno.EIO, errno.EMFILE, errno.ESTALE)),
    MemoryError(),
]


@pytest.fixture
def broken_disk(monkeypatch):
    """Make a trouble of each opening of a file whose name has a word in it."""

    def breaks(word: str, trouble: BaseException) -> None:
        plain = io.open

        def fails(file, *arguments, **options):
            if word in str(file):
                raise trouble
            return plain(file, *arguments, **options)

        for module in (io, builtins):
            monkeypatch.setattr(module, "open", fails)

    return breaks


@pytest.mark.parametrize("trouble", TROUBLES, ids=str)
@pytest.mark.parametrize("read", [lambda path: check_nifti([path]), load_scan])
def test_reading_an_image(tmp_path, broken_disk, trouble, read):
    path = write_image(tmp_path, "sub-01_T1w")
    broken_disk("sub-01_T1w", trouble)
    with pytest.raises(type(trouble)) as raised:
        read(path)
    assert is_passing(raised.value)


@pytest.mark.parametrize("trouble", TROUBLES, ids=str)
def test_reading_a_series(tmp_path, broken_disk, trouble):
    files = write_series(tmp_path, "011_S_0021", 10)
    broken_disk(files[3].name, trouble)
    with pytest.raises(type(trouble)):
        check_series(files)


def test_parsing_a_series_without_memory(tmp_path, monkeypatch):
    files = write_series(tmp_path, "011_S_0021", 10)

    def lacks(*_: object, **__: object) -> None:
        raise MemoryError

    monkeypatch.setattr(pydicom, "dcmread", lacks)
    with pytest.raises(MemoryError):
        check_series(files)


@pytest.mark.parametrize("trouble", TROUBLES[:3], ids=str)
def test_reading_what_was_converted(tmp_path, monkeypatch, trouble):
    path = write_image(tmp_path, "sub-01_T1w")

    def fails(_: Path) -> bytes:
        raise trouble

    monkeypatch.setattr(Path, "read_bytes", fails)
    with pytest.raises(OSError):
        accept_volume(path.parent, path.name, None)


READERS = {
    "a preprocessed scan": read_volume,
    "a latent": read_latent,
    "embeddings": read_arrays,
    "weights": lambda path: read_tensors("initial_weights", path),
}


@pytest.mark.parametrize("trouble", TROUBLES, ids=str)
@pytest.mark.parametrize("read", READERS.values(), ids=READERS)
def test_reading_what_the_workflow_has_written(tmp_path, broken_disk, trouble, read):
    path = tmp_path / "whole.nii.gz"
    path.write_bytes(b"whatever it holds")
    broken_disk(path.name, trouble)
    with pytest.raises(type(trouble)) as raised:
        read(path)
    assert is_passing(raised.value)


@pytest.mark.parametrize("trouble", TROUBLES, ids=str)
def test_reading_what_is_known_of_an_image(tmp_path, broken_disk, trouble):
    root = describe(tmp_path / "bids")
    image = write_image(root, "sub-01_T1w")
    image.with_name("sub-01_T1w.json").write_text("{}")
    shards = [str(tmp_path / "0.csv")]
    write_index(root, "bids", [], shard_tables=shards, findings=tmp_path / "findings.csv")
    broken_disk("sub-01_T1w.json", trouble)
    told = {name: tmp_path / f"{name}.csv" for name in ("conversion", "quarantine", "findings")}
    with pytest.raises(type(trouble)):
        write_labels(shards, root, COLUMNS, DIAGNOSES, prefer=[], set_aside=[], **told)
    assert not told["conversion"].exists()
