"""One bad image, header or sidecar of a BIDS dataset: it has a row with its reason, and all others are used."""

from __future__ import annotations

import gzip
import json
import struct

import nibabel as nib
import numpy as np
import pytest

from ldae.cohort.bids.index import write_index
from ldae.files import read_table
from tests.bids_dataset import AFFINE, describe, write_image
from tests.faults.document import Fault

BAD = "sub-02_T1w"
SHAPE = (36, 36, 36)


def rows_of(header_place: int, form: str, *values: float):
    """Overwrite a part of the image's NIfTI header."""

    def damage(path):
        content = bytearray(gzip.decompress(path.read_bytes()))
        struct.pack_into(form, content, header_place, *values)
        path.write_bytes(gzip.compress(bytes(content)))

    return damage


def replaced(content: bytes):
    return lambda path: path.write_bytes(content)


def cut(path):
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def saved(array: np.ndarray, affine: np.ndarray = AFFINE):
    return lambda path: nib.save(nib.Nifti1Image(array, affine), path)


def linked_to_itself(path):
    path.unlink()
    path.symlink_to(path.name)


def linked_to_nothing(path):
    path.unlink()
    path.symlink_to("nowhere.nii.gz")


def a_folder(path):
    path.unlink()
    path.mkdir()


SFORM, PIXDIM, DIM, DATATYPE, OFFSET, CODES = 280, 76, 40, 70, 108, 252
FAULTS = {
    "empty": replaced(b""),
    "text": replaced(b"not an image"),
    "half a file": cut,
    "a folder": a_folder,
    "a link to itself": linked_to_itself,
    "a link to nothing": linked_to_nothing,
    "sform with NaN": rows_of(SFORM, "<12f", *([float("nan")] * 12)),
    "sform with infinity": rows_of(SFORM, "<12f", *([float("inf")] * 12)),
    "sform of zeros": rows_of(SFORM, "<12f", *([0.0] * 12)),
    "sform with a row of zeros": rows_of(SFORM, "<4f", 0, 0, 0, 0),
    "a quaternion that is no rotation": rows_of(CODES, "<2h3f", 1, 0, 0.9, 0.9, 0.9),
    "a quaternion of NaN": rows_of(CODES, "<2h3f", 1, 0, *([float("nan")] * 3)),
    "a quaternion beside an sform": rows_of(CODES, "<2h3f", 1, 1, 0.9, 0.9, 0.9),
    "voxels of no size": rows_of(PIXDIM + 4, "<3f", 0, 0, 0),
    "voxels of another size": rows_of(PIXDIM + 4, "<3f", 8, 8, 8),
    "no dimension": rows_of(DIM, "<8h", 0, 0, 0, 0, 0, 0, 0, 0),
    "a negative dimension": rows_of(DIM, "<4h", 3, -36, 36, 36),
    "more voxels than the file": rows_of(DIM, "<4h", 3, 3600, 3600, 3600),
    "an unknown type of data": rows_of(DATATYPE, "<h", 9999),
    "data from beyond its end": rows_of(OFFSET, "<f", 1e9),
    "colours": saved(np.zeros(SHAPE, np.dtype([("R", "u1"), ("G", "u1"), ("B", "u1")]))),
    "complex numbers": saved(np.zeros(SHAPE, np.complex64)),
    "four dimensions": saved(np.ones((*SHAPE, 7), np.int16)),
    "one slice": saved(np.ones((36, 36, 1), np.int16)),
    "a grid of metres": saved(np.ones(SHAPE, np.int16), np.diag([4000.0, 4000, 4000, 1])),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_one_bad_image_has_its_reason_and_costs_no_other(tmp_path, record_fault, fault):
    root = describe(tmp_path / "bids")
    paths = {name: write_image(root, name) for name in ("sub-01_T1w", BAD, "sub-03_T1w")}
    FAULTS[fault](paths[BAD])
    shards = [str(tmp_path / "0.csv")]
    write_index(root, "bids", [], shard_tables=shards, findings=tmp_path / "findings.csv")
    rows = read_table(shards[0], dtype=str, keep_default_na=False).set_index("subject")
    assert rows.loc[["01", "03"], "status"].tolist() == ["converted"] * 2
    assert rows.loc["02", "status"] == "broken", rows.loc["02"].to_dict()
    assert rows.loc["02", "reason"] and rows.loc["02", "cure"]
    assert str(tmp_path) not in rows.loc["02", "reason"]
    said = "{reason}; {cure}".format(**rows.loc["02"])
    record_fault(
        Fault("input", fault, "an image of a BIDS dataset", "set aside with its reason; the others are used", said)
    )


SIDECARS = {
    "sidecar: a list": json.dumps([1, 2]),
    "sidecar: a number": "3",
    "sidecar: null": "null",
    "sidecar: cut": '{"MagneticFieldStrength": 1.',
    "sidecar: empty": "",
    "sidecar: text for a number": json.dumps({"MagneticFieldStrength": "three"}),
    "sidecar: a list for a number": json.dumps({"MagneticFieldStrength": [3, 3]}),
    "sidecar: infinite": '{"MagneticFieldStrength": Infinity}',
    "sidecar: nested": json.dumps({"MagneticFieldStrength": {"T": 3}}),
    "sidecar: bytes that are no text": "\udcff\udcfe{",
}


@pytest.mark.parametrize("sidecar", SIDECARS)
def test_a_bad_sidecar_costs_its_fact_and_no_image(tmp_path, record_fault, sidecar):
    root = describe(tmp_path / "bids")
    paths = [write_image(root, name) for name in ("sub-01_T1w", BAD)]
    beside = paths[1].with_name(f"{BAD}.json")
    beside.write_bytes(SIDECARS[sidecar].encode("utf-8", "surrogateescape"))
    shards = [str(tmp_path / "0.csv")]
    write_index(root, "bids", [], shard_tables=shards, findings=tmp_path / "findings.csv")
    rows = read_table(shards[0], dtype=str, keep_default_na=False)
    assert rows["status"].tolist() == ["converted"] * 2
    where = "the sidecar of a BIDS image"
    record_fault(Fault("input", sidecar, where, "the field strength is unknown, the image is used", "nothing"))
