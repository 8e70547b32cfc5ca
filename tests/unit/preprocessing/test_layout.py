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
