import pytest

from ldae.files import hash_file
from ldae.preprocessing.layout import ScanFiles

FILES = ScanFiles.of("results/derivatives/preproc", "ADNI011S0001", "M006")


def test_names_are_bids_and_each_its_own():
    home, stem = "results/derivatives/preproc/sub-ADNI011S0001", "sub-ADNI011S0001_ses-M006"
    assert {name: path.as_posix() for name, path in vars(FILES).items()} == {
        "image": f"{home}/ses-M006/anat/{stem}_space-MNI152_desc-preproc_T1w.nii.gz",
        "mask": f"{home}/ses-M006/anat/{stem}_space-MNI152_desc-brain_mask.nii.gz",
        "qc_image": f"{home}/ses-M006/anat/{stem}_space-MNI152_desc-qc_T1w.nii.gz",
        "sidecar": f"{home}/ses-M006/anat/{stem}_space-MNI152_desc-preproc_T1w.json",
        "montage": f"{home}/figures/{stem}_desc-qc_T1w.png",
    }


def test_each_image_has_its_own_hash_and_an_absent_one_none(tmp_path):
    files = ScanFiles.of(tmp_path, "X", "M000")
    files.image.parent.mkdir(parents=True)
    files.image.write_bytes(b"image"), files.qc_image.write_bytes(b"qc")
    assert files.hashes == {
        "ImageSHA256": hash_file(files.image),
        "MaskSHA256": "",
        "QCImageSHA256": hash_file(files.qc_image),
    }


def written(folder):
    files = ScanFiles.of(folder, "X", "M000")
    for path in vars(files).values():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(path.name.encode())
    return files


def test_everything_of_a_scan_is_removed_and_nothing_of_another(tmp_path):
    files = written(tmp_path)
    other = ScanFiles.of(tmp_path, "X", "M006").montage
    other.write_bytes(b"picture")
    files.remove()
    files.remove()  # what is gone already is no error
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == [other]


@pytest.mark.parametrize("name", ["image", "mask", "qc_image", "montage"])
def test_a_removal_that_stops_halfway_leaves_no_sidecar(tmp_path, name):
    files = written(tmp_path)
    stuck = getattr(files, name)
    stuck.unlink()
    stuck.mkdir()
    with pytest.raises(OSError, match=stuck.name):
        files.remove()
    assert not files.sidecar.exists()
