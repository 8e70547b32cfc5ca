import nibabel as nib
import numpy as np
import pandas as pd
import pytest

from ldae.errors import UserError
from ldae.evaluation.measure.interpolation import (
    BLEND,
    COPY,
    COPY_REBUILT,
    LATENT,
    LDAE,
    LDAE_LERP,
    RECONSTRUCTION,
    SCAN,
    SYSTEMS,
    Sampler,
    find_triples,
    interpolate,
    scan_times,
)

SAMPLER = Sampler("2m", 5)


@pytest.fixture
def cohort(tmp_path):
    """Test subjects whose scans change in time as `change(subject's pattern, months)` says."""

    def make(change, months=((0, 6, 24), (0, 12, 24))):
        rng = np.random.default_rng(0)
        rows = []
        for number, times in enumerate(months):
            pattern = rng.random((12, 14, 12)) * 0.2 + 0.3
            for time in times:
                path = tmp_path / f"{number}_{time}.nii.gz"
                nib.save(nib.Nifti1Image(change(pattern, time).astype(np.float32), np.eye(4)), path)
                rows.append((f"ADNI{number}", f"M{time:03d}", str(path), 70 + time / 12, "test", float(time)))
        return pd.DataFrame(rows, columns="subject session path age split months".split())

    return make


def mean_mse(scans, target=SCAN):
    return scans[scans["target"] == target].groupby("system")["mse"].mean()


def table(months, age=None):
    ages = [np.nan] * len(months) if age is None else age
    return pd.DataFrame({"subject": "A", "months": months, "age": ages}, dtype=object).astype(
        {"months": float, "age": float}
    )


def test_a_cohort_that_changes_linearly_makes_the_blend_perfect(fake_ldae, cohort):
    rng = np.random.default_rng(1)
    direction = rng.normal(size=(12, 14, 12)) * 0.002
    scans = interpolate(fake_ldae, cohort(lambda pattern, time: pattern + time * direction), SAMPLER, 2)
    mse = mean_mse(scans)
    for system in (BLEND, LATENT, LDAE_LERP):  # the stand-in's latent is the scan, its codes are linear in it
        assert mse[system] < 1e-12, system
    assert mse[COPY] > 1e-4
    assert scans.loc[(scans["system"] == BLEND) & (scans["target"] == SCAN), "ssim"].min() > 0.9999


def test_codes_linear_in_time_interpolate_exactly(fake_ldae, cohort):
    """Only the mean moves, which is y_sem; z_T stays, and slerp between equal codes is that code."""
    scans = interpolate(fake_ldae, cohort(lambda pattern, time: pattern + 0.01 * time), SAMPLER, 4)
    assert mean_mse(scans)[LDAE] < 1e-12
    assert mean_mse(scans)[COPY] > 1e-3


def test_slerp_and_lerp_of_the_noise_differ(fake_ldae, cohort):
    scans = interpolate(fake_ldae, cohort(lambda pattern, time: np.roll(pattern, time)), SAMPLER, 4)
    mse = mean_mse(scans)
    assert mse[LDAE] != mse[LDAE_LERP]


def test_the_copy_wins_where_the_nearer_scan_is_the_same(fake_ldae, cohort):
    scans = interpolate(fake_ldae, cohort(lambda pattern, time: pattern + 0.1 * (time == 24), [(0, 6, 24)]), SAMPLER, 4)
    mse = mean_mse(scans)
    assert mse[COPY] == mse[COPY_REBUILT] == mse.min() == 0
    assert mse[BLEND] > 0


def test_the_last_scan_is_copied_where_it_is_the_nearer_one(fake_ldae, cohort):
    changing = cohort(lambda pattern, time: pattern + 0.1 * (time == 0), [(0, 18, 24)])
    assert mean_mse(interpolate(fake_ldae, changing, SAMPLER, 4))[COPY] == 0


