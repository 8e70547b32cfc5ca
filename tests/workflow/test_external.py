"""The tiny run's model on a second phantom cohort, without training."""

import io
import json
import shutil

import pandas as pd
import pytest

from tests.workflow.conftest import Workflow

TRAININGS = {"autoencoder", "ldm", "representation", "dae", "supervised", "reference", "model"}
SEED = 2  # of a cohort without a subject whom the tiny run's model was fitted to


@pytest.fixture(scope="module")
def other(tiny, tmp_path_factory):
    """Another cohort in its own working directory, with a copy of the tiny run's model."""
    folder = tmp_path_factory.mktemp("external")
    (folder / "run").mkdir()
    shutil.copytree(tiny.directory / "results" / "models", folder / "models")
    workflow = Workflow(tiny.checkout, folder / "run", tiny.overlays)
    return workflow.with_overlay(folder / "other.yaml", f"seed: {SEED}\nmodels_from: {folder / 'models'}\n")


def table(workflow, path):
    return pd.read_csv(io.StringIO(workflow.read(path)))


def test_nothing_is_trained(other):
    plan = other.plan()
    assert {"take_models", "latents", "embeddings", "table_downstream", "table_leakage"} <= set(plan)
    assert not TRAININGS & set(plan)
    assert "figure_training_curves" not in plan


def test_the_paper_tables_leave_out_what_needs_a_training(other):
    plan = other.plan("paper_tables")
    assert {"table_interpolation", "table_generation", "figure_generated"} <= set(plan)
    assert not TRAININGS & set(plan)


def test_another_configuration_stops_the_plan_and_the_written_one_mends_it(other, tmp_path):
    changed = other.with_overlay(tmp_path / "changed.yaml", "encoder: {semantic_dim: 24}\n")
    output = changed.run("--cores", "1", "--dry-run", check=False)
    assert "encoder.semantic_dim: 16 in the model, 24 in the configuration" in output
    written = other.directory / "results" / "model_settings.yaml"
    assert Workflow(other.checkout, other.directory, (*changed.overlays, written)).plan()["take_models"] == 1


def test_a_run_does_not_take_its_own_model(tiny, tmp_path):
    own = tiny.with_overlay(tmp_path / "own.yaml", "models_from: results/models\n")
    assert "this run's own folder" in own.run("--cores", "1", "--dry-run", check=False)


@pytest.mark.slow
def test_the_model_is_evaluated_and_an_overlap_stops_it(other, tiny):
    wanted = ("results/tables/downstream.csv", "results/tables/leakage.csv", "results/latents/manifest.csv")
    other.run("--cores", "2", "--", *wanted)
    rows = table(other, "results/tables/downstream.csv")
    trained = rows[rows.encoder == "LDAE, probes as trained"]
    assert set(trained.task) == {"AD vs CN", "age"}
    assert trained.spread.isna().all()
    leaks = table(other, "results/tables/leakage.csv").set_index("fitted_thing")
    assert (leaks.test_subjects == 0).all()
    assert leaks.of_other_datasets["representation"] == 9
    for name in ("representation.safetensors", "probes.json", "model.json"):
        paths = [workflow.directory / "results" / "models" / name for workflow in (other, tiny)]
        assert paths[0].read_bytes() == paths[1].read_bytes()
    sidecar = other.directory.parent / "models" / "ldm.json"
    record = json.loads(sidecar.read_text(encoding="utf-8"))
    shared = table(other, "results/scans.csv").subject.iloc[0]
    record["subjects"]["train"].append(shared)
    sidecar.write_text(json.dumps(record), encoding="utf-8")
    output = other.run("--cores", "1", "--", wanted[0], check=False)
    assert f"1 in both, such as {shared}" in output
