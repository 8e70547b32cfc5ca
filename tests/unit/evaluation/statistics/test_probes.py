import numpy as np
import pytest
from scipy.optimize import minimize
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.metrics import log_loss, mean_absolute_error

from ldae.errors import UserError
from ldae.evaluation.features.embeddings import Embeddings
from ldae.evaluation.statistics.probes import OneScale, choose_threshold, fit_classifier, fit_ridge, is_at_edge
from tests.unit.evaluation.codes import make_embeddings

GRID = [0.01, 0.1, 1.0, 10.0]


def two_classes(embeddings: Embeddings) -> Embeddings:
    """Without MCI."""
    return embeddings.select(embeddings.table["diagnosis"].isin(["AD", "CN"]).to_numpy())


def test_the_logistic_probe_agrees_with_a_direct_minimisation():
    embeddings = make_embeddings(1.0)
    embeddings = two_classes(embeddings)
    probe, train = fit_classifier(embeddings, "AD", [0.5]), (embeddings.table["split"] == "train").to_numpy()
    x = embeddings.features[train].astype(float)
    x = (x - x.mean(0)) / x.std(0)
    sign = np.where(embeddings.table["diagnosis"][train] == "AD", 1, -1)

    def loss(w):
        return np.logaddexp(0, -sign * (x @ w[:-1] + w[-1])).sum() + w[:-1] @ w[:-1] / (2 * 0.5)

    ours = [*probe.model[-1].coef_[0], probe.model[-1].intercept_[0]]
    np.testing.assert_allclose(ours, minimize(loss, np.zeros(x.shape[1] + 1), tol=1e-10).x, atol=2e-3)


def test_the_ridge_probe_agrees_with_the_normal_equations():
    embeddings = make_embeddings(1.0)
    age, train = embeddings.table["age"].to_numpy(), (embeddings.table["split"] == "train").to_numpy()
    x = embeddings.features.astype(float)
    x = (x - x[train].mean(0)) / x[train].std(0)
    centred = age[train] - age[train].mean()
    weights = np.linalg.solve(x[train].T @ x[train] + 10 * np.eye(x.shape[1]), x[train].T @ centred)
    predicted = fit_ridge(embeddings, age, [10.0]).predict(embeddings)
    np.testing.assert_allclose(predicted, x @ weights + age[train].mean(), rtol=1e-5)


def test_test_scans_have_no_say():
    """Garbage in the test scans' codes and labels changes neither scaler, weights nor the chosen regularisation."""
    embeddings = make_embeddings(1.0)
    test = (embeddings.table["split"] == "test").to_numpy()
    y_sem = np.where(test[:, None], 1e6, embeddings.features)
    age = embeddings.table["age"].to_numpy()
    first = fit_ridge(embeddings, age, GRID)
    second = fit_ridge(Embeddings(y_sem, embeddings.table), np.where(test, 0, age), GRID)
    np.testing.assert_array_equal(first.model[-1].coef_, second.model[-1].coef_)
    np.testing.assert_array_equal(first.model[1].mean_, second.model[1].mean_)
    assert first.regularisation == second.regularisation


@pytest.mark.parametrize("kind", ["ridge", "classifier"])
def test_validation_scans_choose_but_are_not_fitted_to(kind):
    """With a single value nothing is left to choose: strange validation scans change neither imputer, scaler, model."""
    embeddings = two_classes(make_embeddings(1.0))
    validation = (embeddings.table["split"] == "validation").to_numpy()
    features = embeddings.features.astype(float)
    features[::7, 3] = np.nan
    strange = np.where(validation[:, None], 50 + 9 * features[:, ::-1], features)
    age = embeddings.table["age"].to_numpy()
    probes = []
    for values in (features, strange):
        made = Embeddings(values, embeddings.table)
        probes.append(fit_ridge(made, age, [5.0]) if kind == "ridge" else fit_classifier(made, "AD", [0.2]))
    (imputer, scaler, model), (imputer_2, scaler_2, model_2) = (probe.model for probe in probes)
    np.testing.assert_array_equal(imputer.statistics_, imputer_2.statistics_)
    np.testing.assert_array_equal(scaler.mean_, scaler_2.mean_)
    np.testing.assert_array_equal(model.coef_, model_2.coef_)
    assert probes[0].regularisation == probes[1].regularisation == (5.0 if kind == "ridge" else 0.2)


