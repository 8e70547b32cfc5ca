import types

import numpy as np
import pytest
import torch

from ldae.data.volumes import read_volumes
from ldae.errors import UserError
from ldae.evaluation.measure import generation
from ldae.evaluation.measure.extractors import SEMANTIC, load_extractors
from ldae.evaluation.measure.generation import (
    JUDGED,
    REBUILT,
    SAMPLES,
    TEST,
    TRAINING,
    GenerationPlan,
    Nearest,
    draw_pairs,
    draw_samples,
    generate,
    mean_square,
    measure_generation,
    read_measurements,
    write_measurements,
)
from ldae.evaluation.measure.metrics import ms_ssim
from ldae.evaluation.measure.selection import scans_of

PLAN = GenerationPlan(samples=5, steps=4, solver="2m", seed=3, shown=2)
SHAPE = (1, 12, 14, 12)


def run(ldae, scans, plan=PLAN, batch_size=3):
    return generate(ldae, scans, load_extractors(ldae, None), plan, batch_size)


def memorise(ldae, scans, number=4):
    """Make the model return one of the training scans whatever the noise."""
    scan = read_volumes([scans_of(scans, "train")["path"][number]])
    ldae.decode_stochastic = lambda z_T, y_sem, steps, solver: scan.expand(len(z_T), -1, -1, -1, -1)


def test_the_sizes_are_those_of_the_sets(fake_ldae, scans):
    measured, shown = run(fake_ldae, scans)
    shapes = {name: measured.features[SEMANTIC, name].shape for name in (SAMPLES, TEST, REBUILT, TRAINING)}
    assert shapes == {SAMPLES: (5, 2), TEST: (8, 2), REBUILT: (8, 2), TRAINING: (5, 2)}
    assert {name: len(units) for name, units in measured.units.items()} == {n: s[0] for n, s in shapes.items()}
    assert set(measured.units[TRAINING]) <= set(scans.loc[scans["split"] == "train", "subject"])
    assert {name: len(measured.nearest[name]) for name in JUDGED} == dict.fromkeys(JUDGED, 5)  # six test subjects
    assert {name: volume.shape for name, volume in shown.items() if volume.ndim > 1} == dict.fromkeys(
        ("sample", "nearest", "test"), (2, 12, 14, 12)
    )


def test_samples_are_decoded_without_y_sem_from_unit_noise(fake_ldae, scans):
    seen = []

    def decode(z_T, y_sem, steps, solver):
        seen.append((y_sem, steps, solver))
        return z_T

    fake_ldae.decode_stochastic = decode
    samples = draw_samples(fake_ldae, SHAPE, PLAN, 2)
    assert set(seen) == {(None, 4, "2m")}
    assert samples.mean().abs() < 0.05
    assert (samples.std() - 1).abs() < 0.05


def test_a_samples_noise_depends_on_seed_and_number_alone(fake_ldae):
    samples = draw_samples(fake_ldae, SHAPE, PLAN, 2)
    assert torch.equal(samples, draw_samples(fake_ldae, SHAPE, PLAN, 5))
    assert torch.equal(samples[:3], draw_samples(fake_ldae, SHAPE, GenerationPlan(3, 4, "2m", 3, 1), 2))
    assert not torch.equal(samples, draw_samples(fake_ldae, SHAPE, GenerationPlan(5, 4, "2m", 4, 1), 2))
    assert len(torch.unique(samples[:, 0, 0, 0, 0])) == 5


def test_the_batch_size_changes_nothing(fake_ldae, scans):
    first, second = run(fake_ldae, scans, batch_size=2)[0], run(fake_ldae, scans, batch_size=7)[0]
    for part in ("features", "pairs", "ms_ssim", "nearest"):
        for name, values in getattr(first, part).items():
            np.testing.assert_allclose(values, getattr(second, part)[name], atol=1e-6)


def test_memorised_scans_are_found(fake_ldae, scans):
    memorise(fake_ldae, scans)
    measured, shown = run(fake_ldae, scans)
    np.testing.assert_allclose(measured.nearest[SAMPLES], 0, atol=1e-7)
    assert measured.nearest[TEST].min() > 1e-3
    np.testing.assert_allclose(shown["nearest"], shown["sample"])


