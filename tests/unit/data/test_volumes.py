"""Volumes and latents, one at a time and as sets."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

import nibabel as nib
import numpy as np
import pandas as pd
import pytest
import torch

from ldae.data import volumes as data
from ldae.data.volumes import (
    Aligned,
    Reordered,
    Volumes,
    next_subjects_scan,
    others_scans,
    read_latent,
    read_volume,
    read_volumes,
)
from ldae.errors import UserError
from ldae.files import hash_file, image_sidecar, write_json


@pytest.fixture
def paths(cohort):
    return pd.read_csv(cohort.scans)["path"].tolist()


@pytest.fixture
def latents(cohort):
    return pd.read_csv(cohort.manifest)["latent_path"].tolist()


def test_a_volume_is_read_as_it_is(paths):
    stored = nib.load(paths[3]).get_fdata(dtype=np.float32)
    volume = read_volume(paths[3])
    assert volume.shape == (1, 16, 16, 8)
    assert volume.dtype == torch.float32
    np.testing.assert_array_equal(volume[0], stored)


def test_scans_of_two_grids_are_refused(paths, tmp_path):
    nib.save(nib.Nifti1Image(np.zeros((3, 3, 3), np.float32), np.eye(4)), tmp_path / "small.nii")
    with pytest.raises(UserError, match="one shape"):
        read_volumes([paths[0], tmp_path / "small.nii"])


def test_volumes_on_demand_equal_those_in_memory(paths, monkeypatch):
    kept = Volumes(paths, read_volume)
    monkeypatch.setattr(data, "MEMORY_LIMIT_BYTES", 0)
    lazy = Volumes(paths, read_volume)
    assert kept.in_memory
    assert not lazy.in_memory
    assert len(kept) == len(lazy) == 12
    assert torch.equal(kept[[3, 0]], torch.stack([read_volume(paths[3]), read_volume(paths[0])]))
    assert torch.equal(kept[[3, 0]], lazy[[3, 0]])
    torch.testing.assert_close(kept.mean(), kept[range(len(kept))].mean(0, keepdim=True))
    assert torch.equal(kept.mean(), lazy.mean())


def test_sets_are_reordered_and_aligned():
    numbers = Volumes(range(4), lambda i: torch.tensor([float(i)]))
    moved = Reordered(numbers, [2, 0, 3, 1])
    assert moved[[0, 3, 2]].flatten().tolist() == [2, 1, 3]
    first, second = Aligned(numbers, moved)[[1, 2]]
    assert first.flatten().tolist() == [1, 2]
    assert second.flatten().tolist() == [0, 3]


def test_a_volume_of_another_shape_is_refused(latents):
    np.savez(latents[2], data=np.zeros((2, 4, 4, 5), np.float32))
    with pytest.raises(UserError, match="S1_ses-M000"):
        Volumes(latents, read_latent)


@pytest.mark.parametrize("read", [read_volume, read_latent])
@pytest.mark.parametrize("content", [None, b"", b"not an image", b"PK\x03\x04 cut", b"\x1f\x8b cut"])
def test_a_broken_file_is_named(paths, latents, read, content):
    path = (paths if read is read_volume else latents)[0]
    with open(path, "wb") as stream:
        stream.write(content or b"")
    if content is None:
        path += ".absent.nii.gz"
    with pytest.raises(UserError, match=r"S0_(ses-)?M000"):
        read(path)


def test_a_truncated_scan_is_named(paths):
    with open(paths[0], "rb+") as stream:
        stream.truncate(700)
    with pytest.raises(UserError, match="S0_M000"):
        read_volume(paths[0])


@pytest.mark.parametrize(
    "subjects", [["b", "a", "b", "c", "b"], ["a", "b"], ["a", "a", "a", "b"], ["c", "b", "a", "c", "c", "a"]]
)
def test_the_other_scan_is_never_of_the_same_subject(subjects):
    others = next_subjects_scan(subjects)
    assert len(others) == len(subjects)
    assert all(subjects[other] != own for other, own in zip(others, subjects, strict=True))


def test_the_other_scan_is_the_next_subjects_and_visits_take_turns():
    assert next_subjects_scan(["b", "a", "b", "c", "a"]) == [3, 0, 3, 1, 2]
    with pytest.raises(UserError, match="two validation subjects"):
        next_subjects_scan(["a", "a"])


def test_a_single_held_out_subject_is_compared_with_a_fitted_one():
    held_out, fitted = (Volumes(values, torch.tensor) for values in ([1.0, 2.0, 3.0], [7.0, 8.0]))
    assert others_scans(held_out, ["a", "a", "a"], fitted)[[0, 1, 2]].tolist() == [7.0, 8.0, 7.0]
    assert others_scans(held_out, ["a", "b", "a"], fitted)[[0, 1, 2]].tolist() == [2.0, 1.0, 2.0]


@pytest.mark.parametrize("described", [True, False])
def test_no_flipped_bit_is_another_image(paths, described):
    path = Path(paths[0])
    whole = path.read_bytes()
    if described:
        write_json(image_sidecar(path), {"ImageSHA256": hash_file(path)})
    expected = read_volume(path)
    for place in range(10, len(whole), max(1, len(whole) // 40)):  # the first ten bytes are name and time
        path.write_bytes(whole[:place] + bytes([whole[place] ^ 4]) + whole[place + 1 :])
        with pytest.raises(UserError, match="S0_M000"):
            read_volume(path)
    path.write_bytes(whole)
    assert torch.equal(read_volume(path), expected)


def test_two_swapped_scans_are_noticed(paths):
    first, second = map(Path, paths[:2])
    for path in (first, second):
        write_json(image_sidecar(path), {"ImageSHA256": hash_file(path)})
    one, other = first.read_bytes(), second.read_bytes()
    first.write_bytes(other), second.write_bytes(one)
    for path in (first, second):
        with pytest.raises(UserError, match="the image that its sidecar describes"):
            read_volume(path)


def test_no_flipped_bit_is_another_latent(latents):
    path = Path(latents[0])
    whole, expected = path.read_bytes(), read_latent(path)
    for place in range(0, len(whole), max(1, len(whole) // 40)):
        path.write_bytes(whole[:place] + bytes([whole[place] ^ 4]) + whole[place + 1 :])
        with suppress(UserError):
            assert torch.equal(read_latent(path), expected)  # a bit of the archive's own, such as its date