def test_the_strength_of_the_classifier_has_the_lowest_log_loss_on_validation_subjects():
    embeddings = two_classes(make_embeddings(2.0, dim=30))
    train, validation = ((embeddings.table["split"] == split).to_numpy() for split in ("train", "validation"))
    x = (embeddings.features - embeddings.features[train].mean(0)) / embeddings.features[train].std(0)
    positive = (embeddings.table["diagnosis"] == "AD").to_numpy()
    grid, losses = [0.0005, 0.01, 0.3, 1000.0], []
    for c in grid:
        model = LogisticRegression(C=c, max_iter=10_000).fit(x[train], positive[train])
        losses.append(log_loss(positive[validation], model.predict_proba(x[validation])[:, 1]))
    best = int(np.argmin(losses))
    assert 0 < best < 3, "a case whose best value is no end of the grid"
    probe = fit_classifier(embeddings, "AD", grid)
    assert probe.regularisation == grid[best]
    assert set(probe.subjects["train"]) == set(embeddings.table["subject"][train])
    assert set(probe.subjects["validation"]) == set(embeddings.table["subject"][validation])


def test_a_higher_score_means_the_positive_class():
    embeddings = two_classes(make_embeddings(4.0))
    diseased = (embeddings.table["diagnosis"] == "AD").to_numpy()
    for positive, expected in (("AD", diseased), ("CN", ~diseased)):
        probability = fit_classifier(embeddings, positive, [1.0]).predict(embeddings)
        assert probability[expected].mean() > 0.8
        assert probability[~expected].mean() < 0.2


def test_of_equal_thresholds_the_nearest_to_one_half_is_taken():
    probability = np.array([0.1, 0.2, 0.6, 0.95])
    positive = np.array([False, False, True, True])
    assert choose_threshold(probability, positive) == 0.5  # 0.4 separates them as well
    assert choose_threshold(np.array([0.1, 0.3, 0.35, 0.45]), positive) == pytest.approx(0.325)
    uneven = np.array([False, True, True, True, False, False])
    assert choose_threshold(np.array([0.1, 0.2, 0.3, 0.4, 0.45, 0.8]), uneven) == pytest.approx(0.15)


def test_the_regularisation_has_the_least_absolute_error_on_validation_subjects():
    """A few ages far off would have the squared error choose another one."""
    embeddings = make_embeddings(0.3, dim=40)
    age, split = embeddings.table["age"].to_numpy(copy=True), embeddings.table["split"].to_numpy()
    train, validation = split == "train", split == "validation"
    odd = np.flatnonzero(validation)[::6]
    age[odd] += 100 * np.sign(age[odd] - 75)
    x = (embeddings.features - embeddings.features[train].mean(0)) / embeddings.features[train].std(0)
    grid = [0.1, 10.0, 1000.0, 1e5]
    errors = [Ridge(alpha=a).fit(x[train], age[train]).predict(x[validation]) - age[validation] for a in grid]
    best = int(np.argmin([np.abs(error).mean() for error in errors]))
    assert best != int(np.argmin([(error**2).mean() for error in errors]))
    assert fit_ridge(embeddings, age, grid).regularisation == grid[best]


@pytest.mark.parametrize("split", ["train", "validation"])
def test_a_planted_leak_is_refused(split):
    embeddings = make_embeddings(1.0)
    test_subject = embeddings.table.loc[embeddings.table["split"] == "test", "subject"].iloc[0]
    planted = embeddings.table["subject"].mask((embeddings.table["split"] == split).cumsum() == 1, test_subject)
    leaking = Embeddings(embeddings.features, embeddings.table.assign(subject=planted))
    with pytest.raises(UserError, match=test_subject):
        fit_ridge(leaking, embeddings.table["age"], GRID)


