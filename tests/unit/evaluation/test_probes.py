import numpy as np
import pandas as pd
import pytest
from scipy.optimize import minimize
from sklearn.linear_model import Ridge

from ldae.errors import UserError
from ldae.evaluation.embeddings import Embeddings
from ldae.evaluation.probes import AD_VS_CN, PAPER, evaluate_ad_cn, evaluate_age, fit_ad_cn, fit_ridge, probe_summary

GRID = [0.01, 0.1, 1.0, 10.0]
DRAWS = (500, 0.95, 0)


def make_embeddings(signal: float, subjects: int = 240, dim: int = 8, seed: int = 0) -> Embeddings:
    """Codes whose first entry tells AD from CN and whose second tells age, as strongly as `signal`."""
    rng = np.random.default_rng(seed)
    diagnosis = np.array(["CN", "AD", "MCI"])[np.arange(subjects) % 3]
    age = 60 + 30 * rng.random(subjects)
    y_sem = rng.normal(size=(subjects, dim))
    y_sem[:, 0] += signal * (diagnosis == "AD")
    y_sem[:, 1] += signal * (age - 75) / 9
    split = np.array(["train"] * 5 + ["validation"] * 2 + ["test"] * 3)[rng.permutation(subjects) % 10]
    names = [f"S{i:03d}" for i in range(subjects)]
    table = pd.DataFrame({"subject": names, "session": "M000", "diagnosis": diagnosis, "age": age, "split": split})
    return Embeddings((100 + 5 * y_sem).astype(np.float32), table)


def rows_by_metric(rows: list[dict], encoder: str = "LDAE") -> dict[str, dict]:
    return {row["metric"]: row for row in rows if row["encoder"] == encoder}


def test_a_strong_signal_is_found_with_ad_positive():
    rows, probe = evaluate_ad_cn(make_embeddings(4.0), GRID, *DRAWS)
    found = rows_by_metric(rows)
    assert set(found) == {"accuracy", "balanced_accuracy", "precision", "recall", "f1", "roc_auc"}
    assert found["roc_auc"]["value"] > 0.97 and found["roc_auc"]["low"] > 0.9
    assert probe.model[-1].coef_[0, 0] > 0  # more of it means AD
    for row in rows:
        assert row["low"] <= row["value"] <= row["high"]
    assert {row["n_subjects"] for row in rows} == {
        (make_embeddings(4.0).table.query("split == 'test'").diagnosis != "MCI").sum()
    }


def test_recall_is_that_of_ad():
    """With CN drowning AD, a cautious probe misses AD: recall falls, specificity does not."""
    embeddings = make_embeddings(0.8)
    rows = rows_by_metric(evaluate_ad_cn(embeddings, [1.0], *DRAWS)[0])
    probe = fit_ad_cn(embeddings.select(embeddings.table["diagnosis"].isin(["AD", "CN"]).to_numpy()), [1.0])
    ad = embeddings.select(((embeddings.table["diagnosis"] == "AD") & (embeddings.table["split"] == "test")).to_numpy())
    assert rows["recall"]["value"] == pytest.approx(probe.model.predict(ad.y_sem).mean())


def test_permuted_labels_give_chance():
    aucs = []
    for seed in range(20):
        embeddings = make_embeddings(4.0, seed=seed)
        shuffled = np.random.default_rng(seed).permutation(embeddings.table["diagnosis"])
        permuted = Embeddings(embeddings.y_sem, embeddings.table.assign(diagnosis=shuffled))
        aucs.append(rows_by_metric(evaluate_ad_cn(permuted, GRID, 100, 0.95, 0)[0])["roc_auc"]["value"])
    assert abs(np.mean(aucs) - 0.5) < 0.06


def test_age_beats_the_mean_only_with_signal():
    for signal, better in ((4.0, True), (0.0, False)):
        rows = evaluate_age(make_embeddings(signal), GRID, *DRAWS)
        ours, mean = rows_by_metric(rows), rows_by_metric(rows, "mean")
        assert (ours["mae"]["value"] < 0.5 * mean["mae"]["value"]) == better
        assert mean["r2"]["value"] <= 0
        assert ours["mae"]["paper"] == 4.16 and np.isnan(mean["mae"]["paper"])


def test_the_logistic_probe_agrees_with_a_direct_minimisation():
    embeddings = make_embeddings(1.0)
    embeddings = embeddings.select(embeddings.table["diagnosis"].isin(["AD", "CN"]).to_numpy())
    probe, train = fit_ad_cn(embeddings, [0.5]), (embeddings.table["split"] == "train").to_numpy()
    x = embeddings.y_sem[train].astype(float)
    x = (x - x.mean(0)) / x.std(0)
    sign = np.where(embeddings.table["diagnosis"][train] == "AD", 1, -1)

    def loss(w):
        return np.logaddexp(0, -sign * (x @ w[:-1] + w[-1])).sum() + w[:-1] @ w[:-1] / (2 * 0.5)

    ours = [*probe.model[-1].coef_[0], probe.model[-1].intercept_[0]]
    np.testing.assert_allclose(ours, minimize(loss, np.zeros(x.shape[1] + 1), tol=1e-10).x, atol=2e-3)


