"""A corrected label is looked up anew; no image is converted or preprocessed, and nothing is trained, because of it."""

import io
import shutil
from pathlib import Path

import pandas as pd
import pytest

from tests.workflow.conftest import Workflow, copy_sources

SUBJECTS = 5  # with one scan each, of which the last comes later
LABELLING = {"check", "bids", "dataset"}
IMAGES = {"inventory", "convert", "preprocess", "pictures", "qc", "figure_qc_montage", "qc_page"}
SPLIT = {"strata", "split", "scans"}
TRAININGS = {"autoencoder", "latents", "ldm", "representation", "dae", "embeddings", "baselines", "untrained"}


@pytest.fixture(scope="module")
def download(tmp_path_factory):
    """A phantom as a user's own download; the tables list everybody, one subject's images come later."""
    folder = tmp_path_factory.mktemp("labels")
    tiny = shutil.copy2(Path(__file__).parent / "tiny.yaml", folder / "tiny.yaml")
    small = folder / "phantom.yaml"
    small.write_text("phantom: {subjects: 6, visits_per_subject: [1.0, 0.0]}\n")
    (folder / "phantom").mkdir()
    workflow = Workflow(copy_sources(folder / "checkout"), folder / "phantom", (Path(tiny), small))
    workflow.run("--cores", "2", "phantom")
    made = folder / "phantom/results/phantom"
    shutil.copytree(made / "clinical", folder / "clinical")
    codes = sorted(path.name for path in (made / "images").iterdir() if path.is_dir())[:SUBJECTS]
    for ptid in codes[:-1]:
        shutil.copytree(made / "images" / ptid, folder / "images" / ptid)
    return folder, workflow, made / "images" / codes[-1]


@pytest.fixture(scope="module")
def study(download):
    """The workflow on that download, run up to dataset.csv and the page of quality control."""
    folder, phantom, _ = download
    (folder / "study").mkdir()
    own = f"cohort:\n  source: adni\n  dicom_dir: {folder}/images\n  clinical_dir: {folder}/clinical\n  shards: 1\n"
    own += "split:\n  validation_fraction: 0.2\n  test_fraction: 0.2\n"
    workflow = Workflow(phantom.checkout, folder / "study", phantom.overlays)
    workflow = workflow.with_overlay(folder / "own.yaml", own)
    run(workflow)
    return workflow


TARGETS = ("results/dataset.csv", "results/qc.html", "results/figures/qc_montage.png")


def run(workflow, **options):
    return workflow.run("--cores", "2", *TARGETS, **options)


def plan(workflow):
    return set(workflow.plan(*TARGETS))


def table(workflow, path):
    return pd.read_csv(io.StringIO(workflow.read(path)), dtype={"subject": str})


class Correction:
    """Cells of ADNIMERGE, set for one subject, and put back."""

    def __init__(self, clinical, ptid=None):
        (self.path,) = clinical.glob("ADNIMERGE*.csv")
        self.before = self.path.read_bytes()
        self.rows = pd.read_csv(self.path, dtype=str, keep_default_na=False)
        self.mine = self.rows["PTID"] == (ptid or self.rows["PTID"].min())

    def write(self, **values):
        assert self.mine.any()
        edited = self.rows.copy()
        edited.loc[self.mine, list(values)] = list(values.values())
        assert not edited.equals(self.rows)
        edited.to_csv(self.path, index=False)

    def undo(self):
        self.path.write_bytes(self.before)


@pytest.fixture
def correction(study, download):
    code = table(study, "results/dataset.csv")["subject"].min().removeprefix("ADNI")
    corrected = Correction(download[0] / "clinical", f"{code[:3]}_S_{code[4:]}")
    yield corrected
    corrected.undo()


def test_nothing_changed_is_nothing_to_do(study):
    assert plan(study) == set()


def test_shards_and_scans_say_nothing_of_the_people(study):
    labels = {"diagnosis", "age", "sex", "months", "site", "phase", "diagnosis_bl", "age_bl", "apoe4"}
    for path in ("results/bids_shards/0.csv", "results/preproc_shards/0.csv", "results/qc.csv", "results/scans.csv"):
        assert not labels & set(table(study, path)), path
    assert list(table(study, "results/scans.csv")) == ["subject", "session", "path", "split", "image_sha256"]
    assert {"diagnosis", "age"} <= set(table(study, "results/cohort/conversion.csv"))