def test_equal_samples_are_not_diverse(fake_ldae, scans):
    memorise(fake_ldae, scans)
    measured, _ = run(fake_ldae, scans)
    np.testing.assert_allclose(measured.ms_ssim[SAMPLES], 1, atol=1e-4)
    assert measured.ms_ssim[TEST].max() < 0.9


def test_the_autoencoders_blur_is_in_the_reconstructions_alone(fake_ldae, scans):
    fake_ldae.autoencoder_error = 0.1
    measured, _ = run(fake_ldae, scans)
    shift = measured.features[SEMANTIC, REBUILT] - measured.features[SEMANTIC, TEST]
    np.testing.assert_allclose(shift[:, 0], 0.1, atol=1e-6)


def test_test_scans_are_compared_one_per_subject(fake_ldae, scans):
    """Two of the test subjects have two visits: counted as two, its own similarity would hide a lack of diversity."""
    measured, _ = run(fake_ldae, scans, GenerationPlan(50, 2, "2m", 3, 1))
    assert len(measured.nearest[TEST]) == 6
    assert measured.pairs[TEST].max() == 5
    assert len(measured.features[SEMANTIC, TEST]) == 8
    assert len(measured.features[SEMANTIC, TRAINING]) == 8  # no more than there are


def test_features_and_units_are_of_the_same_rows(fake_ldae, scans):
    measured, _ = run(fake_ldae, scans)
    test = scans_of(scans, "test")
    means = read_volumes(test["path"].tolist()).mean((1, 2, 3, 4))
    np.testing.assert_allclose(measured.features[SEMANTIC, TEST][:, 0], means, rtol=1e-5)
    for name in (TEST, REBUILT):
        assert measured.units[name].tolist() == test["subject"].tolist()
    train = scans_of(scans, "train")
    of_training = dict(
        zip(read_volumes(train["path"].tolist()).mean((1, 2, 3, 4)).tolist(), train["subject"], strict=True)
    )
    for value, unit in zip(measured.features[SEMANTIC, TRAINING][:, 0], measured.units[TRAINING], strict=True):
        nearest = min(of_training, key=lambda mean: abs(mean - value))
        assert abs(nearest - value) < 1e-6
        assert of_training[nearest] == unit
    assert len(set(measured.units[SAMPLES])) == PLAN.samples


def test_similarity_and_distance_are_of_the_first_scans_in_their_order(fake_ldae, scans):
    measured, shown = run(fake_ldae, scans)
    test, train = scans_of(scans, "test"), scans_of(scans, "train")
    firsts = read_volumes(test.drop_duplicates("subject")["path"].tolist()[: PLAN.samples])
    everything = read_volumes(train["path"].tolist())
    distances = (firsts[:, None] - everything[None]).square().flatten(2).mean(2)
    np.testing.assert_allclose(measured.nearest[TEST], distances.min(1).values, rtol=1e-4)
    first, second = torch.from_numpy(measured.pairs[TEST]).T
    np.testing.assert_allclose(measured.ms_ssim[TEST], ms_ssim(firsts[first], firsts[second]), rtol=1e-5)
    np.testing.assert_array_equal(shown["test"], firsts[:2, 0])
    assert measured.facts == {"solver": "2m", "steps": 4, "training_scans": 8, "ms_ssim_scales": 1}
    fewer = scans.drop(index=scans.index[scans["subject"] == "ADNI4train"])
    assert run(fake_ldae, fewer)[0].facts["training_scans"] == 7


def test_the_seed_draws_training_scans_pairs_and_noise(fake_ldae, scans):
    (first, _), (second, _) = (run(fake_ldae, scans, GenerationPlan(3, 4, "2m", seed, 1)) for seed in (3, 5))
    assert not np.array_equal(first.features[SEMANTIC, TRAINING], second.features[SEMANTIC, TRAINING])
    assert not np.array_equal(first.features[SEMANTIC, SAMPLES], second.features[SEMANTIC, SAMPLES])
    np.testing.assert_array_equal(first.features[SEMANTIC, TEST], second.features[SEMANTIC, TEST])
    assert not np.array_equal(draw_pairs(20, 3), draw_pairs(20, 5))
    measured, _ = run(fake_ldae, scans, GenerationPlan(20, 4, "2m", 5, 1))
    np.testing.assert_array_equal(measured.pairs[SAMPLES], draw_pairs(20, 5))


