"""Cohorts other than ADNI, from their files to dataset.csv: a plain BIDS dataset, and OASIS-1 through its converter."""

import io
import shutil
from pathlib import Path

import pandas as pd
import pytest

from tests.cohort_downloads import write_bids, write_oasis
from tests.workflow.conftest import Workflow, copy_sources, listing

TINY = Path(__file__).parent / "tiny.yaml"
CONTRACT = ["subject", "session", "path", "latent_path", "diagnosis", "age", "sex", "split", "months"]
BIDS = """cohort:
  source: bids
  shards: 1
  bids_dir: {folder}
  columns: {{sex: gender, diagnosis: Group, site: center}}
  diagnoses: {{patient: AD}}
"""
OASIS = """cohort:
  source: oasis
  shards: 1
  dicom_dir: {folder}/images
  clinical_dir: {folder}/tables
"""


def start(tmp_path_factory, name, write, config):
    """A cohort's files, taken to dataset.csv."""
    folder = tmp_path_factory.mktemp(name)
    download = write(folder / "download")
    before = listing(download)
    (folder / "run").mkdir()
    tiny = shutil.copy2(TINY, folder / "tiny.yaml")
    workflow = Workflow(copy_sources(folder / "checkout"), folder / "run", (tiny,))
    workflow = workflow.with_overlay(folder / "own.yaml", config.format(folder=download))
    workflow.run("--cores", "2", "results/dataset.csv")
    assert listing(download) == before, "something was written into the user's folder"
    return workflow, download


@pytest.fixture(scope="module")
def bids(tmp_path_factory):
    return start(tmp_path_factory, "bids", write_bids, BIDS)


@pytest.fixture(scope="module")
def oasis(tmp_path_factory):
    return start(tmp_path_factory, "oasis", write_oasis, OASIS)


def table(workflow, path):
    return pd.read_csv(io.StringIO(workflow.read(path)), dtype=str, keep_default_na=False)


def facts(workflow):
    """What dataset.csv says of each scan."""
    dataset = table(workflow, "results/dataset.csv")
    assert list(dataset.columns)[: len(CONTRACT)] == CONTRACT
    assert set(dataset["qc"]) <= {"pass", "warn"}
    assert dataset.groupby("subject")["split"].nunique().max() == 1
    assert all((workflow.directory / path).is_file() for path in dataset["path"])
    columns = ["subject", "session", "diagnosis", "age", "sex", "months", "field_strength_t", "site"]
    return [tuple(row) for row in dataset[columns].itertuples(index=False)]


def test_a_bids_dataset_reaches_dataset_csv(bids):
    assert facts(bids[0]) == [
        ("01", "M000", "CN", "70.2", "M", "0", "3.0", "A"),
        ("01", "M012", "MCI", "71.3", "M", "12", "3.0", "A"),
        ("02", "M000", "AD", "81.0", "F", "0", "3.0", "A"),
        ("03", "M000", "AD", "75.0", "F", "0", "3.0", "B"),
        ("04", "M000", "CN", "68.5", "M", "0", "3.0", "B"),
        ("05", "M000", "CN", "", "F", "0", "3.0", "B"),
        ("06", "M000", "", "77.0", "F", "0", "3.0", "B"),
    ]


def test_what_is_not_in_the_dataset_is_explained(bids):
    excluded = table(bids[0], "results/tables/exclusions.csv")
    assert excluded["image_id"].tolist() == ["sub-04_run-2_T1w"]
    assert "sub-04_run-1_T1w" in excluded["reason"].iloc[0]
    absent = table(bids[0], "results/cohort/quarantine.csv")
    assert absent["subject"].tolist() == ["07"]
    findings = table(bids[0], "results/cohort/findings.csv")
    assert findings["found"].str.contains("'Lewy' \\(1 x, such as sub-06\\)").any()


