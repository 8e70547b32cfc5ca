from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from ldae.config.evaluation import BootstrapConfig, ProbesConfig
from ldae.config.names import LDAE, SUPERVISED
from ldae.data.labels import FIELD_STRENGTH, PROGRESSION
from ldae.errors import UserError
from ldae.evaluation.features.embeddings import Embeddings, write_embeddings
from ldae.evaluation.statistics.probes import fit_classifier, fit_ridge
from ldae.evaluation.tables.downstream import (
    SCORE_COLUMNS,
    evaluate_encoders,
    redraw_validation,
    select_scans,
    write_downstream,
)
from ldae.evaluation.tables.published_probes import AD_VS_CN, AGE, PAPER
from ldae.evaluation.tables.tasks import TASKS, fit_task, of_task
from ldae.files import read_json
from tests.rules import script_rules
from tests.unit.evaluation.codes import make_embeddings

PROBES = ProbesConfig(c_grid=[0.01, 0.1, 1.0, 10.0], alpha_grid=[0.1, 1.0, 10.0, 100.0], redraws=3)
ONCE = PROBES.model_copy(update={"redraws": 0})
BOOTSTRAP = BootstrapConfig(draws=300, confidence=0.95)
SEED = 3
SUPERVISED_AD_CN, SUPERVISED_AGE = SUPERVISED["ad_cn"], SUPERVISED["age"]


def rows(table: pd.DataFrame, **wanted: str) -> pd.DataFrame:
    wanted = {"scans": "all", "encoder": LDAE} | wanted
    return table[(table[list(wanted)] == pd.Series(wanted)).all(axis=1)].set_index("metric")


def constant(embeddings: Embeddings) -> Embeddings:
    return Embeddings(np.zeros((len(embeddings.table), 1)), embeddings.table, ("nothing",))


@pytest.fixture(scope="module")
def strong():
    embeddings = make_embeddings(4.0)
    return evaluate_encoders({LDAE: embeddings, "mean": constant(embeddings)}, PROBES, BOOTSTRAP, SEED)[0]


def test_every_task_metric_and_choice_of_scans_has_a_row(strong):
    assert set(strong.task) == {task.name for task in TASKS}
    assert set(strong.scans) == {"all", "one per subject", "baseline"}
    classification = "accuracy balanced_accuracy precision recall sensitivity specificity f1 mcc roc_auc brier".split()
    assert list(rows(strong, task=AD_VS_CN).index) == classification
    assert list(rows(strong, task=AGE).index) == ["mae", "rmse", "r2", "slope"]
    assert not strong.duplicated(["encoder", "task", "scans", "metric"]).any()


def test_a_strong_signal_is_found_with_ad_positive(strong):
    found = rows(strong, task=AD_VS_CN)
    assert found.value["roc_auc"] > 0.97
    assert found.low["roc_auc"] > 0.9
    assert found.value["brier"] < 0.1
    assert ((found.low <= found.value) & (found.value <= found.high)).all()
    task = TASKS[0]
    probe = fit_task(task, of_task(make_embeddings(4.0), task), PROBES)
    assert probe.model[-1].coef_[0, 0] > 0  # more of it means AD


def test_the_others_are_compared_with_ldae_on_the_same_draws(strong):
    own, mean = rows(strong, task=AGE), rows(strong, task=AGE, encoder="mean")
    assert (own.difference == 0).all()
    assert (own.difference_high == 0).all()
    np.testing.assert_allclose(mean.difference, mean.value - own.value)
    assert mean.difference_low["mae"] > 0
    width = (mean.difference_high - mean.difference_low)["mae"]
    assert width < (mean.high - mean.low + own.high - own.low)["mae"]


def test_the_mean_explains_nothing(strong):
    age, auc = rows(strong, task=AGE, encoder="mean"), rows(strong, task=AD_VS_CN, encoder="mean")
    assert (age.n_features == 1).all()
    assert age.value["r2"] <= 0
    assert age.value["slope"] == 0
    assert auc.value["roc_auc"] == 0.5
    assert auc.value["balanced_accuracy"] == 0.5


