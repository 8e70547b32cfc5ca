import numpy as np
import pytest

from ldae.config.evaluation import BootstrapConfig
from ldae.data.volumes import read_volumes
from ldae.evaluation.measure.extractors import MEDICALNET, SEMANTIC, load_extractors
from ldae.evaluation.measure.generation import (
    JUDGED,
    REBUILT,
    SAMPLES,
    TEST,
    TRAINING,
    GenerationMeasurements,
    GenerationPlan,
    draw_pairs,
    generate,
)
from ldae.evaluation.tables.generation import GENERATION_COLUMNS, tabulate_generation

OPTIONS = (BootstrapConfig(draws=300, confidence=0.95), 3)


def make_measured(samples_nearest, held_out_nearest, shift=0.0, n=40, dim=4):
    """Sets of one distribution, the samples shifted; the samples' and held-out scans' distances as given."""
    rng = np.random.default_rng(0)
    features = {(SEMANTIC, name): rng.normal(size=(n, dim)) for name in (SAMPLES, TEST, TRAINING)}
    features[SEMANTIC, SAMPLES] += shift
    features[SEMANTIC, REBUILT] = features[SEMANTIC, TEST]
    nearest = {SAMPLES: samples_nearest, TEST: held_out_nearest, REBUILT: held_out_nearest}
    nearest = {name: np.asarray(values, dtype=float) for name, values in nearest.items()}
    pairs = {name: draw_pairs(len(nearest[name]), 0) for name in JUDGED}
    return GenerationMeasurements(
        features=features,
        units={name: np.array([f"{name} {i}" for i in range(n)]) for name in (*JUDGED, TRAINING)},
        pairs=pairs,
        ms_ssim={name: np.full(len(pairs[name]), 0.9) for name in JUDGED},
        nearest=nearest,
        notes={SEMANTIC: "", MEDICALNET: "not available: no file"},
        facts={"solver": "2m", "steps": 20, "training_scans": 66, "ms_ssim_scales": 3},
    )


def select(table, metric, images=SAMPLES, reference=None, extractor=None):
    chosen = table[(table["metric"] == metric) & (table["images"] == images)]
    chosen = chosen if reference is None else chosen[chosen["reference"] == reference]
    chosen = chosen if extractor is None else chosen[chosen["extractor"] == extractor]
    assert len(chosen) == 1
    return chosen.iloc[0]


@pytest.fixture
def table():
    rng = np.random.default_rng(0)
    return tabulate_generation(make_measured(0.002 + 0.001 * rng.random(40), 0.003 + 0.001 * rng.random(30)), *OPTIONS)


def test_every_row_and_column_is_there(table):
    assert list(table.columns) == GENERATION_COLUMNS
    assert table["metric"].value_counts().to_dict() == {
        "frechet_distance": 6,
        "ms_ssim": 3,
        "nearest_training_mse": 3,
        "nearest_training_ratio": 2,
        "share_nearer_than_held_out": 2,
    }
    full = table[table["value"].notna()]
    assert ((full["low"] <= full["value"] + 1e-6) & (full["value"] <= full["high"] + 1e-6)).all()
    assert (table.loc[table["images"] == SAMPLES, "steps"] == 20).all()
    assert table.loc[table["images"] != SAMPLES, "steps"].isna().all()
    assert full["interval"].str.startswith("bootstrap over").all()


def test_an_extractor_without_weights_is_an_empty_row_with_its_reason(table):
    rows = table[table["extractor"] == MEDICALNET]
    assert len(rows) == 3
    assert rows["value"].isna().all()
    assert (rows["note"] == "not available: no file").all()


def test_the_frechet_distance_grows_with_a_shift_and_knows_equal_sets():
    near, far = (tabulate_generation(make_measured([1.0] * 5, [1.0] * 5, shift), *OPTIONS) for shift in (0.0, 3.0))
    values = [select(t, "frechet_distance", extractor=SEMANTIC) for t in (near, far)]
    assert values[1]["value"] > values[0]["high"]
    assert values[1]["low"] > 30
    equal = select(near, "frechet_distance", REBUILT, extractor=SEMANTIC)
    assert equal["value"] == pytest.approx(0, abs=1e-5)
    assert equal["high"] == pytest.approx(0, abs=1e-5)