@pytest.mark.parametrize("split", ["train", "validation"])
def test_a_planted_leak_stops_the_classifier(split):
    embeddings = two_classes(make_embeddings(1.0))
    test_subject = embeddings.table.loc[embeddings.table["split"] == "test", "subject"].iloc[0]
    planted = embeddings.table["subject"].mask((embeddings.table["split"] == split).cumsum() == 1, test_subject)
    leaking = Embeddings(embeddings.features, embeddings.table.assign(subject=planted))
    with pytest.raises(UserError, match=test_subject):
        fit_classifier(leaking, "AD", GRID)


def test_the_threshold_is_that_of_validation_subjects_alone():
    embeddings = two_classes(make_embeddings(1.0))
    chosen = fit_classifier(embeddings, "AD", [1.0])
    outside = (embeddings.table["split"] != "validation").to_numpy()
    held = embeddings.select(~outside)
    assert chosen.threshold == choose_threshold(chosen.predict(held), (held.table["diagnosis"] == "AD").to_numpy())
    swapped = embeddings.table["diagnosis"].mask(embeddings.table["split"] == "test", "CN")
    again = fit_classifier(Embeddings(embeddings.features, embeddings.table.assign(diagnosis=swapped)), "AD", [1.0])
    assert again.threshold == chosen.threshold


def test_the_threshold_separates_what_can_be_separated():
    probability, positive = np.array([0.9, 0.8, 0.7, 0.2]), np.array([True, True, False, False])
    assert choose_threshold(probability, positive) == pytest.approx(0.75)
    assert choose_threshold(probability, np.ones(4, bool)) == 0.5
    assert choose_threshold(np.empty(0), np.empty(0, bool)) == 0.5


def test_a_missing_feature_takes_the_training_mean():
    embeddings = make_embeddings(1.0)
    age = embeddings.table["age"].to_numpy()
    features = embeddings.features.astype(float)
    test, train = ((embeddings.table["split"] == split).to_numpy() for split in ("test", "train"))
    features[test, 0] = np.nan
    filled = np.where(np.isnan(features), features[train].mean(0), features)
    probe = fit_ridge(Embeddings(features, embeddings.table), age, [1.0])
    np.testing.assert_allclose(
        probe.predict(Embeddings(features, embeddings.table)), probe.predict(Embeddings(filled, embeddings.table))
    )


def test_too_few_subjects_are_said():
    embeddings = make_embeddings(1.0)
    no_ad = embeddings.select((embeddings.table["diagnosis"] != "AD").to_numpy())
    with pytest.raises(UserError, match="0 AD"):
        fit_classifier(no_ad, "AD", GRID)
    only_ad = embeddings.select((embeddings.table["diagnosis"] == "AD").to_numpy())
    with pytest.raises(UserError, match="0 other"):
        fit_classifier(only_ad, "AD", GRID)
    no_validation = embeddings.select((embeddings.table["split"] != "validation").to_numpy())
    with pytest.raises(UserError, match="validation scans"):
        fit_ridge(no_validation, no_validation.table["age"], GRID)
    assert fit_ridge(no_validation, no_validation.table["age"], [1.0])


def test_one_scale_keeps_the_ratios_of_the_variances():
    rng = np.random.default_rng(3)
    features = rng.normal(size=(50, 4)) * [100.0, 10.0, 1.0, 0.01] + 7
    scaled = OneScale().fit(features).transform(features)
    np.testing.assert_allclose(scaled.mean(0), 0, atol=1e-9)
    np.testing.assert_allclose(scaled.std(0) / scaled.std(0)[0], features.std(0) / features.std(0)[0])
    assert scaled.var(0).mean() == pytest.approx(1)
    assert np.isfinite(OneScale().fit(np.ones((3, 2))).transform(np.ones((3, 2)))).all()


