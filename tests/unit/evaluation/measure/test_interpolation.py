import types

import nibabel as nib
import numpy as np
import pandas as pd
import pytest
import torch

from ldae.config.models import SamplingConfig
from ldae.config.names import LDAE
from ldae.config.partial import partial_config
from ldae.data.volumes import read_volumes
from ldae.diffusion.interpolation import lerp, slerp
from ldae.errors import UserError
from ldae.evaluation.measure import interpolation
from ldae.evaluation.measure.interpolation import (
    BLEND,
    COPY,
    COPY_REBUILT,
    LATENT,
    LDAE_LERP,
    PREDICTORS,
    RECONSTRUCTION,
    SCAN,
    Codes,
    find_triples,
    interpolate,
    measure_interpolation,
    predict,
    scan_times,
)
from ldae.evaluation.measure.metrics import ssim
from tests.unit.evaluation.conftest import rehash
from tests.unit.evaluation.kept import write_sidecars

SAMPLER = SamplingConfig(solver="2m", steps=5, precision="32-true")
OTHER_SAMPLER = SamplingConfig(solver="ddim", steps=7, precision="32-true")


@pytest.fixture
def cohort(tmp_path):
    """Test subjects whose scans change in time as `change(subject's pattern, months)` says."""

    def make(change, months=((0, 6, 24), (0, 12, 24))):
        rng = np.random.default_rng(4)
        rows = []
        for number, times in enumerate(months):
            pattern = rng.random((12, 14, 12)) * 0.2 + 0.3
            for time in times:
                path = tmp_path / f"{number}_{time}.nii.gz"
                nib.save(nib.Nifti1Image(change(pattern, time).astype(np.float32), np.eye(4)), path)
                rows.append((f"ADNI{number}", f"M{time:03d}", str(path), 70 + time / 12, "test", float(time)))
        return rehash(pd.DataFrame(rows, columns="subject session path age split months".split()))

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
    assert len(scans) == 4 * len(PREDICTORS) * 2  # triples of four scans
    order = ["subject", "first_session", "session", "last_session", "system", "target"]
    again = interpolate(fake_ldae, test, SAMPLER, 7).sort_values(order, ignore_index=True)
    pd.testing.assert_frame_equal(scans.sort_values(order, ignore_index=True), again)


def test_every_way_interpolates_its_own_codes_at_its_own_t():
    """A decoder that adds y_sem to z_T, and one that adds 10 to a latent, tell which code went where."""
    generator = torch.Generator().manual_seed(6)

    def draw(*shape):
        return torch.randn(shape, generator=generator)

    model = types.SimpleNamespace(
        decode_image=lambda z_0: z_0 + 10,
        decode_stochastic=lambda z_T, y_sem, steps, solver: z_T + 100 * y_sem.view(-1, 1, 1, 1, 1) + steps,
    )
    t = torch.tensor([0.25, 0.5, 0.75])
    first, last = (Codes(draw(3, 1, 4, 4, 4), draw(3, 1), draw(3, 1, 4, 4, 4)) for _ in range(2))
    images = draw(3, 1, 4, 4, 4), draw(3, 1, 4, 4, 4)
    found = dict(predict(model, images, (first, last), t, SAMPLER))
    y_sem = (0.25 * torch.tensor([3.0, 2, 1])[:, None] * first.y_sem + t[:, None] * last.y_sem).view(-1, 1, 1, 1, 1)
    assert tuple(found) == PREDICTORS
    torch.testing.assert_close(found[LDAE], slerp(first.z_T, last.z_T, t) + 100 * y_sem + 15)
    torch.testing.assert_close(found[LDAE_LERP], lerp(first.z_T, last.z_T, t) + 100 * y_sem + 15)
    torch.testing.assert_close(found[LATENT], lerp(first.z_0, last.z_0, t) + 10)
    torch.testing.assert_close(found[BLEND], lerp(*images, t))
    copied = torch.stack([images[0][0], images[0][1], images[1][2]])
    torch.testing.assert_close(found[COPY], copied)
    rebuilt = torch.stack([first.z_0[0], first.z_0[1], last.z_0[2]]) + 10
    torch.testing.assert_close(found[COPY_REBUILT], rebuilt)


