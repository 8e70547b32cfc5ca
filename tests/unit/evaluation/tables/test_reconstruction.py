import pytest

from ldae.evaluation.features.embeddings import extract_embeddings
from ldae.evaluation.measure.reconstruction import AUTOENCODER, ENCODED, SEMANTIC, Plan, reconstruct
from ldae.evaluation.tables.reconstruction import read_reconstructions, summarise
from ldae.files import write_table

COLUMNS = [
    *("model", "start", "solver", "steps", "n_subjects", "n_scans"),
    *("ssim", "ssim_low", "ssim_high", "mse", "mse_low", "mse_high", "lpips", "lpips_low", "lpips_high"),
    *("paper_ssim", "paper_lpips", "paper_mse", "note"),
]


def run(ldae, dataset, lpips=None):
    options = {"batch_size": 3, "examples": 1, "lpips": lpips, "note": "" if lpips else "no weights"}
    plan = Plan(steps=[10, 20], compared_steps=20, solver="2m", seed=0)
    return reconstruct(ldae, dataset, extract_embeddings(ldae.encode_semantic, dataset, 4, "ldae"), plan, **options)


def test_the_table_keeps_its_contract_through_the_file(fake_ldae, dataset, tmp_path):
    fake_ldae.autoencoder_error = 0.1
    scans, _ = run(fake_ldae, dataset)
    write_table(tmp_path / "scans.csv", scans)
    table = summarise(read_reconstructions(tmp_path / "scans.csv"), draws=200, confidence=0.95, seed=0)
    assert list(table.columns) == COLUMNS
    assert list(zip(table["start"], table["steps"].fillna(0), strict=True)) == [
        (ENCODED, 10), (ENCODED, 20), (SEMANTIC, 10), (SEMANTIC, 20), ("", 0),
    ]  # fmt: skip
    assert (table["n_subjects"] == 6).all()
    assert (table["n_scans"] == 7).all()
    autoencoder = table[table["model"] == AUTOENCODER].iloc[0]
    assert autoencoder["mse"] == pytest.approx(0.01)
    assert autoencoder["paper_ssim"] == 0.962
    assert table["paper_ssim"].tolist() == [0.953, 0.960, 0.872, 0.871, 0.962]
    assert table["lpips"].isna().all()
    assert (table["note"] == "no weights").all()
    assert ((table["ssim_low"] <= table["ssim"]) & (table["ssim"] <= table["ssim_high"])).all()


def test_lpips_is_tabulated_where_it_is_available(fake_ldae, dataset):
    scans, _ = run(fake_ldae, dataset, lpips=lambda rebuilt, scan: (rebuilt - scan).abs().flatten(1).mean(1))
    table = summarise(scans, draws=200, confidence=0.95, seed=0)
    assert table["lpips"].notna().all()
    assert (table["note"] == "").all()
