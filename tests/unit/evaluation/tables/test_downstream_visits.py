"""The table of probes where subjects have several scans: who is counted, drawn and redrawn."""

import numpy as np
import pandas as pd
import pytest

from ldae.config.evaluation import BootstrapConfig, ProbesConfig
from ldae.config.names import DAE, LDAE
from ldae.evaluation.features.embeddings import Embeddings
from ldae.evaluation.statistics.bootstrap import draw_weights, estimate
from ldae.evaluation.statistics.probes import fit_classifier, fit_ridge
from ldae.evaluation.statistics.scores import classification_scores, regression_scores
from ldae.evaluation.tables.downstream import evaluate_encoders, redraw_validation, select_scans
from ldae.evaluation.tables.published_probes import AD_VS_CN, AGE, PAPER
from ldae.evaluation.tables.tasks import TASKS
from tests.unit.evaluation.codes import make_embeddings

PROBES = ProbesConfig(c_grid=[0.01, 0.1, 1.0], alpha_grid=[0.1, 1.0, 10.0], redraws=0)
BOOTSTRAP = BootstrapConfig(draws=200, confidence=0.9)
SEED = 5


def visits() -> Embeddings:
    """Every third subject has a second scan and every sixth a third, which differ; every fifth lacks the baseline."""
    first, rng = make_embeddings(1.0, subjects=120), np.random.default_rng(2)
    number = np.arange(120)
    parts = [(first.features, first.table)]
    for months, chosen in ((12, number % 3 == 0), (24, number % 6 == 0)):
        features = first.features + rng.normal(scale=2, size=first.features.shape)
        later = first.table.assign(session=f"M{months:03d}", months=float(months), age=first.table["age"] + months / 12)
        parts.append((features[chosen], later[chosen]))
    table = pd.concat([table for _, table in parts])
    kept = ~((table["months"] == 0) & (table["subject"].str[1:].astype(int) % 5 == 0)).to_numpy()
    features = np.concatenate([features for features, _ in parts])
    return Embeddings(features[kept], table[kept].reset_index(drop=True), first.names)


@pytest.fixture(scope="module")
def scored():
    embeddings = visits()
    return embeddings, evaluate_encoders({LDAE: embeddings}, PROBES, BOOTSTRAP, SEED)[0]


def held_out(embeddings: Embeddings) -> Embeddings:
    return embeddings.select((embeddings.table["split"] == "test").to_numpy())


@pytest.mark.parametrize("scans", ["all", "one per subject", "baseline"])
def test_subjects_and_scans_are_those_scored_and_whole_subjects_are_drawn(scored, scans):
    embeddings, table = scored
    row = table[(table["task"] == AGE) & (table["scans"] == scans) & (table["metric"] == "mae")].iloc[0]
    age = embeddings.table["age"].to_numpy()
    probe, test = fit_ridge(embeddings, age, PROBES.alpha_grid), held_out(embeddings)
    rows = select_scans(test.table)[scans]
    people = test.table["subject"][rows]
    assert (row["n_subjects"], row["n_scans"]) == (people.nunique(), rows.sum())
    weights = draw_weights(people, BOOTSTRAP.draws, np.random.default_rng(SEED))
    statistic = regression_scores(probe.predict(test)[rows], test.table["age"].to_numpy()[rows])["mae"]
    wanted = estimate(statistic, weights, BOOTSTRAP.confidence)
    assert [row["value"], row["low"], row["high"]] == pytest.approx([wanted.value, wanted.low, wanted.high])


def test_the_fixture_tells_subjects_from_scans(scored):
    test = held_out(scored[0]).table
    sizes = {name: (test["subject"][rows].nunique(), rows.sum()) for name, rows in select_scans(test).items()}
    assert len(set(sizes.values())) == 3
    assert sizes["all"][0] < sizes["all"][1]


def test_the_classifiers_threshold_comes_from_validation_subjects(scored):
    embeddings, table = scored
    two = embeddings.select(embeddings.table["diagnosis"].isin(["AD", "CN"]).to_numpy())
    probe, test = fit_classifier(two, "AD", PROBES.c_grid), held_out(two)
    assert abs(probe.threshold - 0.5) > 0.02, "a case where one half would give other figures"
    true, chosen = (test.table["diagnosis"] == "AD").to_numpy(), table[table["task"] == AD_VS_CN]
    found = chosen[chosen["scans"] == "all"].set_index("metric")["value"]
    for name, statistic in classification_scores(probe.predict(test), true, probe.threshold).items():
        assert found[name] == pytest.approx(statistic(np.ones((1, len(true))))[0]), name


def test_a_scan_without_an_age_takes_part_where_none_is_needed():
    embeddings = make_embeddings(1.0, subjects=30)
    known = np.arange(30) % 4 > 0
    some = Embeddings(embeddings.features, embeddings.table.assign(age=embeddings.table["age"].where(known)))
    cn, ad = ((embeddings.table["diagnosis"] == name).to_numpy() for name in ("CN", "AD"))
    wanted = {AD_VS_CN: cn | ad, AGE: known, "age, CN only": known & cn}
    for task in TASKS:
        if task.name in wanted:
            np.testing.assert_array_equal(task.rows(some.table), wanted[task.name])


def test_without_a_visit_at_month_zero_there_is_no_baseline():
    test = pd.DataFrame({"subject": list("aabb"), "months": [6.0, 12.0, 3.0, np.nan]})
    assert not select_scans(test)["baseline"].any()


def test_the_seed_redraws_validation_sets():
    table = visits().table
    first, again, other = ([tuple(t["split"]) for t in redraw_validation(table, 3, seed)] for seed in (5, 5, 6))
    assert first == again != other


def test_the_published_age_errors_are_mae_below_rmse():
    for encoder in (LDAE, DAE):
        assert PAPER[encoder, AGE, "mae"] < PAPER[encoder, AGE, "rmse"]
    assert PAPER[DAE, AGE, "mae"] == 4.93


def test_progression_is_a_task_of_its_own_label():
    embeddings = make_embeddings(0.0)
    mci = (embeddings.table["diagnosis"] == "MCI").to_numpy()
    progressive = mci & (np.arange(len(mci)) % 2 == 1)
    label = np.where(progressive, "pMCI", np.where(mci, "sMCI", ""))
    features = embeddings.features.copy()
    features[progressive, 0] += 100
    told = Embeddings(features, embeddings.table.assign(progression=label))
    table, seen = evaluate_encoders({LDAE: told}, PROBES, BOOTSTRAP, SEED)
    row = table[(table.task == "pMCI vs sMCI") & (table.metric == "roc_auc") & (table.scans == "all")].iloc[0]
    assert row["value"] == 1
    assert row["n_subjects"] == (mci & (embeddings.table["split"] == "test")).sum()
    assert set(seen["pMCI vs sMCI"][LDAE]["train"]) <= set(embeddings.table["subject"][mci])
