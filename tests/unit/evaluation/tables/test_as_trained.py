"""Probes that were fitted to another cohort: scored as they are, and listed as what they are."""

import numpy as np
import pandas as pd
import pytest

from ldae.config.evaluation import BootstrapConfig, ProbesConfig
from ldae.config.names import AS_TRAINED, LDAE
from ldae.errors import UserError
from ldae.evaluation.statistics.probes import fit_classifier, fit_ridge
from ldae.evaluation.tables.downstream import evaluate_encoders
from ldae.evaluation.tables.leakage import ELSEWHERE, NOT_NAMED, read_fitted, tabulate_leakage
from ldae.evaluation.tables.predictions import fit_probes
from ldae.evaluation.tables.published_probes import AD_VS_CN, AGE
from ldae.files import write_json
from tests.unit.evaluation.codes import make_embeddings

PROBES = ProbesConfig(c_grid=[0.1, 1.0], alpha_grid=[1.0, 10.0], redraws=2)
BOOTSTRAP = BootstrapConfig(draws=200, confidence=0.9)


def of(table, encoder, task):
    rows = table[(table.encoder == encoder) & (table.task == task) & (table.scans == "all")]
    return rows.set_index("metric")


@pytest.fixture(scope="module")
def scored():
    here, there = make_embeddings(1.0, seed=7), make_embeddings(1.0, seed=8)
    stored = fit_probes(there, PROBES)
    table, seen = evaluate_encoders({LDAE: here}, PROBES, BOOTSTRAP, 3, stored.values())
    return here, there, stored, table, seen


def test_the_age_is_said_by_the_other_cohorts_probe(scored):
    here, there, _, table, _ = scored
    probe = fit_ridge(there, there.table["age"].to_numpy(), PROBES.alpha_grid)
    test = (here.table["split"] == "test").to_numpy()
    error = np.abs(probe.predict(here) - here.table["age"])[test].mean()
    assert of(table, AS_TRAINED, AGE).value["mae"] == pytest.approx(error)
    assert error != pytest.approx(of(table, LDAE, AGE).value["mae"])


def test_the_diagnosis_is_called_at_the_other_cohorts_threshold(scored):
    here, there, stored, table, _ = scored
    two = [part.select(part.table["diagnosis"].isin(["AD", "CN"]).to_numpy()) for part in (here, there)]
    probe = fit_classifier(two[1], "AD", PROBES.c_grid)
    test = two[0].select((two[0].table["split"] == "test").to_numpy())
    called, true = probe.predict(test) >= probe.threshold, (test.table["diagnosis"] == "AD").to_numpy()
    found = of(table, AS_TRAINED, AD_VS_CN)
    assert stored["ad_cn"].threshold != 0.5
    assert found.value["recall"] == pytest.approx(called[true].mean())
    assert found.value["specificity"] == pytest.approx((~called)[~true].mean())


def test_they_are_compared_with_the_refitted_ones_and_have_no_spread(scored):
    table = scored[3]
    for task in (AD_VS_CN, AGE):
        trained, own = of(table, AS_TRAINED, task), of(table, LDAE, task)
        np.testing.assert_allclose(trained.difference, trained.value - own.value)
        assert trained.spread.isna().all() and own.spread.notna().all()
        assert (trained.n_scans == own.n_scans).all() and (trained.n_features == own.n_features).all()
        assert trained.low.notna().all() and trained.paper.isna().all()


def test_only_the_tasks_of_the_probes_have_such_rows_and_nobody_is_seen_by_them(scored):
    table, seen = scored[3:]
    assert set(table.loc[table.encoder == AS_TRAINED, "task"]) == {AD_VS_CN, AGE}
    assert all(set(encoders) == {LDAE} for encoders in seen.values())


@pytest.fixture
def files(tmp_path):
    """Write what the leakage table reads, and give its arguments."""

    def write(record):
        write_json(tmp_path / "ldm.json", record)
        write_json(tmp_path / "trained.json", {"age": record})
        write_json(tmp_path / "own.json", {"age": {"LDAE": {"train": ["a"], "validation": []}}})
        return [tmp_path / "ldm.safetensors"], [], tmp_path / "own.json", [tmp_path / "trained.json"]

    return write


@pytest.fixture
def scans():
    return pd.DataFrame({"subject": list("abd"), "split": ["train", "train", "test"]})


def test_what_was_fitted_elsewhere_saw_nobody_of_this_cohort(files, scans):
    table = tabulate_leakage(read_fitted(*files({"subjects": {"train": list("xyz"), "validation": ["w"]}})), scans)
    assert table.fitted_thing.tolist() == ["ldm", f"probe age, {AS_TRAINED}", "probe age, LDAE"]
    assert table.training_subjects.tolist() == [3, 3, 1] and table.validation_subjects.tolist() == [1, 1, 0]
    assert table.of_other_datasets.tolist() == [4, 4, 0]
    assert (table.test_subjects == 0).all()
    assert table.note.tolist() == [ELSEWHERE, ELSEWHERE, ""]


@pytest.mark.parametrize("subject", ["a", "d"])
def test_a_subject_of_this_cohort_on_any_side_stops(files, scans, subject):
    with pytest.raises(UserError, match=f"no subject of this cohort[^\n]*\n[^\n]*such as {subject}"):
        tabulate_leakage(read_fitted(*files({"subjects": {"train": [subject], "validation": ["w"]}})), scans)


def test_where_nobody_is_named_nothing_is_counted_as_none(files, scans, tmp_path):
    table = tabulate_leakage(read_fitted(*files({"subject_counts": {"train": 6, "validation": 3}})), scans)
    elsewhere = table[table.note == NOT_NAMED]
    assert len(elsewhere) == 2
    assert elsewhere.test_subjects.isna().all() and elsewhere.of_other_datasets.isna().all()
    assert elsewhere.training_subjects.tolist() == [6, 6]
    table.to_csv(tmp_path / "t.csv", index=False)
    assert ",6,3,,,," in (tmp_path / "t.csv").read_text()