def components(dim: int) -> tuple[Embeddings, np.ndarray]:
    """Nested features of falling variance, of which the first four tell the age and the others are noise."""
    table, rng = make_embeddings(0.0, subjects=120).table, np.random.default_rng(4)
    features = rng.normal(size=(len(table), dim)) * 100 / 1.2 ** np.arange(dim)
    age = 75 + (features[:, :4] / features[:, :4].std(0)).sum(1) * 3 + rng.normal(size=len(table))
    return Embeddings(features, table, nested=True), age


def test_the_number_of_components_and_the_strength_have_the_least_error_on_validation_subjects():
    embeddings, age = components(70)
    train, validation = ((embeddings.table["split"] == split).to_numpy() for split in ("train", "validation"))
    errors = {}
    for size in (1, 2, 4, 8, 16, 32, 64):
        x = embeddings.features[:, :size] - embeddings.features[train, :size].mean(0)
        x = x / np.sqrt(x[train].var(0).mean())
        for alpha in GRID:
            predicted = Ridge(alpha=alpha).fit(x[train], age[train]).predict(x[validation])
            errors[size, alpha] = mean_absolute_error(age[validation], predicted)
    probe = fit_ridge(embeddings, age, GRID)
    assert (probe.n_features, probe.regularisation) == min(errors, key=errors.get)
    assert 4 <= probe.n_features < 64
    alone = fit_ridge(embeddings, age, [1.0])
    assert (alone.n_features, 1.0) == min(((size, a) for size, a in errors if a == 1.0), key=errors.get)


def test_noise_components_are_not_blown_up():
    """The age lies in the first of many: a probe on standardised ones, all of the same weight, errs more."""
    embeddings, age = components(60)
    test = embeddings.select((embeddings.table["split"] == "test").to_numpy())
    true = age[(embeddings.table["split"] == "test").to_numpy()]
    plain = Embeddings(embeddings.features, embeddings.table)
    nested, standardised = (
        mean_absolute_error(true, fit_ridge(each, age, GRID).predict(test)) for each in (embeddings, plain)
    )
    assert nested < 0.9 * standardised


def test_features_that_are_not_nested_are_all_taken():
    embeddings = make_embeddings(1.0)
    assert fit_ridge(embeddings, embeddings.table["age"].to_numpy(), GRID).n_features == 8


@pytest.mark.parametrize(
    "losses, at_edge",
    [
        ([3.0, 2.0, 1.0], True),
        ([1.0, 2.0, 3.0], True),
        ([3.0, 1.0, 2.0], False),
        ([3.0, 1.004, 1.0], False),
        ([3.0, 1.006, 1.0], True),
        ([0.0004, 0.0001], False),
        ([2.0, 2.0, 2.0], False),
        ([2.0], False),
    ],
)
def test_an_edge_is_where_a_longer_grid_might_be_better(losses, at_edge):
    assert is_at_edge(np.array(losses)) == at_edge


def test_the_weights_are_found_where_the_classes_are_apart_and_the_strength_is_low():
    """Each weight is the slope of the loss there: C times the sum of (label - probability) times the feature."""
    embeddings = two_classes(make_embeddings(6.0, subjects=90, dim=60))
    train = (embeddings.table["split"] == "train").to_numpy()
    positive = (embeddings.table["diagnosis"] == "AD").to_numpy()[train]
    for c in (0.1, 1e3, 1e6):
        probe = fit_classifier(embeddings, "AD", [c])
        x, fitted = probe.model[:-1].transform(embeddings.features[train].astype(float)), probe.model[-1]
        residual = positive - probe.model.predict_proba(embeddings.features[train].astype(float))[:, 1]
        np.testing.assert_allclose(c * residual @ x, fitted.coef_[0], rtol=0.02, atol=0.02 * np.abs(fitted.coef_).max())


def test_the_probe_says_whether_its_strength_is_at_an_edge():
    embeddings = two_classes(make_embeddings(2.0, dim=30))
    assert fit_classifier(embeddings, "AD", [1e-5, 1e-4, 1e-3]).at_edge
    assert not fit_classifier(embeddings, "AD", [0.0005, 0.01, 0.3, 1000.0]).at_edge
    assert not fit_classifier(embeddings, "AD", [1e-5]).at_edge
