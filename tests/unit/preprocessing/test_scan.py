import nibabel as nib
import numpy as np
import pytest
from scipy import ndimage

from ldae.errors import UserError
from ldae.files import hash_file, read_record
from ldae.preprocessing import upright
from ldae.preprocessing.brain_mask import extract_brain
from ldae.preprocessing.grid import QC_GRID, Grid, mni_template
from ldae.preprocessing.kinds import STRIPPED
from ldae.preprocessing.layout import ScanFiles
from ldae.preprocessing.precheck import load_scan
from ldae.preprocessing.scan import preprocess_scan
from ldae.preprocessing.verdict import judge
from tests.unit.preprocessing.conftest import LESION_MM

QUICK = {"registration_spacing_mm": 4.0, "bias_field_iterations": [10, 10]}


@pytest.fixture(scope="module")
def done(head, config, limits, tmp_path_factory):
    files = ScanFiles.of(tmp_path_factory.mktemp("preproc"), "ADNI011S0001", "M000")
    return preprocess_scan(head, files, config, limits, key="k"), files


@pytest.mark.parametrize("outside", [0, np.nan])
def test_a_brain_without_its_skull_gives_the_same_image_and_is_marked(
    done, head, config, qc, limits, tmp_path, outside
):
    whole = load_scan(head).volume
    brain = np.where(extract_brain(whole, config), whole.data, outside)
    nib.Nifti1Image(brain, whole.affine).to_filename(tmp_path / "brain.nii.gz")
    files = ScanFiles.of(tmp_path, "ADNI011S0001", "M000")
    record = preprocess_scan(tmp_path / "brain.nii.gz", files, config, limits)
    assert STRIPPED in record["Notes"]
    assert done[0]["Notes"] == []
    assert judge(record["QC"], qc) == ("pass", "")
    assert record["QC"]["brain_volume_ml"] == pytest.approx(done[0]["QC"]["brain_volume_ml"], rel=0.01)
    ours, theirs = (nib.load(each.image).get_fdata() for each in (files, done[1]))
    assert np.corrcoef(ours.ravel(), theirs.ravel())[0, 1] > 0.98


def test_names_are_bids(done):
    _, files = done
    assert files.image.as_posix().endswith(
        "sub-ADNI011S0001/ses-M000/anat/sub-ADNI011S0001_ses-M000_space-MNI152_desc-preproc_T1w.nii.gz"
    )
    assert files.sidecar.is_file() and not files.montage.exists()


def test_a_head_becomes_a_brain_on_the_model_grid(done, config):
    _, files = done
    image = nib.load(files.image)
    grid = Grid(config.grid_shape, config.grid_spacing_mm, config.grid_center_mm)
    np.testing.assert_allclose(image.affine, grid.affine)
    assert image.get_data_dtype() == np.float32 and image.shape == config.grid_shape
    data, mask = image.get_fdata(), nib.load(files.mask).get_fdata() > 0
    assert data.min() == 0 and data.max() == 1
    assert (data[~mask] == 0).all()  # face, scalp and skull are gone
    brain = mni_template(grid).brain
    assert 2 * (mask & brain).sum() / (mask.sum() + brain.sum()) > 0.93
    assert np.corrcoef(data[mask & brain], mni_template(grid).t1[mask & brain])[0, 1] > 0.8
    assert set(np.unique(nib.load(files.mask).dataobj)) == {0, 1}
    for level in (0, 1):  # one voxel in a thousand is beyond each percentile
        assert (data[mask] == level).sum() == pytest.approx(mask.sum() / 1000, abs=2)


def test_the_heads_bias_is_gone(done, config):
    """The head is a third brighter on one side than on the other."""
    image = nib.load(done[1].image)
    grid = Grid(config.grid_shape, config.grid_spacing_mm, config.grid_center_mm)
    template, x = (
        mni_template(grid),
        nib.affines.apply_affine(image.affine, np.moveaxis(np.indices(image.shape), 0, -1)),
    )
    white = template.white & (image.get_fdata() > 0.3) & (x[..., 2] > -10)
    right, left = (np.median(image.get_fdata()[white & (side * x[..., 0] > 25)]) for side in (1, -1))
    assert right / left == pytest.approx(1, abs=0.06)


def test_the_record_is_complete(done, head, qc):
    record, files = done
    assert read_record(files.sidecar) == record
    hashes = {"Image": files.image, "Mask": files.mask, "QCImage": files.qc_image, "Source": head}
    assert {name: record[f"{name}SHA256"] for name in hashes} == {name: hash_file(p) for name, p in hashes.items()}
    assert record["Transform"] == record["Parameters"]["transform"] == "affine" and record["Key"] == "k"
    assert record["BrainExtraction"]["name"] == "deepbet" and len(record["BrainExtraction"]["model_sha256"]) == 64
    assert judge(record["QC"], qc)[0] == "pass"