def test_the_rule_writes_what_the_configuration_asks_for(fake_ldae, scans, tmp_path, monkeypatch):
    loaded = types.SimpleNamespace(load=lambda folder, config: fake_ldae)
    monkeypatch.setattr(generation, "LatentDiffusionAutoencoder", loaded)
    scans.to_csv(tmp_path / "scans.csv", index=False)
    settings = types.SimpleNamespace(samples=4)
    evaluation = types.SimpleNamespace(batch_size=3, figure_scans=2, generation=settings)
    sampling = types.SimpleNamespace(steps=9, solver="ddim")
    grid = types.SimpleNamespace(grid_shape=(12, 14, 12), grid_spacing_mm=3.0, grid_center_mm=(1.0, 2.0, 3.0))
    config = types.SimpleNamespace(seed=5, sampling=sampling, evaluation=evaluation, preprocessing=grid)
    measure_generation(
        tmp_path / "scans.csv", "models", config, None, measured=tmp_path / "m.npz", examples=tmp_path / "e.npz"
    )
    found, (wanted, shown) = (
        read_measurements(tmp_path / "m.npz"),
        run(fake_ldae, scans, GenerationPlan(4, 9, "ddim", 5, 2)),
    )
    np.testing.assert_array_equal(found.features[SEMANTIC, SAMPLES], wanted.features[SEMANTIC, SAMPLES])
    assert found.facts == wanted.facts
    with np.load(tmp_path / "e.npz") as arrays:
        assert set(arrays) == {*shown, "affine"}
        np.testing.assert_allclose(arrays["affine"] @ [0, 0, 0, 1], [-15.5, -17.5, -13.5, 1])
        np.testing.assert_array_equal(arrays["sample"], shown["sample"])


def test_the_nearest_scan_is_that_of_a_search_over_all_pairs():
    generator = torch.Generator().manual_seed(0)
    images, scans = torch.rand(4, 1, 5, 6, 7, generator=generator), torch.rand(9, 1, 5, 6, 7, generator=generator)
    scans[5] = images[2]
    search = Nearest(images)
    for rows in np.arange(9).reshape(3, 3):
        search.update(rows, scans[rows])
    expected = ((images[:, None] - scans[None]) ** 2).flatten(2).mean(2)
    torch.testing.assert_close(search.mse, expected.min(1).values, atol=1e-6, rtol=1e-4)
    assert torch.equal(search.row, expected.argmin(1))
    assert search.row[2] == 5
    torch.testing.assert_close(mean_square(scans.flatten(1)), scans.square().flatten(1).mean(1))


@pytest.mark.parametrize("count, pairs", [(0, 0), (1, 0), (2, 1), (3, 3), (4, 6), (9, 36), (20, 80)])
def test_pairs_are_of_different_images_and_each_image_has_its_share(count, pairs):
    drawn = draw_pairs(count, seed=3)
    assert drawn.shape == (pairs, 2)
    assert (drawn[:, 0] < drawn[:, 1]).all()
    assert len({tuple(pair) for pair in drawn}) == pairs
    assert len(set(np.bincount(drawn.ravel(), minlength=count))) <= 1


def test_what_is_written_is_read_again(fake_ldae, scans, tmp_path):
    measured, _ = run(fake_ldae, scans)
    write_measurements(tmp_path / "measured.npz", measured)
    again = read_measurements(tmp_path / "measured.npz")
    assert again.notes == measured.notes
    assert again.facts == measured.facts
    for part in ("features", "units", "pairs", "ms_ssim", "nearest"):
        before, after = getattr(measured, part), getattr(again, part)
        assert before.keys() == after.keys()
        for name, values in before.items():
            np.testing.assert_array_equal(values, after[name])


def test_a_diverging_model_is_named(fake_ldae, scans):
    fake_ldae.decode_stochastic = lambda z_T, y_sem, steps, solver: z_T * torch.nan
    with pytest.raises(UserError, match=r"ldm\.safetensors"):
        run(fake_ldae, scans)


@pytest.mark.parametrize("split", ["train", "test"])
def test_without_training_or_test_scans_it_says_so(fake_ldae, scans, split):
    with pytest.raises(UserError, match=f"{split} scans"):
        run(fake_ldae, scans[scans["split"] != split])