def test_each_row_names_its_scans_and_is_measured_on_the_one_between(fake_ldae, cohort):
    """The copy's error is the difference of two known scans, for each triple of two subjects."""
    changing = cohort(lambda pattern, time: pattern + 0.01 * time, [(0, 6, 24), (0, 18, 24), (0, 12, 18, 36)])
    scans = interpolate(fake_ldae, changing, SAMPLER, 2)
    copies = scans[(scans["system"] == COPY) & (scans["target"] == SCAN)]
    assert len(copies) == 1 + 1 + 4
    assert set(copies["subject"]) == {"ADNI0", "ADNI1", "ADNI2"}
    for row in copies.itertuples():
        first, at, last = (int(session[1:]) for session in (row.first_session, row.session, row.last_session))
        assert first < at < last
        nearer = min(at - first, last - at)
        assert row.mse == pytest.approx((0.01 * nearer) ** 2, rel=1e-3)
        assert (row.t, row.between_months, row.nearer_months) == ((at - first) / (last - first), last - first, nearer)
    rebuilt = scans[(scans["system"] == COPY_REBUILT) & (scans["target"] == RECONSTRUCTION)]
    np.testing.assert_allclose(rebuilt["mse"], copies["mse"], rtol=1e-3)


def test_both_windows_are_measured_between_prediction_and_target(fake_ldae, cohort):
    changing = cohort(lambda pattern, time: np.roll(pattern, time), [(0, 6, 24)])
    scans = interpolate(fake_ldae, changing, SAMPLER, 2)
    copy = scans[(scans["system"] == COPY) & (scans["target"] == SCAN)].iloc[0]
    first, middle, _ = read_volumes(changing["path"].tolist()).split(1)
    assert copy["ssim"] == pytest.approx(ssim(first, middle).item())
    assert copy["ssim_win4"] == pytest.approx(ssim(first, middle, 4).item())
    assert abs(copy["ssim"] - copy["ssim_win4"]) > 1e-4


def test_training_scans_are_no_triples(fake_ldae, cohort):
    test = cohort(lambda pattern, time: pattern, [(0, 6, 12), (0, 6, 12)])
    test.loc[test["subject"] == "ADNI1", "split"] = "train"
    assert set(interpolate(fake_ldae, test, SAMPLER, 4)["subject"]) == {"ADNI0"}


def test_the_rule_takes_times_from_the_labels(fake_ldae, cohort, tmp_path, monkeypatch):
    loaded = types.SimpleNamespace(load=lambda folder, config: fake_ldae)
    monkeypatch.setattr(interpolation, "LatentDiffusionAutoencoder", loaded)
    table = cohort(lambda pattern, time: pattern + 0.01 * time).assign(diagnosis="CN", sex="F")
    table.to_csv(tmp_path / "dataset.csv", index=False)
    config = partial_config({"sampling": OTHER_SAMPLER.model_dump(), "evaluation": {"batch_size": 3}})
    kept = {"parts_dir": tmp_path / "parts", "code": "c"}
    models = write_sidecars(tmp_path)
    measure_interpolation(tmp_path / "dataset.csv", models, config, tmp_path / "scans.csv", **kept)
    found = pd.read_csv(tmp_path / "scans.csv")
    assert set(found.loc[found["system"] == LDAE, "steps"]) == {7}
    assert sorted(found["t"].unique()) == [0.25, 0.5]


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
    scans = interpolate(fake_ldae, cohort(lambda pattern, time: pattern), OTHER_SAMPLER, 4)
    assert seen == {(7, "ddim")}
    assert set(scans.loc[scans["system"] == LDAE, "steps"]) == {7}
    assert set(scans.loc[scans["system"] == LDAE_LERP, "solver"]) == {"ddim"}
    assert set(scans.loc[scans["system"] == BLEND, "solver"]) == {""}
    assert scans.loc[scans["system"] == BLEND, "steps"].isna().all()