def test_each_distance_is_to_the_test_scans_on_its_own_features():
    """Three shifts in four features: the square of each comes back four times, in its own row."""
    measured = make_measured([1.0] * 5, [1.0] * 5)
    base = measured.features[SEMANTIC, TEST]
    shifts = {SAMPLES: 0.3, TRAINING: 0.5, REBUILT: 0.7}
    measured.features |= {(SEMANTIC, name): base + shift for name, shift in shifts.items()}
    measured.features |= {(MEDICALNET, name): base[:, :3] * 2 + 2 * shift for name, shift in shifts.items()}
    measured.features[MEDICALNET, TEST] = base[:, :3] * 2
    measured.notes[MEDICALNET] = ""
    table = tabulate_generation(measured, *OPTIONS)
    for name, shift in shifts.items():
        row = select(table, "frechet_distance", name, extractor=SEMANTIC)
        assert row["value"] == pytest.approx(4 * shift**2, rel=1e-4)
        assert (row["reference"], row["n_features"], row["n_images"], row["n_reference"]) == (TEST, 4, 40, 40)
        other = select(table, "frechet_distance", name, extractor=MEDICALNET)
        assert other["value"] == pytest.approx(3 * (2 * shift) ** 2, rel=1e-4)


def test_distances_to_training_scans_are_each_sets_own():
    measured = make_measured([0.002] * 9, [0.004] * 6)
    measured.nearest[REBUILT] = np.full(6, 0.005)
    table = tabulate_generation(measured, *OPTIONS)
    values = {name: select(table, "nearest_training_mse", name)["value"] for name in JUDGED}
    assert values == pytest.approx({SAMPLES: 0.002, TEST: 0.004, REBUILT: 0.005})
    for name, ratio in ((TEST, 0.5), (REBUILT, 0.4)):
        assert select(table, "nearest_training_ratio", reference=name)["value"] == pytest.approx(ratio)
    assert set(table.loc[table["metric"] == "nearest_training_mse", "n_reference"]) == {66}


def test_visits_of_a_subject_are_drawn_together():
    """Forty scans of four subjects whose visits are alike: an interval over scans would be much too narrow."""
    measured = make_measured([1.0] * 5, [1.0] * 5)
    rng = np.random.default_rng(4)
    measured.features[SEMANTIC, TEST] = np.repeat(rng.normal(size=(4, 4)), 10, 0) + 0.01 * rng.normal(size=(40, 4))
    apart = select(tabulate_generation(measured, *OPTIONS), "frechet_distance", extractor=SEMANTIC)
    measured.units[TEST] = np.repeat([f"S{i}" for i in range(4)], 10)
    together = select(tabulate_generation(measured, *OPTIONS), "frechet_distance", extractor=SEMANTIC)
    assert together["value"] == apart["value"]
    assert together["high"] - together["low"] > 1.5 * (apart["high"] - apart["low"])


def test_the_seed_moves_the_intervals_alone():
    rng = np.random.default_rng(0)
    measured = make_measured(0.002 + 0.001 * rng.random(40), 0.003 + 0.001 * rng.random(30), 0.5)
    first, second = (tabulate_generation(measured, OPTIONS[0], seed) for seed in (3, 4))
    assert first["value"].equals(second["value"])
    assert not first["low"].equals(second["low"])


def test_few_images_for_the_features_are_noted():
    few = tabulate_generation(make_measured([1.0] * 5, [1.0] * 5, n=20, dim=30), *OPTIONS)
    assert "biased upwards" in select(few, "frechet_distance", extractor=SEMANTIC)["note"]
    many = tabulate_generation(make_measured([1.0] * 5, [1.0] * 5, n=40, dim=4), *OPTIONS)
    assert select(many, "frechet_distance", extractor=SEMANTIC)["note"] == ""


def test_fresh_samples_lie_as_far_from_training_scans_as_held_out_scans():
    rng = np.random.default_rng(1)
    fresh = tabulate_generation(make_measured(rng.normal(3, 0.1, 60), rng.normal(3, 0.1, 60)), *OPTIONS)
    ratio = select(fresh, "nearest_training_ratio", reference=TEST)
    assert ratio["low"] < 1 < ratio["high"]
    assert select(fresh, "share_nearer_than_held_out", reference=TEST)["value"] < 0.1


def test_memorised_samples_are_counted():
    half = [1e-6] * 20 + [0.004] * 20
    copied = tabulate_generation(make_measured(half, np.linspace(0.003, 0.004, 30)), *OPTIONS)
    share = select(copied, "share_nearer_than_held_out", reference=TEST)
    assert share["value"] == 0.5
    assert 0.3 < share["low"] < 0.5 < share["high"] < 0.7
    ratio = select(copied, "nearest_training_ratio", reference=REBUILT)
    assert ratio["value"] == pytest.approx(0.002 / 0.0035, rel=1e-3)
    assert ratio["high"] < 1


