import numpy as np
import pytest
import torch

from ldae.data.volumes import read_volumes
from ldae.errors import UserError
from ldae.evaluation.measure.extractors import SEMANTIC, load_extractors
from ldae.evaluation.measure.generation import (
    JUDGED,
    REBUILT,
    SAMPLES,
    TEST,
    TRAINING,
    Nearest,
    Plan,
    draw_pairs,
    draw_samples,
    generate,
    mean_square,
    read_measured,
    write_measured,
)

PLAN = Plan(samples=5, steps=4, solver="2m", seed=0, shown=2)


def run(ldae, dataset, plan=PLAN, batch_size=3):
    return generate(ldae, dataset, load_extractors(ldae, None), plan, batch_size)


def memorise(ldae, dataset):
    """Make the model return the first training scan whatever the noise."""
    scan = read_volumes([dataset.loc[dataset["split"] == "train", "path"].iloc[0]])
    ldae.decode_stochastic = lambda z_T, y_sem, steps, solver: scan.expand(len(z_T), -1, -1, -1, -1)


def test_the_sizes_are_those_of_the_sets(fake_ldae, dataset):
    measured, shown = run(fake_ldae, dataset)
    shapes = {name: measured.features[SEMANTIC, name].shape for name in (SAMPLES, TEST, REBUILT, TRAINING)}
    assert shapes == {SAMPLES: (5, 2), TEST: (7, 2), REBUILT: (7, 2), TRAINING: (5, 2)}
    assert {name: len(units) for name, units in measured.units.items()} == {n: s[0] for n, s in shapes.items()}
    assert set(measured.units[TRAINING]) <= set(dataset.loc[dataset["split"] == "train", "subject"])
    assert {name: len(measured.nearest[name]) for name in JUDGED} == dict.fromkeys(JUDGED, 5)  # six test subjects
    assert {name: volume.shape for name, volume in shown.items() if volume.ndim > 1} == dict.fromkeys(
        ("sample", "nearest", "test"), (2, 12, 14, 12)
    )


def test_samples_are_decoded_without_y_sem_from_unit_noise(fake_ldae, dataset):
    seen = []

    def decode(z_T, y_sem, steps, solver):
        seen.append((y_sem, steps, solver))
        return z_T

    fake_ldae.decode_stochastic = decode
    samples = draw_samples(fake_ldae, (1, 12, 14, 12), PLAN, 2)
    assert set(seen) == {(None, 4, "2m")}
    assert samples.mean().abs() < 0.05
    assert (samples.std() - 1).abs() < 0.05


def test_a_samples_noise_depends_on_seed_and_number_alone(fake_ldae):
    shape = (1, 12, 14, 12)
    samples = draw_samples(fake_ldae, shape, PLAN, 2)
    assert torch.equal(samples, draw_samples(fake_ldae, shape, PLAN, 5))
    assert torch.equal(samples[:3], draw_samples(fake_ldae, shape, Plan(3, 4, "2m", 0, 1), 2))
    assert not torch.equal(samples, draw_samples(fake_ldae, shape, Plan(5, 4, "2m", 1, 1), 2))
    assert len(torch.unique(samples[:, 0, 0, 0, 0])) == 5


def test_the_batch_size_changes_nothing(fake_ldae, dataset):
    first, second = run(fake_ldae, dataset, batch_size=2)[0], run(fake_ldae, dataset, batch_size=7)[0]
    for part in ("features", "pairs", "ms_ssim", "nearest"):
        for name, values in getattr(first, part).items():
            np.testing.assert_allclose(values, getattr(second, part)[name], atol=1e-6)


def test_memorised_scans_are_found(fake_ldae, dataset):
    memorise(fake_ldae, dataset)
    measured, shown = run(fake_ldae, dataset)
    np.testing.assert_allclose(measured.nearest[SAMPLES], 0, atol=1e-7)
    assert measured.nearest[TEST].min() > 1e-3
    np.testing.assert_allclose(shown["nearest"], shown["sample"])


def test_equal_samples_are_not_diverse(fake_ldae, dataset):
    memorise(fake_ldae, dataset)
    measured, _ = run(fake_ldae, dataset)
    np.testing.assert_allclose(measured.ms_ssim[SAMPLES], 1, atol=1e-4)
    assert measured.ms_ssim[TEST].max() < 0.9


def test_the_autoencoders_blur_is_in_the_reconstructions_alone(fake_ldae, dataset):
    fake_ldae.autoencoder_error = 0.1
    measured, _ = run(fake_ldae, dataset)
    shift = measured.features[SEMANTIC, REBUILT] - measured.features[SEMANTIC, TEST]
    np.testing.assert_allclose(shift[:, 0], 0.1, atol=1e-6)


def test_test_scans_are_compared_one_a_subject(fake_ldae, dataset):
    """The first test subject has two visits: counted as two, its own similarity would hide a lack of diversity."""
    measured, _ = run(fake_ldae, dataset, Plan(50, 2, "2m", 0, 1))
    assert len(measured.nearest[TEST]) == 6
    assert measured.pairs[TEST].max() == 5
    assert len(measured.features[SEMANTIC, TEST]) == 7
    assert len(measured.features[SEMANTIC, TRAINING]) == 7  # no more than there are


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
    drawn = draw_pairs(count, seed=0)
    assert drawn.shape == (pairs, 2)
    assert (drawn[:, 0] < drawn[:, 1]).all()
    assert len({tuple(pair) for pair in drawn}) == pairs
    assert len(set(np.bincount(drawn.ravel(), minlength=count))) <= 1


def test_what_is_written_is_read_again(fake_ldae, dataset, tmp_path):
    measured, _ = run(fake_ldae, dataset)
    write_measured(tmp_path / "measured.npz", measured)
    again = read_measured(tmp_path / "measured.npz")
    assert again.notes == measured.notes
    assert again.facts == measured.facts
    for part in ("features", "units", "pairs", "ms_ssim", "nearest"):
        before, after = getattr(measured, part), getattr(again, part)
        assert before.keys() == after.keys()
        for name, values in before.items():
            np.testing.assert_array_equal(values, after[name])


def test_a_diverging_model_is_named(fake_ldae, dataset):
    fake_ldae.decode_stochastic = lambda z_T, y_sem, steps, solver: z_T * torch.nan
    with pytest.raises(UserError, match="ldm.safetensors"):
        run(fake_ldae, dataset)


@pytest.mark.parametrize("split", ["train", "test"])
def test_without_training_or_test_scans_it_says_so(fake_ldae, dataset, split):
    with pytest.raises(UserError, match=f"{split} scans"):
        run(fake_ldae, dataset[dataset["split"] != split])