def test_the_paper_figures_stand_with_their_encoders(strong):
    assert rows(strong, task=AGE).paper["mae"] == 4.16
    assert strong.loc[strong.encoder == "mean", "paper"].isna().all()
    assert (strong["note"] == "").all()


def test_the_published_encoders_are_those_of_the_workflow():
    assert {name for name, *_ in PAPER} <= set(script_rules()["table_downstream_paper"].params["encoders"])


def test_the_published_supervised_encoders_are_marked_as_on_another_test_set():
    embeddings = make_embeddings(1.0)
    encoders = dict.fromkeys((LDAE, SUPERVISED_AGE, SUPERVISED_AD_CN), embeddings)
    table, _ = evaluate_encoders(encoders, ONCE, BOOTSTRAP, SEED)
    age, auc = (
        rows(table, task=task, encoder=encoder)
        for task, encoder in ((AGE, SUPERVISED_AGE), (AD_VS_CN, SUPERVISED_AD_CN))
    )
    assert (age.paper["mae"], auc.paper["roc_auc"]) == (4.34, 0.9067)
    assert "another test set" in age.note["mae"]
    assert "another test set" in auc.note["roc_auc"]
    assert age.note["r2"] == ""
    assert np.isnan(age.paper["r2"])
    assert rows(table, task=AD_VS_CN, encoder=SUPERVISED_AGE).paper.isna().all()


def test_the_spread_is_over_validation_sets_and_shrinks_with_the_signal(strong):
    assert (rows(strong, task=AGE).spread > 0).all()
    weak = make_embeddings(0.3, subjects=60)
    table, _ = evaluate_encoders({LDAE: weak}, PROBES, BOOTSTRAP, SEED)
    assert rows(table, task=AGE).spread["mae"] > rows(strong, task=AGE).spread["mae"]


def test_permuted_labels_give_chance():
    aucs, slopes = [], []
    for seed in range(15):
        embeddings = make_embeddings(4.0, seed=seed)
        rng = np.random.default_rng(seed)
        table = embeddings.table.assign(
            diagnosis=rng.permutation(embeddings.table["diagnosis"]), age=rng.permutation(embeddings.table["age"])
        )
        shuffled = Embeddings(embeddings.features, table, embeddings.names)
        scores, _ = evaluate_encoders({LDAE: shuffled}, ONCE, BOOTSTRAP, SEED)
        aucs.append(rows(scores, task=AD_VS_CN).value["roc_auc"])
        slopes.append(rows(scores, task=AGE).value["slope"])
    assert abs(np.mean(aucs) - 0.5) < 0.06
    assert abs(np.mean(slopes)) < 0.05


def test_redrawn_validation_sets_keep_test_subjects_and_whole_subjects():
    table = make_embeddings(1.0, subjects=50).table
    table = pd.concat([table, table.assign(session="M012", months=12.0)], ignore_index=True)
    size = table.loc[table.split == "validation", "subject"].nunique()
    drawn = list(redraw_validation(table, 5, SEED))
    assert len(drawn) == 5
    for other in drawn:
        pd.testing.assert_series_equal(other.split == "test", table.split == "test")
        assert other.groupby("subject").split.nunique().max() == 1
        assert abs(other.loc[other.split == "validation", "subject"].nunique() - size) <= 1
    assert len({tuple(other.split) for other in drawn}) == 5


def test_the_three_choices_of_scans():
    test = pd.DataFrame({"subject": list("aabbc"), "months": [0, 12, 6, 18, 0]})
    chosen = select_scans(test)
    assert chosen["all"].all()
    assert test["subject"][chosen["one per subject"]].tolist() == ["a", "b", "c"]
    assert test["months"][chosen["baseline"]].tolist() == [0, 0]


def test_one_scan_per_subject_is_any_of_its_scans_and_baseline_is_month_zero():
    test = pd.DataFrame({"subject": np.repeat([f"S{i:02d}" for i in range(30)], 3), "months": [0, 12, 24] * 30})
    chosen = select_scans(test)
    assert not test["subject"][chosen["one per subject"]].duplicated().any()
    assert set(test["months"][chosen["one per subject"]]) == {0, 12, 24}
    assert (test["months"][chosen["baseline"]] == 0).all()