def test_the_image_of_quality_control_is_the_same_brain(done):
    """Nothing but the brain, on its own grid, in grey levels of which the brain uses the whole range."""
    _, files = done
    image, preprocessed = nib.load(files.qc_image), nib.load(files.image)
    np.testing.assert_allclose(image.affine, QC_GRID.affine)
    assert image.get_data_dtype() == np.uint8 and image.shape == QC_GRID.shape
    levels = np.asarray(image.dataobj)
    mask, ml = levels > 0, QC_GRID.spacing_mm**3 / 1000
    assert mask.sum() * ml == pytest.approx(done[0]["QC"]["brain_volume_ml"] * done[0]["QC"]["volume_scale"], rel=0.03)
    assert 2 * (mask & mni_template(QC_GRID).brain).sum() / (mask.sum() + mni_template(QC_GRID).brain.sum()) > 0.93
    assert levels.max() == 255 and 60 < np.median(levels[mask]) < 230
    points = np.argwhere(np.asarray(nib.load(files.mask).dataobj) > 0)[::50]
    at = np.rint(nib.affines.apply_affine(np.linalg.inv(image.affine) @ preprocessed.affine, points)).astype(int)
    assert np.corrcoef(preprocessed.get_fdata()[tuple(points.T)], levels[tuple(at.T)])[0, 1] > 0.7


def test_an_earlier_result_is_gone_when_the_scan_cannot_be_worked_on(config, limits, tmp_path):
    files = earlier_result(tmp_path)
    with pytest.raises(UserError):
        preprocess_scan(tmp_path / "absent.nii.gz", files, config, limits)
    assert not [path for path in tmp_path.rglob("*") if path.is_file()]


def earlier_result(folder):
    files = ScanFiles.of(folder, "X", "M012")
    for path in vars(files).values():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"old")
    return files


def whole_head(volume):
    return ndimage.binary_fill_holes(ndimage.gaussian_filter(volume.data, 1) > 0.1 * volume.data.max())


def anterior_half(volume):
    """The front of the head, as deep as the brain's middle: the face with a part of the brain."""
    mask = whole_head(volume)
    places = np.flatnonzero(mask.any((0, 2)))
    mask[:, : int(np.median(places))] = False
    return mask


def with_the_nose(brain):
    """A brain's mask with a block in front of it and below, as large as the volume's limit allows."""

    def mask(volume):
        found, (right, front, bottom) = (
            brain.copy(),
            (np.flatnonzero(brain.any(axes)) for axes in ((1, 2), (0, 2), (0, 1))),
        )
        middle = int(np.median(right))
        found[middle - 8 : middle + 8, front[-1] - 10 : front[-1] + 3, max(bottom[0] - 4, 0) : bottom[0] + 8] = True
        return found

    return mask


@pytest.mark.parametrize(
    "kind, said",
    [
        ("whole head", "above 2100"),
        pytest.param("front of the head", "outside", marks=pytest.mark.slow),
        ("brain and nose", "outside"),
        ("a small piece", "below 900"),
    ],
)
def test_of_a_mask_that_may_hold_a_face_nothing_is_left(head, config, limits, tmp_path, monkeypatch, kind, said):
    brain = extract_brain(load_scan(head).volume, config)
    masks = {
        "whole head": whole_head,
        "front of the head": anterior_half,
        "brain and nose": with_the_nose(brain),
        "a small piece": lambda volume: ndimage.binary_erosion(brain, iterations=5),
    }
    monkeypatch.setattr(upright, "extract_brain", lambda volume, config: masks[kind](volume))
    files = earlier_result(tmp_path / "out")
    with pytest.raises(UserError, match=said) as raised:
        preprocess_scan(head, files, config.model_copy(update=QUICK), limits)
    assert "no image is kept" in str(raised.value) and "qc.m" in raised.value.cure
    assert not [path for path in (tmp_path / "out").rglob("*") if path.is_file()]


def test_right_stays_right(done):
    """The scan is stored from left to right reversed; its lesion is still on the right of the result."""
    image = nib.load(done[1].image)
    points = nib.affines.apply_affine(image.affine, np.moveaxis(np.indices(image.shape), 0, -1))
    right, left = (
        image.get_fdata()[np.linalg.norm(points - np.array(LESION_MM) * [side, 1, 1], axis=-1) < 8].mean()
        for side in (1, -1)
    )
    assert right < 0.7 * left


@pytest.mark.slow
def test_the_same_scan_twice_gives_the_same_bytes(head, config, limits, done, tmp_path):
    again = preprocess_scan(head, ScanFiles.of(tmp_path, "ADNI011S0001", "M000"), config, limits, key="k")
    assert again["ImageSHA256"] == done[0]["ImageSHA256"]