def test_the_published_target_is_the_autoencoders_reconstruction(fake_ldae, cohort):
    fake_ldae.autoencoder_error = 0.1
    scans = interpolate(fake_ldae, cohort(lambda pattern, time: pattern), SAMPLER, 4)
    mse, published = mean_mse(scans), mean_mse(scans, RECONSTRUCTION)
    assert mse[LDAE] == pytest.approx(0.01, rel=1e-3)
    assert published[LDAE] < 1e-12
    assert mse[COPY] == 0
    assert published[COPY] == pytest.approx(0.01, rel=1e-3)
    assert published[COPY_REBUILT] == 0


def test_each_scan_is_encoded_once_and_the_batch_changes_nothing(fake_ldae, cohort):
    test = cohort(lambda pattern, time: np.roll(pattern, time), [(0, 6, 12, 24), (0,), (0, 12)])
    scans = interpolate(fake_ldae, test, SAMPLER, 2)
    assert fake_ldae.image_encodings == 4
    assert len(scans) == 4 * len(SYSTEMS) * 2  # triples of four scans
    order = ["subject", "first_session", "session", "last_session", "system", "target"]
    again = interpolate(fake_ldae, test, SAMPLER, 7).sort_values(order, ignore_index=True)
    pd.testing.assert_frame_equal(scans.sort_values(order, ignore_index=True), again)


def test_the_triples_are_all_pairs_with_a_scan_between_in_time(cohort):
    test = table([12, 0, 24, 6])
    triples = find_triples(test, test["months"])
    months = [tuple(test["months"][list(rows)]) for rows in triples[["first", "middle", "last"]].to_numpy()]
    assert sorted(months) == [(0, 6, 12), (0, 6, 24), (0, 12, 24), (6, 12, 24)]
    row = triples.iloc[months.index((0, 6, 24))]
    assert (row["t"], row["between_months"], row["nearer_months"]) == (0.25, 24, 6)


def test_scans_of_one_time_are_no_triple():
    assert find_triples(table([0, 6, 6]), pd.Series([0.0, 6, 6])).empty
    assert len(find_triples(table([0, 6, 6, 12]), pd.Series([0.0, 6, 6, 12]))) == 2


def test_ages_stand_in_only_where_all_of_a_subjects_scans_have_one():
    assert scan_times(table([0, 6, 12], [70, 70.5, 71])).tolist() == [0, 6, 12]
    assert scan_times(table([0, None, 12], [70, 70.5, 71])).tolist() == [840, 846, 852]
    np.testing.assert_array_equal(scan_times(table([0, None, 12], [70, None, 71])), [0, np.nan, 12])


def test_a_scan_of_unknown_time_is_a_row_with_its_reason(fake_ldae, cohort):
    test = cohort(lambda pattern, time: pattern, [(0, 6, 12, 24)])
    test.loc[3, ["months", "age"]] = np.nan
    scans = interpolate(fake_ldae, test, SAMPLER, 4)
    aside = scans[scans["note"] != ""]
    assert aside["session"].tolist() == ["M024"]
    assert "time" in aside["note"].iloc[0]
    assert set(scans.loc[scans["note"] == "", "session"]) == {"M006"}


def test_without_three_scans_of_a_subject_there_are_no_rows(fake_ldae, cohort):
    scans = interpolate(fake_ldae, cohort(lambda pattern, time: pattern, [(0, 6), (0,)]), SAMPLER, 4)
    assert scans.empty
    assert fake_ldae.image_encodings == 0


def test_only_test_scans_are_used(fake_ldae, cohort):
    test = cohort(lambda pattern, time: pattern)
    with pytest.raises(UserError, match="test scans"):
        interpolate(fake_ldae, test.assign(split="train"), SAMPLER, 4)


def test_the_sampler_of_the_config_is_used(cohort, fake_ldae):
    seen = set()

    def encode(z_0, y_sem, steps, solver):
        seen.add((steps, solver))
        return z_0

    fake_ldae.encode_stochastic = encode
    scans = interpolate(fake_ldae, cohort(lambda pattern, time: pattern), Sampler("ddim", 7), 4)
    assert seen == {(7, "ddim")}
    assert set(scans.loc[scans["system"] == LDAE, "steps"]) == {7}
    assert scans.loc[scans["system"] == BLEND, "steps"].isna().all()