def test_scores_are_those_of_the_test_scans_by_the_probe_of_the_others():
    """Every figure of one encoder, by hand: fitted to training scans, chosen on validation scans."""
    embeddings = make_embeddings(1.0)
    table, split = embeddings.table, embeddings.table["split"].to_numpy()
    scores, _ = evaluate_encoders({LDAE: embeddings}, ONCE, BOOTSTRAP, SEED)
    found = rows(scores, task=AGE)
    age, probe = table["age"].to_numpy(), fit_ridge(embeddings, table["age"].to_numpy(), ONCE.alpha_grid)
    error = np.abs(probe.predict(embeddings) - age)
    assert found.value["mae"] == pytest.approx(error[split == "test"].mean())
    assert found.n_scans["mae"] == (split == "test").sum()
    assert found.n_features["mae"] == 8
    cn = rows(scores, task="age, CN only")
    healthy = embeddings.select((table["diagnosis"] == "CN").to_numpy())
    other = fit_ridge(healthy, healthy.table["age"].to_numpy(), ONCE.alpha_grid)
    held = (healthy.table["split"] == "test").to_numpy()
    expected = np.abs(other.predict(healthy) - healthy.table["age"])[held].mean()
    assert cn.value["mae"] == pytest.approx(expected)


@pytest.mark.parametrize("task, positive, negative", [(0, "AD", "CN"), (1, "MCI", "CN"), (2, "AD", "MCI")])
def test_the_worse_diagnosis_is_the_positive_one_and_the_threshold_is_the_probes(task, positive, negative):
    embeddings = make_embeddings(1.0)
    scores, _ = evaluate_encoders({LDAE: embeddings}, ONCE, BOOTSTRAP, SEED)
    pair = embeddings.select(embeddings.table["diagnosis"].isin([positive, negative]).to_numpy())
    probe = fit_classifier(pair, positive, ONCE.c_grid)
    test = pair.select((pair.table["split"] == "test").to_numpy())
    called, true = probe.predict(test) >= probe.threshold, (test.table["diagnosis"] == positive).to_numpy()
    found = rows(scores, task=TASKS[task].name)
    assert found.value["recall"] == pytest.approx(called[true].mean())
    assert found.value["specificity"] == pytest.approx((~called)[~true].mean())


def test_the_spread_is_the_standard_deviation_over_the_redrawn_sets():
    embeddings = make_embeddings(0.5, subjects=90)
    scores, _ = evaluate_encoders({LDAE: embeddings}, PROBES, BOOTSTRAP, SEED)
    test, errors, squared = (embeddings.table["split"] == "test").to_numpy(), [], []
    for table in redraw_validation(embeddings.table, PROBES.redraws, SEED):
        redrawn = Embeddings(embeddings.features, table, embeddings.names)
        predicted = fit_ridge(redrawn, table["age"].to_numpy(), PROBES.alpha_grid).predict(embeddings)
        errors.append(np.abs(predicted - table["age"])[test].mean())
        squared.append(((predicted - table["age"])[test] ** 2).mean())
    spread = rows(scores, task=AGE).spread
    assert spread["mae"] == pytest.approx(np.std(errors, ddof=1))
    assert spread["rmse"] == pytest.approx(np.std(np.sqrt(squared), ddof=1))


def test_the_seed_draws_subjects_and_redraws():
    embeddings = make_embeddings(1.0, subjects=90)
    first, second = (evaluate_encoders({LDAE: embeddings}, PROBES, BOOTSTRAP, seed)[0] for seed in (3, 4))
    assert first["value"].equals(second["value"])
    for column in ("low", "high", "spread"):
        assert not first[column].equals(second[column])


def test_a_torn_subject_stops_and_is_no_row_with_a_note():
    embeddings = make_embeddings(1.0)
    table = embeddings.table.assign(subject=embeddings.table["subject"].mask(embeddings.table.index < 9, "S000"))
    with pytest.raises(UserError, match="S000"):
        evaluate_encoders({LDAE: Embeddings(embeddings.features, table)}, ONCE, BOOTSTRAP, SEED)


