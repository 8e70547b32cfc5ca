import numpy as np
import pandas as pd
import pytest

from ldae.config.names import AUTOENCODER, LDAE
from ldae.evaluation.features.embeddings import extract_embeddings
from ldae.evaluation.measure.lpips import SMALLEST_SIDE, Lpips
from ldae.evaluation.measure.reconstruction import ENCODED, OTHER, SEMANTIC, ReconstructionPlan, reconstruct
from ldae.evaluation.measure.selection import scans_of
from ldae.evaluation.tables.reconstruction import read_reconstructions, tabulate_reconstructions
from ldae.files import write_table
from tests.unit.evaluation.systems import BOOTSTRAP, NO_LPIPS, SEED

COLUMNS = [
    *("model", "start", "solver", "steps", "n_subjects", "n_scans"),
    *("ssim", "ssim_low", "ssim_high", "ssim_win3", "ssim_win3_low", "ssim_win3_high"),
    *("mse", "mse_low", "mse_high", "lpips_vgg", "lpips_vgg_low", "lpips_vgg_high"),
    *("paper_ssim_win3", "paper_lpips_squeeze", "paper_mse", "note"),
]


def run(ldae, scans, lpips=NO_LPIPS):
    plan = ReconstructionPlan(steps=[10, 20], compared_steps=20, solver="2m", seed=SEED)
    embeddings = extract_embeddings(ldae.encode_semantic, scans, 4, "ldae")
    options = {"batch_size": 3, "shown": [0], "lpips": lpips}
    return reconstruct(ldae, scans_of(scans, "test"), embeddings, plan, **options)[0]


def test_the_table_keeps_its_contract_through_the_file(fake_ldae, scans, tmp_path):
    fake_ldae.autoencoder_error = 0.1
    write_table(tmp_path / "scans.csv", run(fake_ldae, scans))
    table = tabulate_reconstructions(read_reconstructions(tmp_path / "scans.csv"), BOOTSTRAP, SEED)
    assert list(table.columns) == COLUMNS
    assert list(zip(table["start"], table["steps"].fillna(0), strict=True)) == [
        (ENCODED, 10), (ENCODED, 20), (SEMANTIC, 10), (SEMANTIC, 20), ("", 0),
    ]  # fmt: skip
    assert (table["n_subjects"] == 6).all()
    assert (table["n_scans"] == 8).all()
    autoencoder = table[table["model"] == AUTOENCODER].iloc[0]
    assert autoencoder["mse"] == pytest.approx(0.01)
    assert table["paper_ssim_win3"].tolist() == [0.953, 0.960, 0.872, 0.871, 0.962]
    assert table["paper_lpips_squeeze"].tolist() == [0.081, 0.077, 0.156, 0.155, 0.075]
    assert table["lpips_vgg"].isna().all()
    assert (table["note"] == "no weights").all()


def test_means_are_over_scans_and_intervals_over_subjects(fake_ldae, scans):
    measured = run(fake_ldae, scans)
    values = pd.Series(np.random.default_rng(2).random(len(measured)))
    measured["ssim"], measured["mse"] = values, 10 + values
    table = tabulate_reconstructions(measured, BOOTSTRAP, SEED)
    for row in table.itertuples():
        group = measured[(measured["start"] == row.start) & ((measured["steps"] == row.steps) | (row.start == ""))]
        assert row.ssim == pytest.approx(group["ssim"].mean())
        assert row.mse == pytest.approx(row.ssim + 10)
        assert row.ssim_low < row.ssim < row.ssim_high
        assert row.mse_low == pytest.approx(10 + row.ssim_low)
    reseeded = tabulate_reconstructions(measured, BOOTSTRAP, SEED + 1)
    assert table["ssim"].equals(reseeded["ssim"])
    assert not table["ssim_low"].equals(reseeded["ssim_low"])
    narrow = tabulate_reconstructions(measured, BOOTSTRAP.model_copy(update={"confidence": 0.3}), SEED)
    assert (narrow["ssim_high"] - narrow["ssim_low"] < table["ssim_high"] - table["ssim_low"]).all()
    alone = tabulate_reconstructions(measured.assign(subject="S1"), BOOTSTRAP, SEED)
    np.testing.assert_allclose(alone["ssim_low"], alone["ssim_high"])


def test_another_subjects_code_is_no_row_of_the_table(fake_ldae, scans):
    measured = run(fake_ldae, scans)
    assert OTHER in set(measured["start"])
    assert OTHER not in set(tabulate_reconstructions(measured, BOOTSTRAP, SEED)["start"])


def test_figures_are_published_at_some_numbers_of_steps_only(fake_ldae, scans):
    measured = run(fake_ldae, scans).replace({"steps": {10: 15}})
    table = tabulate_reconstructions(measured, BOOTSTRAP, SEED).set_index(["model", "start", "steps"])
    assert np.isnan(table.loc[(LDAE, ENCODED, 15), "paper_ssim_win3"])
    assert table.loc[(LDAE, ENCODED, 20), "paper_ssim_win3"] == 0.960
    measured = measured.replace({"steps": {15: 50, 20: 100}})
    table = tabulate_reconstructions(measured, BOOTSTRAP, SEED)
    assert table["paper_ssim_win3"].tolist() == [0.962, 0.962, 0.870, 0.869, 0.962]
    assert table["paper_lpips_squeeze"].tolist() == [0.076, 0.075, 0.155, 0.155, 0.075]
    assert table["paper_mse"].tolist() == [0.001, 0.001, 0.005, 0.005, 0.001]


def test_lpips_is_tabulated_where_it_is_available(fake_ldae, scans, monkeypatch):
    monkeypatch.setitem(SMALLEST_SIDE, "vgg", 12)
    fake_ldae.autoencoder_error = 0.1
    measured = run(
        fake_ldae, scans, lpips=Lpips({"vgg": lambda rebuilt, scan: (rebuilt - scan).abs().flatten(1).mean(1)})
    )
    table = tabulate_reconstructions(measured, BOOTSTRAP, SEED)
    assert table.loc[table["model"] == AUTOENCODER, "lpips_vgg"].item() == pytest.approx(0.1)
    assert (table["note"] == "").all()