def test_the_reconstruction_is_drawn_with_its_scan():
    """Their distance is zero in every draw, so its interval is a point."""
    rebuilt = select(
        tabulate_generation(make_measured([1.0], [1.0]), *OPTIONS), "frechet_distance", REBUILT, extractor=SEMANTIC
    )
    assert rebuilt["high"] - rebuilt["low"] < 1e-6


def test_one_sample_is_a_valid_table():
    single = tabulate_generation(make_measured([0.002], [0.003]), *OPTIONS)
    assert "fewer than two images" in select(single, "ms_ssim")["note"]
    row = select(single, "nearest_training_mse")
    assert row["value"] == 0.002
    assert np.isnan(row["low"])
    assert "no interval" in row["note"]


def test_diversity_draws_images_not_pairs():
    """One odd image spoils its eight pairs at once: its pairs are not independent."""
    measured = make_measured(np.ones(40), np.ones(40))
    odd = (measured.pairs[SAMPLES] == 7).any(1)
    measured.ms_ssim[SAMPLES] = np.where(odd, 0.1, 0.9)
    row = select(tabulate_generation(measured, *OPTIONS), "ms_ssim")
    assert row["value"] == pytest.approx(0.9 - 0.8 * odd.mean())
    assert row["low"] < 0.9 - 0.8 * 1.8 * odd.mean()
    assert row["high"] == pytest.approx(0.9)


def test_a_memorising_model_shows_from_the_scans_to_the_table(fake_ldae, scans):
    scan = read_volumes([scans.loc[scans["split"] == "train", "path"].iloc[0]])
    fake_ldae.decode_stochastic = lambda z_T, y_sem, steps, solver: scan.expand(len(z_T), -1, -1, -1, -1)
    measured, _ = generate(fake_ldae, scans, load_extractors(fake_ldae, None), GenerationPlan(4, 2, "2m", 3, 1), 3)
    table = tabulate_generation(measured, *OPTIONS)
    assert select(table, "share_nearer_than_held_out", reference=TEST)["value"] == 1
    assert select(table, "nearest_training_ratio", reference=TEST)["high"] < 0.01
    assert select(table, "ms_ssim")["value"] == pytest.approx(1, abs=1e-4)


def test_the_numbers_of_images_and_what_is_drawn_stand_in_each_row():
    measured = make_measured([1.0] * 7, [1.0] * 5)
    measured.features[SEMANTIC, SAMPLES] = measured.features[SEMANTIC, SAMPLES][:25]
    measured.units[SAMPLES] = measured.units[SAMPLES][:25]
    table = tabulate_generation(measured, *OPTIONS)
    distance = select(table, "frechet_distance", extractor=SEMANTIC)
    assert (distance["n_images"], distance["n_reference"]) == (25, 40)
    assert distance["interval"] == "bootstrap over samples and subjects, percentiles, centred"
    of_training = select(table, "frechet_distance", TRAINING, extractor=SEMANTIC)
    assert of_training["interval"] == "bootstrap over subjects, percentiles, centred"
    assert select(table, "ms_ssim")["interval"] == "bootstrap over samples, percentiles"
    assert select(table, "ms_ssim", TEST)["interval"] == "bootstrap over subjects, percentiles"
    ratio = select(table, "nearest_training_ratio", reference=TEST)
    assert (ratio["n_images"], ratio["n_reference"]) == (7, 5)
    assert ratio["interval"] == "bootstrap over samples and subjects, percentiles"


@pytest.mark.parametrize("dim, noted", [(20, True), (19, False)])
def test_as_many_images_as_features_are_too_few(dim, noted):
    """Twenty images span nineteen dimensions."""
    few = tabulate_generation(make_measured([1.0] * 5, [1.0] * 5, n=20, dim=dim), *OPTIONS)
    assert ("biased upwards" in select(few, "frechet_distance", extractor=SEMANTIC)["note"]) == noted


def test_a_sample_as_near_as_the_nearest_held_out_scan_is_no_nearer():
    table = tabulate_generation(make_measured([0.1, 0.2, 0.2, 0.3, 0.9], [0.2, 0.5, 0.8]), *OPTIONS)
    assert select(table, "share_nearer_than_held_out", reference=TEST)["value"] == pytest.approx(1 / 5)


def test_a_held_out_scan_that_was_not_drawn_sets_no_limit():
    table = tabulate_generation(make_measured([0.3] * 5, [0.2, 0.5, 0.8]), *OPTIONS)
    share = select(table, "share_nearer_than_held_out", reference=TEST)
    assert (share["value"], share["low"], share["high"]) == (0, 0, 1)
