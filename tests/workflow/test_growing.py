"""A cohort that grows, shrinks and is corrected: only what changed is worked on, and what leaves is said."""

import io
import shutil

import pandas as pd
import pytest

SUBJECTS = 5  # with one scan each, of which the last comes later


@pytest.fixture(scope="module")
def download(tiny, tmp_path_factory):
    """A part of the tiny phantom as a user's own download; the tables list everybody."""
    folder = tmp_path_factory.mktemp("download")
    phantom = tiny.directory / "results/phantom"
    shutil.copytree(phantom / "clinical", folder / "clinical")
    chosen = sorted(path.name for path in (phantom / "images").iterdir() if path.is_dir())[:SUBJECTS]
    for ptid in chosen[:-1]:
        shutil.copytree(phantom / "images" / ptid, folder / "images" / ptid)
    return folder, phantom / "images" / chosen[-1]


@pytest.fixture(scope="module")
def study(tiny, download, tmp_path_factory):
    """The workflow on that download, run up to dataset.csv."""
    directory = tmp_path_factory.mktemp("study")
    folder, _ = download
    own = f"cohort:\n  source: adni\n  dicom_dir: {folder}/images\n  clinical_dir: {folder}/clinical\n  shards: 1\n"
    own += "split:\n  validation_fraction: 0.2\n  test_fraction: 0.2\n"
    workflow = type(tiny)(tiny.checkout, directory, tiny.overlays).with_overlay(directory / "own.yaml", own)
    run(workflow)
    return workflow


def run(workflow):
    """Make dataset.csv and return what was printed."""
    return workflow.run("--cores", "2", "results/dataset.csv")


def stamps(study, pattern):
    """Time of change and size of files below results, by path."""
    files = (study.directory / "results").glob(pattern)
    return {str(path): (path.stat().st_mtime_ns, path.stat().st_size) for path in files}


def dataset(study):
    return pd.read_csv(io.StringIO(study.read("results/dataset.csv")), dtype={"subject": str})


def test_a_pilot_that_grows_keeps_its_scans_and_its_sides_of_the_split(study, tmp_path):
    directory = tmp_path / "run"
    directory.mkdir()
    whole = type(study)(study.checkout, directory, study.overlays)
    made, pilot = "derivatives/preproc/sub-*/ses-*/anat/*.nii.gz", "cohort: {subjects: 3}\n"
    run(whole.with_overlay(tmp_path / "pilot.yaml", pilot))
    assert "a pilot, by cohort.subjects" in whole.read("results/cohort/findings.csv")
    before, sides, first = stamps(whole, made), whole.read("results/split.csv"), dataset(whole)
    assert first["subject"].nunique() == 3 and set(first["split"]) == {"train", "validation", "test"}
    run(whole)
    after, grown = stamps(whole, made), dataset(whole)
    assert {path: after[path] for path in before} == before
    assert set(sides.splitlines()) < set(whole.read("results/split.csv").splitlines())
    assert set(first["subject"]) < set(grown["subject"]) == set(dataset(study)["subject"])


def test_nothing_new_is_nothing_to_do(study):
    assert "Nothing to be done" in run(study)


def test_a_new_subject_is_worked_on_alone_and_then_a_corrected_table_and_a_removed_subject(study, download):
    folder, late = download
    label = "ADNI" + late.name.replace("_", "")
    raw, made = "bids/sub-*/ses-*/anat/*.nii.gz", "derivatives/preproc/sub-*/ses-*/anat/*.nii.gz"
    before, models = stamps(study, raw) | stamps(study, made), dataset(study)
    assert label not in set(models.subject)

    shutil.copytree(late, folder / "images" / late.name)
    run(study)
    after = stamps(study, raw) | stamps(study, made)
    assert {path: after[path] for path in before} == before
    assert {path.split("sub-")[1].split("/")[0] for path in set(after) - set(before)} == {label}
    assert set(dataset(study).subject) == set(models.subject) | {label}

    table = folder / "clinical" / "ADNIMERGE.csv"
    rows = pd.read_csv(table, dtype=str, keep_default_na=False)
    rows.loc[rows.PTID.eq(late.name), ["AGE", "DX"]] = "61.0", "MCI"
    rows.to_csv(table, index=False)
    run(study)
    assert stamps(study, raw) | stamps(study, made) == after
    scans = dataset(study).set_index("subject").loc[[label]]
    assert set(scans.diagnosis) == {"MCI"} and (scans.age - 61).abs().min() < 0.1

    gone = sorted(set(models.subject))[0]
    (home,) = [path for path in (folder / "images").iterdir() if path.name.replace("_", "") in gone]
    shutil.rmtree(home)
    output = run(study)
    assert gone in output and "removed" in output
    assert gone not in set(dataset(study).subject)
    left = stamps(study, raw) | stamps(study, made)
    assert not [path for path in left if gone in path]
    assert {path: after[path] for path in left} == left