def test_a_corrected_age_and_diagnosis_are_looked_up_and_nothing_else_runs(study, correction):
    before = {path: study.read(path) for path in ("results/bids_shards/0.csv", "results/qc.csv", "results/split.csv")}
    scans = study.directory / "results/scans.csv"
    stamp = scans.stat().st_mtime_ns
    dataset = table(study, "results/dataset.csv")
    correction.write(AGE="61.5", DX="Dementia", DX_bl="AD", SITE="999", APOE4="2")
    assert plan(study) == LABELLING
    run(study)
    after = table(study, "results/dataset.csv")
    assert after.loc[0, ["diagnosis", "site"]].tolist() == ["AD", 999]
    assert abs(after.loc[0, "age"] - 61.5) < 0.1
    assert after.drop(columns=["diagnosis", "age", "site"]).equals(dataset.drop(columns=["diagnosis", "age", "site"]))
    assert {path: study.read(path) for path in before} == before
    assert scans.stat().st_mtime_ns == stamp
    assert plan(study) == set()
    correction.undo()
    run(study)


def test_a_label_that_makes_no_sense_is_unknown_and_converts_nothing_anew(study, correction):
    correction.write(AGE="", DX="AD", PTGENDER="1", EXAMDATE_bl="soon")
    assert plan(study) == LABELLING
    run(study)
    row = table(study, "results/dataset.csv").loc[0]
    assert row[["diagnosis", "age", "sex"]].isna().all()
    correction.undo()
    run(study)


def test_what_decides_the_choice_of_images_converts_anew(study, correction):
    correction.write(EXAMDATE="2000-01-01")
    assert plan(study) >= LABELLING | IMAGES | SPLIT


def test_other_changes_are_seen_beside_a_corrected_label(study, correction, tmp_path):
    """Snakemake goes by inputs alone past a job that runs: nothing may hide behind the labels' rules."""
    correction.write(AGE="61.5")
    other = study.with_overlay(tmp_path / "qc.yaml", "preprocessing: {bias_field_iterations: [9, 10]}\n")
    assert plan(other) >= LABELLING | {"preprocess", "qc", "scans"}
    assert "inventory" not in plan(other)


def test_other_fractions_and_another_seed_move_nobody_and_run_nothing(study, tmp_path):
    text = "seed: 8\nsplit: {validation_fraction: 0.4, test_fraction: 0.3}\n"
    assert not {"strata", "split", "scans"} & plan(study.with_overlay(tmp_path / "split.yaml", text))


def test_a_touched_table_is_no_change(study, correction):
    correction.path.touch()
    assert plan(study) == set()


def test_a_new_subject_moves_nobody_and_returns_to_its_side(study, download):
    folder, _, late = download
    kept = dict(table(study, "results/split.csv")[["subject", "split"]].values)
    shutil.copytree(late, folder / "images" / late.name)
    run(study)
    grown = dict(table(study, "results/split.csv")[["subject", "split"]].values)
    (new,) = set(grown) - set(kept)
    assert {subject: grown[subject] for subject in kept} == kept
    assert new.endswith(late.name[-4:])
    shutil.rmtree(folder / "images" / late.name)
    run(study)
    assert new not in set(table(study, "results/scans.csv")["subject"])
    assert dict(table(study, "results/split.csv")[["subject", "split"]].values) == grown


def test_a_frozen_split_runs_nothing(study, tmp_path):
    frozen = tmp_path / "frozen.csv"
    frozen.write_text(study.read("results/split.csv") + "FUTURE,test\n")
    assert plan(study.with_overlay(tmp_path / "split.yaml", f"split: {{file: {frozen}}}\n")) == set()


def test_a_deleted_split_is_made_anew(study):
    path = study.directory / "results/split.csv"
    kept = path.rename(path.with_suffix(".kept"))
    planned = set(study.plan(*TARGETS, "results/split.csv"))
    kept.rename(path)
    assert planned == SPLIT | {"dataset"}


def test_two_lists_that_differ_stop_before_anything_runs(study, tmp_path):
    kept = table(study, "results/split.csv")
    first = kept.iloc[0]
    other = {"train": "test", "test": "train", "validation": "train"}[first["split"]]
    own = tmp_path / "own.csv"
    own.write_text(f"subject,split\n{first['subject']},{other}\n")
    workflow = study.with_overlay(tmp_path / "split.yaml", f"split: {{file: {own}}}\n")
    output = workflow.run("--cores", "1", "--dry-run", "results/scans.csv", check=False)
    assert f"{own}: line 2" in output
    assert "results/split.csv: line 2" in output
    assert "cure:" in output
    assert table(study, "results/split.csv").equals(kept)


def test_a_corrected_label_of_a_finished_run_trains_nothing(tiny):
    correction = Correction(tiny.directory / "results/phantom/clinical")
    correction.write(AGE="61.5", DX="Dementia")
    try:
        planned = set(tiny.plan())
    finally:
        correction.undo()
    assert LABELLING | {"table_downstream"} <= planned
    assert not (IMAGES | SPLIT | TRAININGS | {"phantom"}) & planned
    assert not tiny.plan()
