"""`ldae reconstruct`, `manipulate`, `interpolate`, `vary`, `sample` and `preprocess`."""

from __future__ import annotations

import nibabel as nib
import numpy as np
import pytest

import ldae as package
from ldae.files import read_json
from ldae.preprocessing.grid import model_grid
from tests.unit.cli.tiny_model import write_scan


@pytest.fixture
def model(models):
    return package.load(models, "cpu")


@pytest.fixture
def image(tmp_path, config):
    """Read a derived image by its label; it lies on the model's grid."""

    def read(label, subject="good"):
        stem = f"sub-{subject}_ses-M000_space-MNI152_desc-{label}_T1w.nii.gz"
        loaded = nib.load(tmp_path / "out" / f"sub-{subject}" / "ses-M000" / "anat" / stem)
        np.testing.assert_allclose(loaded.affine, model_grid(config.preprocessing).affine)
        return loaded.get_fdata()

    return read


def test_reconstruct(ldae, good, model, image, tmp_path):
    said = ldae("reconstruct", good)
    assert "sub-good_ses-M000: warn" in said and "Research use only" in said
    np.testing.assert_allclose(image("reconstruction"), model.reconstruct([good])[0, 0], atol=1e-5)
    assert (tmp_path / "out" / "sub-good" / "figures" / "sub-good_ses-M000_desc-reconstruction_T1w.png").is_file()


@pytest.mark.parametrize("towards, along", [("AD", "pattern"), ("CN", "weights"), ("age", "difference")])
def test_manipulate(ldae, good, model, image, towards, along):
    ldae("manipulate", good, "--towards", towards, "--strength", "2", "--strength", "-0.5", "--along", along)
    expected = model.manipulate([good], towards, [2.0, -0.5], along)[:, 0, 0]
    suffix = "" if along == "pattern" else along
    for label, wanted in zip(
        (f"towards{towards}2{suffix}", f"towards{towards}minus0p5{suffix}"), expected, strict=True
    ):
        np.testing.assert_allclose(image(label), wanted, atol=1e-5)
    assert np.abs(expected[0] - expected[1]).max() > 1e-3


def test_the_direction_may_be_called_so_and_written_small(ldae, good, model, image):
    ldae("manipulate", good, "--direction", "ad", "--strength", "2")
    np.testing.assert_allclose(image("towardsAD2"), model.manipulate([good], "AD", [2.0])[0, 0, 0], atol=1e-5)


def test_an_edit_asks_only_what_is_new(ldae, good, worked, tmp_path):
    ldae("manipulate", good, "--towards", "AD")
    made = {path: path.stat().st_mtime_ns for path in (tmp_path / "out").rglob("*.nii.gz")}
    worked.clear()
    ldae("manipulate", good, "--towards", "AD", "--strength", "2", "--strength", "3")
    assert not worked
    assert {path: path.stat().st_mtime_ns for path in made} == made
    assert len(list((tmp_path / "out").rglob("*towardsAD*.nii.gz"))) == 2


def test_interpolate(ldae, good, brain, config, model, image, tmp_path):
    last = write_scan(tmp_path / "in" / "last.nii.gz", brain * 0.9, config)
    ldae("interpolate", good, last, "--at", "0.25", "--at", "1")
    expected = model.interpolate([good], [last], [0.25, 1.0])[:, 0, 0]
    np.testing.assert_allclose(image("tolastxM000at0p25"), expected[0], atol=1e-5)
    np.testing.assert_allclose(image("tolastxM000at1"), expected[1], atol=1e-5)
    ldae("interpolate", good, last, "--ages", "70", "74", "--at", "71")
    np.testing.assert_allclose(image("tolastxM000ages70to74at71"), expected[0], atol=1e-5)


def test_interpolate_needs_two_scans_that_pass(ldae, good, turned):
    assert "1 of 2 scans passed" in ldae("interpolate", good, turned, code=1)
    assert "one scan each" in ldae("interpolate", good, good, code=1)
    assert "two different ages" in ldae("interpolate", good, turned, "--ages", "70", "70", code=1)


def test_vary(ldae, good, model, image):
    ldae("vary", good, "-n", "3", "--seed", "5")
    expected = model.vary([good], 3, 5)
    np.testing.assert_allclose(image("vary3seed5number2"), expected.images[1, 0, 0], atol=1e-5)
    np.testing.assert_allclose(image("vary3seed5mean"), expected.mean[0, 0], atol=1e-5)
    np.testing.assert_allclose(image("vary3seed5std"), expected.spread[0, 0], atol=1e-5)
    assert image("vary3seed5std").max() > 0.01


def test_sample_adds_to_what_is_there(ldae, model, tmp_path):
    folder = tmp_path / "out" / "samples"
    ldae("sample", "-n", "2", "--seed", "3")
    first = {path: path.stat().st_mtime_ns for path in folder.glob("*.nii.gz")}
    assert "3 samples" in ldae("sample", "-n", "3", "--seed", "3")
    assert len(list(folder.glob("*.nii.gz"))) == 3 and (folder / "seed-3.png").is_file()
    assert {path: path.stat().st_mtime_ns for path in first} == first
    last = nib.load(folder / "seed-3_sample-0002_space-MNI152_desc-sample_T1w.nii.gz").get_fdata()
    np.testing.assert_allclose(last, model.sample(3, 3)[2, 0], atol=1e-5)


def test_preprocess_keeps_a_preprocessed_scan_as_it_is(ldae, good, brain, image, turned, tmp_path):
    assert "1 of 2 scans passed" in ldae("preprocess", good, turned)
    np.testing.assert_allclose(image("preproc"), brain, atol=1e-6)
    sidecar = read_json(next((tmp_path / "out").rglob("*desc-preproc_T1w.json")))
    assert sidecar["GivenPreprocessed"] and sidecar["Sources"] == [str(good)]
    assert (tmp_path / "out" / "sub-good" / "figures" / "sub-good_ses-M000_desc-qc_T1w.png").is_file()


@pytest.mark.parametrize("command", ["reconstruct", "vary", "preprocess"])
def test_all_failing_gives_exit_code_1(ldae, turned, command):
    assert "0 of 1 scans passed" in ldae(command, turned, code=1)


def test_edits_refuse_to_replace_another_scan(ldae, good, brain, config):
    ldae("reconstruct", good)
    write_scan(good, brain * 0.9, config)
    assert "--overwrite" in ldae("reconstruct", good, code=1)
    ldae("reconstruct", good, "--overwrite")
