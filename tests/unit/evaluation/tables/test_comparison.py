import numpy as np
import pandas as pd
import pytest

from ldae.config.names import AUTOENCODER, DAE, LDAE, LDDIM
from ldae.evaluation.measure.comparison import COMPARISON_METRICS
from ldae.evaluation.tables.comparison import tabulate_comparison
from tests.unit.evaluation.systems import BOOTSTRAP, SEED

MODEL_GRID, OWN_GRID = "24x28x24", "12x14x12"


def row(table, system, grid=MODEL_GRID, steps=8):
    chosen = table[(table["system"] == system) & (table["grid"] == grid)]
    chosen = chosen[chosen["steps"].isna() if steps is None else (chosen["steps"] == steps).fillna(False)]
    assert len(chosen) == 1
    return chosen.iloc[0]


def test_the_table_has_means_intervals_paired_differences_and_published_figures(compared):
    table = tabulate_comparison(compared, BOOTSTRAP, SEED)
    assert len(table) == 9
    for metric in ("ssim", "mse", "ms_ssim", "ssim_brain", "psnr_brain"):
        finite = table[np.isfinite(table[metric])]
        assert (finite[f"{metric}_low"] <= finite[metric]).all()
        assert (finite[metric] <= finite[f"{metric}_high"]).all()
    lddim = row(table, LDDIM)
    test = compared[(compared.split == "test") & (compared.system == LDDIM) & (compared.steps == 8)]
    assert lddim.ssim == pytest.approx(test.ssim.mean())
    assert (lddim.n_subjects, lddim.n_scans) == (test.subject.nunique(), len(test)) == (6, 8)
    assert lddim.mse_minus_ldae == pytest.approx(0.01, rel=1e-3)
    assert lddim.mse_minus_ldae_high - lddim.mse_minus_ldae_low < 1e-4  # the loss is the same for every scan
    assert lddim.ssim_minus_ldae < 0
    assert np.isnan(row(table, DAE, OWN_GRID).mse_minus_ldae)
    assert (table.loc[table.system == LDAE, "mse_minus_ldae"] == 0).all()
    assert row(table, DAE, OWN_GRID).paper_latent_size == 1_605_632
    assert row(table, AUTOENCODER, steps=None).paper_ssim_win3 == 0.962
    assert row(table, DAE, OWN_GRID).paper_lpips_squeeze == 0.030
    assert table["lpips_vgg"].isna().all()
    assert set(table["note"]) == {"no weights"}


def test_the_published_figures_are_each_systems_own(compared):
    table = tabulate_comparison(compared, BOOTSTRAP, SEED).drop_duplicates("system").set_index("system")
    published = table[["paper_latent_size", "paper_ssim_win3", "paper_lpips_squeeze", "paper_mse"]]
    assert list(published.loc[LDAE]) == [5_888, 0.962, 0.075, 0.001]
    assert list(published.loc[LDDIM]) == list(published.loc[AUTOENCODER]) == [5_120, 0.962, 0.075, 0.001]
    assert list(published.loc[DAE]) == [1_605_632, 0.892, 0.030, 0.001]


def test_each_system_is_held_against_ldae_at_the_same_t_and_the_autoencoder_at_the_largest(compared):
    """LDAE's own error made to depend on T shows which T was taken."""
    compared.loc[compared.system == LDAE, "mse"] = 0.1 * compared.loc[compared.system == LDAE, "steps"].astype(float)
    table = tabulate_comparison(compared, BOOTSTRAP, SEED)
    assert row(table, LDDIM, steps=4).mse_minus_ldae == pytest.approx(0.04 - 0.4, rel=1e-3)
    assert row(table, LDDIM, steps=8).mse_minus_ldae == pytest.approx(0.01 - 0.8, rel=1e-3)
    assert row(table, AUTOENCODER, steps=None).mse_minus_ldae == pytest.approx(-0.8)


def test_differences_pair_the_same_scan(compared):
    """LDAE's values shuffled in order, not in content, change nothing."""
    rng = np.random.default_rng(1)
    noise = pd.Series(rng.normal(size=len(compared)))
    compared["ssim"] += noise
    shuffled = compared.sample(frac=1, random_state=4)
    order = ["system", "grid", "steps"]
    tables = [tabulate_comparison(t, BOOTSTRAP, SEED).sort_values(order) for t in (compared, shuffled)]
    columns = ["ssim", "ssim_minus_ldae"]
    pd.testing.assert_frame_equal(*(table[columns].reset_index(drop=True) for table in tables))


def test_the_table_is_of_test_subjects_alone(compared):
    changed = compared.copy()
    changed.loc[changed["split"] == "validation", list(COMPARISON_METRICS)] = 0.0
    pd.testing.assert_frame_equal(
        tabulate_comparison(changed, BOOTSTRAP, SEED), tabulate_comparison(compared, BOOTSTRAP, SEED)
    )


def test_intervals_are_over_subjects_by_the_seed_at_the_confidence(compared):
    narrow = BOOTSTRAP.model_copy(update={"confidence": 0.5})
    wide, small, other = (
        row(tabulate_comparison(compared, *options), LDDIM)
        for options in ((BOOTSTRAP, SEED), (narrow, SEED), (BOOTSTRAP, SEED + 1))
    )
    assert wide.ssim_high - wide.ssim_low > small.ssim_high - small.ssim_low > 0
    assert wide.ssim == other.ssim
    assert wide.ssim_low != other.ssim_low
    one = compared.assign(subject="S1", session=compared.subject + compared.session)
    alone = row(tabulate_comparison(one, BOOTSTRAP, SEED), LDDIM)
    assert alone.ssim_low == pytest.approx(alone.ssim_high)
