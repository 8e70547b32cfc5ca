"""Nothing of a patient but the pseudonymous code, and no face, leaves the raw download."""

import io
import re
import zlib

import nibabel as nib
import numpy as np
import pandas as pd
import pytest
from PIL import Image, PngImagePlugin

from ldae.preprocessing import alignment
from ldae.preprocessing.layout import ScanFiles
from ldae.preprocessing.scan import preprocess_scan
from tests.planted_search import readable, secrets_in
from tests.unit.preprocessing.conftest import config, head, limits, qc  # noqa: F401  (fixtures)

COLUMNS = {
    # codes and names of files
    *("subject", "session", "participant_id", "session_id", "filename", "ptid", "image_id", "series_id", "scan_id"),
    *("shard", "format", "files", "files_hash", "viscode", "path", "latent_path", "source", "slices"),
    # facts that the pipeline uses
    *("diagnosis", "diagnosis_bl", "diagnosis_baseline", "age", "age_bl", "sex", "apoe4", "education_years", "months"),
    *("site", "phase", "original_study", "visit", "scan_date", "sequence", "field_strength_t", "header_field_t"),
    *("exam_date", "mri_field", "months_from_baseline", "images", "split", "qc", "image_sha256"),
    *("qc_image_sha256", "picture"),
    # what became of a scan
    *(
        "status",
        "stage",
        "reason",
        "cure",
        "choice",
        "orientation",
        "table",
        "line",
        "severity",
        "where",
        "expected",
        "found",
        "code",
    ),
    *("verdict", "fault", "fault_cure", "override", "override_reason", "rater", "effect", "transform"),
    *("brain_extraction", "brain_volume_ml", "dice", "outside", "missing", "mutual_information", "ncc"),
    *("upright", "white_grey_ratio", "border", "volume_scale", "notes"),
    *("start_pitch_deg", "start_roll_deg", "start_yaw_deg", "starts_tried", "extractions"),
}
SHOWN = ("dataset.csv", "qc.csv", "qc.html", "tables/exclusions.csv", "cohort/qc_overrides.csv")
DATE = re.compile(r"(?<![\da-f.])(19|20)\d\d(-[01]\d-[0-3]\d|[01]\d[0-3]\d)")  # not inside a hash or a number
MNI_BRAIN_ML = (1400, 2300)


def tables(folder):
    """Every table below a folder, whose columns are not Snakemake's."""
    found = [path for path in folder.rglob("*.[ct]sv") if "benchmarks" not in path.parts]
    return {path: pd.read_csv(path, sep="\t" if path.suffix == ".tsv" else ",", dtype=str) for path in found}


def is_given(workflow, path):
    """Whether a file is none that the run wrote, into its own folder or TMPDIR."""
    return path.relative_to(workflow.directory.parent).parts[0] not in (workflow.directory.name, "tmp")


@pytest.mark.parametrize("name", ["a.txt", "a.nii.gz", "a.png", "a.npz"])
def test_the_search_finds_what_is_packed(tmp_path, name):
    text = "x WOMBAT^Jane 1937-09-17"
    if name == "a.txt":
        (tmp_path / name).write_text(text)
    elif name == "a.nii.gz":
        image = nib.Nifti1Image(np.zeros((2, 2, 2), np.float32), np.eye(4))
        image.header["descrip"] = text
        image.to_filename(tmp_path / name)
    elif name == "a.png":
        info = PngImagePlugin.PngInfo()
        info.add_text("Comment", text, zip=True)
        Image.new("L", (2, 2)).save(tmp_path / name, pnginfo=info)
        assert zlib.compress(text.encode())[:8] in (tmp_path / name).read_bytes()
    else:
        np.savez_compressed(tmp_path / name, who=np.array([text.encode()]))
    assert secrets_in(readable(tmp_path / name)) == ["Wombat", "1937-09-17"]


def test_the_planted_scans_went_the_whole_way(planted):
    workflow, _, damaged = planted
    dataset = pd.read_csv(io.StringIO(workflow.read("results/dataset.csv")))
    excluded = pd.read_csv(io.StringIO(workflow.read("results/tables/exclusions.csv")))
    labels = {f"ADNI{code.replace('_', '')}" for code in damaged}
    assert set(excluded["subject"]) == labels and excluded["reason"].notna().all()
    assert len(dataset) == 5 and not labels & set(dataset["subject"])


def test_no_header_text_is_in_any_file(planted):
    workflow, _, _ = planted
    files = [path for path in workflow.directory.parent.rglob("*") if path.is_file() and not is_given(workflow, path)]
    assert {".csv", ".tsv", ".json", ".gz", ".png", ".log", ".html"} <= {path.suffix for path in files}
    leaks = {str(path): secrets_in(readable(path)) for path in files}
    assert not {path: found for path, found in leaks.items() if found}


def test_no_header_text_is_in_a_name_or_printed(planted):
    workflow, printed, _ = planted
    home = workflow.directory.parent
    names = "\n".join(str(path.relative_to(home)) for path in home.rglob("*") if not is_given(workflow, path))
    assert not secrets_in(names.encode()) and not secrets_in(printed.encode())


def test_every_column_of_every_table_is_one_the_pipeline_needs(planted):
    """A new column is a decision: does it have to leave the download?"""
    found = tables(planted[0].directory / "results")
    assert len(found) >= 10
    unknown = {path.name: sorted(set(table.columns) - COLUMNS) for path, table in found.items()}
    assert not {name: columns for name, columns in unknown.items() if columns}


def test_the_dates_of_scans_stay_among_the_working_tables(planted):
    """Dates identify people: months and ages are in what is shown and passed on, dates are not."""
    for name in SHOWN:
        dates = DATE.search(planted[0].read(f"results/{name}"))
        assert dates is None, f"{name}: {dates[0]}"


def assert_brains_only(directory):
    """Every derivative is 0 outside a mask of a brain's size."""
    images = sorted(directory.rglob("*_desc-preproc_T1w.nii.gz"))
    assert images
    for path in images:
        image = nib.load(path)
        mask = nib.load(str(path).replace("desc-preproc_T1w", "desc-brain_mask")).get_fdata() > 0
        assert (image.get_fdata()[~mask] == 0).all(), path
        volume_ml = mask.sum() * np.prod(image.header.get_zooms()) / 1000
        assert MNI_BRAIN_ML[0] < volume_ml < MNI_BRAIN_ML[1], path


def test_face_and_skull_are_gone_from_every_derivative(planted):
    assert_brains_only(planted[0].directory / "results" / "derivatives")


def test_the_picture_is_drawn_of_the_extracted_brain_alone(head, config, limits, tmp_path, monkeypatch):  # noqa: F811
    resampled = []
    resample = alignment.resample_brain

    def keep(*arguments):
        resampled.append(resample(*arguments))
        return resampled[-1]

    monkeypatch.setattr(alignment, "resample_brain", keep)
    files = ScanFiles.of(tmp_path, "X", "M000")
    preprocess_scan(head, files, config, limits)
    drawn = np.asarray(nib.load(files.qc_image).dataobj)
    _brain, mask = next(pair for pair in resampled if pair[1].shape == drawn.shape)
    assert (drawn[~mask] == 0).all() and (drawn[mask] > 0).mean() > 0.9