def test_new_images_and_changed_tables_are_noticed(bids):
    workflow, download = bids
    assert not workflow.plan("results/dataset.csv")
    new = download / "sub-02" / "ses-M012" / "anat" / "sub-02_ses-M012_T1w.nii.gz"
    new.parent.mkdir(parents=True)
    shutil.copy2(download / "sub-02/ses-M000/anat/sub-02_ses-M000_T1w.nii.gz", new)
    used = {"index", "preprocess", "qc", "strata", "split", "scans"}
    assert set(workflow.plan("results/dataset.csv")) == used | {"bids", "dataset"}
    shutil.rmtree(new.parents[1])
    participants = download / "participants.tsv"
    participants.write_text(participants.read_text().replace("Lewy", "control"))
    assert set(workflow.plan("results/dataset.csv")) == {"bids", "dataset"}
    workflow.run("--cores", "1", "results/dataset.csv")
    assert table(workflow, "results/cohort/conversion.csv")["diagnosis"].iloc[-1] == "CN"
    assert table(workflow, "results/dataset.csv")["diagnosis"].iloc[-1] == "CN"
    assert not workflow.plan("results/dataset.csv")
    columns = workflow.with_overlay(workflow.directory / "columns.yaml", "cohort: {columns: {site: null}}\n")
    assert set(columns.plan("results/dataset.csv")) == {"bids", "dataset"}


def test_oasis_reaches_dataset_csv(oasis):
    """Clinica's sessions.tsv has no diagnosis for a CDR above 0 where another CDR is missing; participants.tsv has."""
    assert facts(oasis[0]) == [
        ("OASIS10001", "M000", "CN", "74.0", "F", "0", "", ""),
        ("OASIS10002", "M000", "AD", "81.0", "M", "0", "", ""),
        ("OASIS10003", "M000", "AD", "77.0", "F", "0", "", ""),
        ("OASIS10004", "M000", "", "24.0", "M", "0", "", ""),
    ]


def test_the_scans_that_the_converter_leaves_are_explained(oasis):
    excluded = table(oasis[0], "results/tables/exclusions.csv")
    assert excluded[["image_id", "stage"]].values.tolist() == [["OAS1_0001_MR2", "check"], ["OAS1_0005_MR1", "check"]]


def test_the_cdr_can_be_mapped_to_mild_impairment(oasis, tmp_path):
    own = "cohort:\n  columns: {diagnosis: cdr_global}\n  diagnoses: {'0': CN, '0.5': MCI, '1': AD, '2': AD}\n"
    workflow = oasis[0].with_overlay(tmp_path / "cdr.yaml", own)
    assert "convert" not in workflow.plan("check")
    workflow.run("--cores", "1", "check")
    report = table(workflow, "results/cohort/conversion.csv")
    assert report["diagnosis"].tolist() == ["CN", "AD", "MCI", ""]


@pytest.mark.parametrize("cohort", ["bids", "oasis"])
def test_later_stages_are_the_same_and_nothing_of_the_phantom_runs(cohort, request):
    plan = request.getfixturevalue(cohort)[0].plan("--forceall")
    assert {"bids", "preprocess", "dataset", "autoencoder", "ldm", "representation", "table_downstream"} <= set(plan)
    assert ("convert" in plan) == (cohort == "oasis")
    assert not {"phantom", "table_phantom_truth"} & set(plan)


def test_a_wrong_column_stops_the_index_with_the_columns_that_are_there(bids, tmp_path):
    directory = tmp_path / "run"
    directory.mkdir()
    workflow = Workflow(bids[0].checkout, directory, bids[0].overlays)
    output = workflow.with_overlay(tmp_path / "wrong.yaml", "cohort:\n  columns: {age: years}\n").run(
        "--cores", "1", "check", check=False
    )
    assert "cohort.columns.age" in output
    assert "participant_id, age, gender, Group, center" in output
    assert "cure:" in output


def test_of_a_converter_that_fails_the_kind_is_told_and_how_to_read_its_words(oasis, tmp_path):
    tables, directory = tmp_path / "tables", tmp_path / "run"
    tables.mkdir(), directory.mkdir()
    own = f"cohort:\n  clinical_dir: {tables}\n"
    workflow = Workflow(oasis[0].checkout, directory, oasis[0].overlays).with_overlay(tmp_path / "own.yaml", own)
    output = workflow.run("--cores", "1", "check", check=False)
    assert "Error" in output and "run `clinica convert oasis-to-bids` yourself" in output
    assert not (directory / "results" / "bids").exists()