def test_what_is_written_is_read_with_the_labels_of_the_dataset(tmp_path):
    """A corrected diagnosis reaches the probes though the features are as they were."""
    embeddings = make_embeddings(2.0, subjects=60)
    dataset = embeddings.table.assign(path="scan.nii.gz", field_strength_t=2.894)
    write_embeddings(tmp_path / "ldae.npz", embeddings)
    write_embeddings(tmp_path / "mean.npz", constant(embeddings))
    files = {LDAE: tmp_path / "ldae.npz", "training mean": tmp_path / "mean.npz"}
    outputs = {name: tmp_path / f"{name}.out" for name in ("table", "subjects")}
    corrected = dataset.assign(diagnosis=dataset["diagnosis"].replace({"AD": "CN", "CN": "AD"}))
    age_errors = []
    for labels in (dataset, corrected.sample(frac=1, random_state=2)):
        labels.to_csv(tmp_path / "dataset.csv", index=False)
        told = {"progression_months": 36, "cohort": "adni"}
        write_downstream(tmp_path / "dataset.csv", files, ONCE, BOOTSTRAP, SEED, **told, **outputs)
        table = pd.read_csv(outputs["table"])
        assert set(table["cohort"]) == {"adni"}
        assert set(table["encoder"].dropna()) == set(files)
        assert "no 1.5 T in train" in table.loc[table["task"] == "3 T vs 1.5 T", "note"].item()
        seen = read_json(outputs["subjects"])[AD_VS_CN][LDAE]
        two = dataset[dataset["diagnosis"] != "MCI"]
        assert seen["train"] == sorted(two.loc[two["split"] == "train", "subject"])
        told = table[(table["encoder"] == LDAE) & (table["task"] == "age, CN only") & (table["metric"] == "mae")]
        age_errors.append(told["value"].iloc[0])
    assert age_errors[0] != age_errors[1]


def test_a_task_without_a_diagnosis_is_a_row_that_says_so():
    embeddings = make_embeddings(1.0)
    no_mci = embeddings.select((embeddings.table["diagnosis"] != "MCI").to_numpy())
    table, seen = evaluate_encoders({LDAE: no_mci}, PROBES, BOOTSTRAP, SEED)
    assert "0 MCI" in table.loc[table.task == "MCI vs CN", "note"].item()
    assert (table.loc[table.task == AD_VS_CN, "note"] == "").all()
    assert "MCI vs CN" not in seen


def test_whom_each_probe_saw_is_told():
    table = make_embeddings(1.0).table
    _, seen = evaluate_encoders({LDAE: make_embeddings(1.0)}, PROBES, BOOTSTRAP, SEED)
    two = table[table.diagnosis.isin(["AD", "CN"])]
    assert set(seen) == {task.name for task in TASKS}
    for split in ("train", "validation"):
        assert seen[AD_VS_CN][LDAE][split] == sorted(two.loc[two.split == split, "subject"])


def test_encoders_of_different_scans_are_refused():
    embeddings = make_embeddings(1.0)
    fewer = embeddings.select(np.arange(len(embeddings.table)) > 0)
    with pytest.raises(UserError, match="same scans"):
        evaluate_encoders({LDAE: embeddings, "other": fewer}, PROBES, BOOTSTRAP, SEED)


def test_no_test_scan_of_a_class_gives_empty_cells_not_chance():
    embeddings = make_embeddings(1.0)
    lost = (embeddings.table["split"] == "test") & (embeddings.table["diagnosis"] == "AD")
    table, _ = evaluate_encoders({LDAE: embeddings.select(~lost.to_numpy())}, PROBES, BOOTSTRAP, SEED)
    assert np.isnan(rows(table, task=AD_VS_CN).value["roc_auc"])


def test_a_cohort_without_any_label_has_every_column():
    embeddings = make_embeddings(1.0)
    blank = embeddings.table.assign(diagnosis="", age=np.nan, **{PROGRESSION: "", FIELD_STRENGTH: ""})
    table, seen = evaluate_encoders({LDAE: replace(embeddings, table=blank)}, PROBES, BOOTSTRAP, SEED)
    assert tuple(table.columns) == SCORE_COLUMNS
    assert table["note"].str.startswith("not possible").all() and len(table) == len(TASKS)
    assert seen == {}