def test_the_ridge_probe_agrees_with_the_normal_equations():
    embeddings = make_embeddings(1.0)
    age, train = embeddings.table["age"].to_numpy(), (embeddings.table["split"] == "train").to_numpy()
    x = embeddings.y_sem.astype(float)
    x = (x - x[train].mean(0)) / x[train].std(0)
    centred = age[train] - age[train].mean()
    weights = np.linalg.solve(x[train].T @ x[train] + 10 * np.eye(x.shape[1]), x[train].T @ centred)
    predicted = fit_ridge(embeddings, age, [10.0]).model.predict(embeddings.y_sem)
    np.testing.assert_allclose(predicted, x @ weights + age[train].mean(), rtol=1e-5)


def test_test_scans_have_no_say():
    """Garbage in the test scans' codes and labels changes neither scaler, weights nor the chosen regularisation."""
    embeddings = make_embeddings(1.0)
    test = (embeddings.table["split"] == "test").to_numpy()
    y_sem = np.where(test[:, None], 1e6, embeddings.y_sem)
    age = embeddings.table["age"].to_numpy()
    first = fit_ridge(embeddings, age, GRID)
    second = fit_ridge(Embeddings(y_sem, embeddings.table), np.where(test, 0, age), GRID)
    np.testing.assert_array_equal(first.model[-1].coef_, second.model[-1].coef_)
    np.testing.assert_array_equal(first.model[0].mean_, second.model[0].mean_)
    assert first.regularisation == second.regularisation


def test_the_regularisation_is_the_best_on_validation_subjects():
    embeddings = make_embeddings(0.3, dim=40)
    age, split = embeddings.table["age"].to_numpy(), embeddings.table["split"].to_numpy()
    train, validation = split == "train", split == "validation"
    x = (embeddings.y_sem - embeddings.y_sem[train].mean(0)) / embeddings.y_sem[train].std(0)
    grid = [0.1, 10.0, 1000.0, 1e5]
    errors = [
        np.abs(Ridge(alpha=a).fit(x[train], age[train]).predict(x[validation]) - age[validation]).mean() for a in grid
    ]
    assert fit_ridge(embeddings, age, grid).regularisation == grid[int(np.argmin(errors))]


@pytest.mark.parametrize("split", ["train", "validation"])
def test_a_planted_leak_is_refused(split):
    embeddings = make_embeddings(1.0)
    test_subject = embeddings.table.loc[embeddings.table["split"] == "test", "subject"].iloc[0]
    planted = embeddings.table["subject"].mask((embeddings.table["split"] == split).cumsum() == 1, test_subject)
    leaking = Embeddings(embeddings.y_sem, embeddings.table.assign(subject=planted))
    with pytest.raises(ValueError, match=test_subject):
        fit_ridge(leaking, embeddings.table["age"], GRID)


def test_too_few_subjects_are_said():
    embeddings = make_embeddings(1.0)
    no_ad = embeddings.select((embeddings.table["diagnosis"] != "AD").to_numpy())
    with pytest.raises(UserError, match="0 AD"):
        evaluate_ad_cn(no_ad, GRID, *DRAWS)
    no_validation = embeddings.select((embeddings.table["split"] != "validation").to_numpy())
    with pytest.raises(UserError, match="validation scans"):
        evaluate_age(no_validation, GRID, *DRAWS)
    assert evaluate_age(no_validation, [1.0], *DRAWS)


def test_no_test_scan_of_a_class_gives_empty_cells_not_chance():
    embeddings = make_embeddings(1.0)
    table = embeddings.table
    kept = embeddings.select(~((table["split"] == "test") & (table["diagnosis"] == "AD")).to_numpy())
    assert np.isnan(rows_by_metric(evaluate_ad_cn(kept, GRID, *DRAWS)[0])["roc_auc"]["value"])


def test_the_summary_reproduces_the_probe():
    embeddings = make_embeddings(1.0)
    _, probe = evaluate_ad_cn(embeddings, GRID, *DRAWS)
    summary = probe_summary(probe, embeddings)
    normed = (embeddings.y_sem - np.array(summary["scaler_mean"])) / np.array(summary["scaler_scale"])
    log_odds = normed @ np.array(summary["weights"]) + summary["intercept"]
    np.testing.assert_allclose(
        1 / (1 + np.exp(-log_odds)), probe.model.predict_proba(embeddings.y_sem)[:, 1], rtol=1e-5
    )


def test_the_paper_figures_are_the_published_ones_seen_from_ad():
    """accuracy .8365, precision .8469 and recall .9102 of CN fix the share of CN, and with it AD's own figures."""
    recall_cn, precision_cn, accuracy = 0.9102, 0.8469, 0.8365
    false_cn = recall_cn * (1 / precision_cn - 1)  # AD called CN, per CN scan
    cn = (1 - accuracy) / (1 - recall_cn + false_cn)
    ad_found, ad_missed, cn_missed = 1 - cn - false_cn * cn, false_cn * cn, (1 - recall_cn) * cn
    recall, precision = ad_found / (ad_found + ad_missed), ad_found / (ad_found + cn_missed)
    assert PAPER[AD_VS_CN, "recall"] == pytest.approx(recall, abs=0.002)
    assert PAPER[AD_VS_CN, "precision"] == pytest.approx(precision, abs=0.002)
    assert PAPER[AD_VS_CN, "f1"] == pytest.approx(2 * precision * recall / (precision + recall), abs=0.002)
    assert PAPER[AD_VS_CN, "balanced_accuracy"] == pytest.approx((recall + recall_cn) / 2, abs=0.002)
