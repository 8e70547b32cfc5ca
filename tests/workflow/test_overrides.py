"""A person's verdicts in the workflow: what they change, and that no image is processed anew for them."""

import io
import os
import time

import pandas as pd
import pytest

HEADER = "subject\tsession\tverdict\treason\trater\n"
IMAGE_RULES = {"inventory", "check", "convert", "bids", "preprocess"}


@pytest.fixture
def listed(planted, tmp_path):
    """The finished run with an empty list of verdicts, and the list; afterwards the run is as it was."""
    path = tmp_path / "qc_overrides.tsv"
    path.write_text(HEADER)
    yield planted[0].with_overlay(tmp_path / "list.yaml", f"qc_overrides: {path}\n"), path
    planted[0].run("--cores", "2", "preprocess_all")


def test_a_list_and_every_change_of_it_rerun_the_tables_but_no_image(listed):
    workflow, path = listed
    dataset = pd.read_csv(io.StringIO(workflow.read("results/dataset.csv")))
    first = dataset[dataset["split"] == "train"].iloc[0]  # nobody on a side stops the split
    assert "dataset" in workflow.plan("preprocess_all")
    workflow.run("--cores", "2", "preprocess_all")
    path.write_text(f"{HEADER}sub-{first.subject}\tses-{first.session}\tfail\tmotion\tAB\n")
    os.utime(path, (time.time() + 2, time.time() + 2))
    plan = set(workflow.plan("preprocess_all"))
    assert {"dataset", "qc_page"} <= plan and not IMAGE_RULES & plan
    workflow.run("--cores", "2", "preprocess_all")
    left = pd.read_csv(io.StringIO(workflow.read("results/dataset.csv")))
    assert set(dataset["subject"]) - set(left["subject"]) == {first.subject}
    assert "judged fail by AB: motion" in workflow.read("results/tables/exclusions.csv")
    assert "judged fail by AB: motion" in workflow.read("results/qc.html")


def test_a_list_that_is_not_there_stops_at_once(planted, tmp_path):
    workflow = planted[0].with_overlay(tmp_path / "none.yaml", "qc_overrides: none.tsv\n")
    output = workflow.run("--cores", "1", "preprocess_all", check=False)
    assert "qc_overrides: none.tsv" in output and "cure:" in output
