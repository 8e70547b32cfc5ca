"""What each task is about; that of the scanner, and what tells of the scanner."""

from dataclasses import replace

import numpy as np
import pytest

from ldae.config.evaluation import BootstrapConfig, ProbesConfig
from ldae.config.names import LDAE
from ldae.evaluation.features.components import voxel_components
from ldae.evaluation.features.demographics import acquisition
from ldae.evaluation.features.embeddings import Embeddings
from ldae.evaluation.tables.downstream import evaluate_encoders, label_embeddings
from ldae.evaluation.tables.published_probes import AD_VS_CN, AGE
from ldae.evaluation.tables.tasks import TASKS, of_task
from tests.unit.evaluation.codes import make_embeddings

PROBES = ProbesConfig(c_grid=[0.01, 0.1, 1.0, 10.0], alpha_grid=[1.0, 100.0], redraws=0)
BOOTSTRAP = BootstrapConfig(draws=200, confidence=0.95)
FIELD = "3 T vs 1.5 T"
OF_NAME = {task.name: task for task in TASKS}


def scored(embeddings: Embeddings, task: str, probes: ProbesConfig = PROBES):
    table, seen = evaluate_encoders({LDAE: embeddings}, probes, BOOTSTRAP, 3)
    rows = table[(table["task"] == task) & (table["scans"].isna() | (table["scans"] == "all"))]
    return rows.set_index("metric"), seen


def test_what_is_predicted_is_no_feature():
    embeddings = make_embeddings(1.0)
    names = ("age", "field_strength=3 T", "field_strength=1.5 T", "site=007")
    known = Embeddings(np.repeat(embeddings.table[["age"]].to_numpy(), 4, 1), embeddings.table, names)
    assert of_task(known, OF_NAME[AD_VS_CN]).names == names
    assert of_task(known, OF_NAME[AGE]).names == names[1:]
    assert of_task(known, OF_NAME[FIELD]).names == ("age", "site=007")


def test_the_scanner_is_found_in_a_code_that_knows_it_and_3_tesla_is_positive():
    embeddings = make_embeddings(1.0)
    strong = (embeddings.table["field_strength"] == "3 T").to_numpy()
    assert scored(embeddings, FIELD)[0].value["roc_auc"] < 0.7
    features = embeddings.features.copy()
    features[strong, 3] += 20
    rows, seen = scored(replace(embeddings, features=features), FIELD)
    assert rows.value["roc_auc"] > 0.95 and rows.value["recall"] > 0.8
    assert rows.n_scans["recall"] == (embeddings.table["split"] == "test").sum()
    assert seen[FIELD][LDAE]["train"] == sorted(embeddings.table.loc[embeddings.table["split"] == "train", "subject"])


@pytest.mark.parametrize("side", ["train", "validation", "test"])
def test_a_side_without_one_of_the_field_strengths_is_named(side):
    embeddings = make_embeddings(1.0)
    lost = (embeddings.table["split"] == side) & (embeddings.table["field_strength"] == "1.5 T")
    rows, seen = scored(embeddings.select(~lost.to_numpy()), FIELD)
    assert rows["note"].tolist() == [
        f"not possible: expected scans of 3 T and of 1.5 T in training, validation and test, found no 1.5 T in {side}"
    ]
    assert FIELD not in seen and AD_VS_CN in seen


def test_where_patients_were_scanned_elsewhere_the_scanner_tells_the_disease():
    table = make_embeddings(0.0).table
    ill = (table["diagnosis"] == "AD").to_numpy()
    scanner = {"site": np.where(ill, "002", "003"), "phase": "ADNI2", "field_strength_t": 3.0}
    known = label_embeddings(acquisition(table.assign(**scanner)), table)
    assert scored(known, AD_VS_CN)[0].value["roc_auc"] == 1
    same = label_embeddings(acquisition(table.assign(**scanner | {"site": "002"})), table)
    assert scored(same, AD_VS_CN)[0].value["roc_auc"] == 0.5


def test_the_number_of_components_is_that_of_the_probe(scans, dataset):
    labels = dataset.assign(progression="", field_strength="", age=dataset["age"] + np.arange(len(dataset)) % 5)
    found = label_embeddings(voxel_components(scans, 4), labels)
    rows, _ = scored(found, AGE)
    assert found.features.shape[1] == 5 and rows.n_features["mae"] in (1, 2, 4)


@pytest.mark.parametrize("grid, at_edge", [([1e-4, 1e-3], True), ([1e-4, 1e-2, 1.0, 100.0], False)])
def test_a_choice_at_the_end_of_its_grid_shows(grid, at_edge):
    rows, _ = scored(make_embeddings(1.0), AD_VS_CN, PROBES.model_copy(update={"c_grid": grid}))
    assert (rows["at_edge_of_grid"] == at_edge).all()
