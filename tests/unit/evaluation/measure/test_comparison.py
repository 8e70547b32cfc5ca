import numpy as np
import pandas as pd
import pytest
import torch
from torch.nn import functional as F

from ldae.errors import UserError
from ldae.evaluation.measure.comparison import (
    AUTOENCODER,
    DAE,
    LDAE,
    LDDIM,
    METRICS,
    best_steps,
    compare,
    measure,
    read_comparison,
    rebuild,
    summarise,
    systems_of,
)
from ldae.files import write_table

OPTIONS = dict(steps=[4, 8], solver="2m", spacing_mm=5.0, batch_size=4, lpips=None, note="no weights")
BOOTSTRAP = dict(draws=200, confidence=0.95, seed=0)


class HalfGrid:
    """A codec on a grid of half the size; it also needs y_sem to come back exactly."""

    def encode_image(self, x):
        return F.interpolate(x, scale_factor=0.5, mode="trilinear") * 2 - 1

    def decode_image(self, z_0):
        return (z_0 + 1) / 2

    def encode_semantic(self, x):
        return x.mean((1, 2, 3, 4))[:, None]

    def encode_stochastic(self, z_0, y_sem, steps, solver):
        return z_0 - y_sem.view(-1, 1, 1, 1, 1)

    def decode_stochastic(self, z_T, y_sem, steps, solver):
        return z_T + y_sem.view(-1, 1, 1, 1, 1) + 0.2 / steps


class Unconditional:
    """LDAE's stand-in that loses something of the scan without y_sem."""

    def __init__(self, ldae):
        self.ldae = ldae

    def __getattr__(self, name):
        return getattr(self.ldae, name)

    def encode_stochastic(self, z_0, y_sem, steps, solver):
        return z_0 if y_sem is None else self.ldae.encode_stochastic(z_0, y_sem, steps, solver)

    def decode_stochastic(self, z_T, y_sem, steps, solver):
        return z_T + 0.1 if y_sem is None else self.ldae.decode_stochastic(z_T, y_sem, steps, solver)


@pytest.fixture
def large(dataset):
    """The dataset on a grid that halves to one large enough for the windows; a training subject for validation."""
    import nibabel as nib

    for path in dataset["path"]:
        volume = np.repeat(np.repeat(np.repeat(nib.load(path).get_fdata(dtype=np.float32), 2, 0), 2, 1), 2, 2)
        nib.save(nib.Nifti1Image(volume, np.eye(4)), path)
    return dataset.assign(split=dataset["split"].mask(dataset["subject"] == "ADNItrain3", "validation"))


@pytest.fixture
def scans(fake_ldae, large):
    return compare(systems_of(Unconditional(fake_ldae), HalfGrid()), large, **OPTIONS)


def test_every_test_scan_system_grid_and_t_has_a_row(scans, large):
    test = (large["split"] != "train").sum()
    counts = scans.groupby(["system", "grid"]).size().to_dict()
    assert counts == {
        (LDAE, "24x28x24"): 2 * test,
        (LDDIM, "24x28x24"): 2 * test,
        (AUTOENCODER, "24x28x24"): test,
        (DAE, "12x14x12"): 2 * test,
        (DAE, "24x28x24"): 2 * test,
    }
    assert scans.loc[scans.system == AUTOENCODER, "steps"].isna().all()
    assert set(scans.loc[scans.grid == "12x14x12", "grid_spacing_mm"]) == {10.0}


def test_the_latent_is_counted_with_all_its_channels(scans):
    sizes = scans.groupby("system")["latent_size"].unique()
    voxels, own = 24 * 28 * 24, 12 * 14 * 12
    assert {name: list(size) for name, size in sizes.items()} == {
        LDAE: [voxels + 2],
        LDDIM: [voxels],
        AUTOENCODER: [voxels],
        DAE: [own + 1],
    }


def test_an_exact_system_is_perfect_and_a_lossy_one_is_not(scans):
    means = scans.groupby(["system", "grid", "steps"], dropna=False)[["mse", "ssim"]].mean()
    assert means.loc[(LDAE, "24x28x24", 8), "mse"] < 1e-12
    assert means.loc[(LDDIM, "24x28x24", 8), "mse"] == pytest.approx(0.01, rel=1e-3)
    assert means.loc[(DAE, "12x14x12", 4), "mse"] == pytest.approx(0.025**2, rel=1e-3)
    assert means.loc[(DAE, "12x14x12", 4), "mse"] > means.loc[(DAE, "12x14x12", 8), "mse"]
    assert means.loc[(DAE, "24x28x24", 8), "mse"] > means.loc[(DAE, "12x14x12", 8), "mse"]


def test_what_is_written_is_read(scans, tmp_path):
    write_table(tmp_path / "scans.csv", scans)
    pd.testing.assert_frame_equal(read_comparison(tmp_path / "scans.csv"), scans, check_dtype=False)


def test_inside_the_brain_the_background_does_not_count():
    scan = torch.zeros(1, 1, 24, 24, 24)
    scan[..., 8:16, 8:16, 8:16] = 0.5
    rebuilt = torch.where(scan > 0, scan + 0.1, scan)
    values = measure(rebuilt, scan, None)
    assert set(values) == set(METRICS)
    assert values["mse_brain"].item() == pytest.approx(0.01)
    assert values["mse"].item() < 0.001
    assert values["psnr_brain"].item() == pytest.approx(20, abs=1e-3)
    assert torch.isnan(values["lpips"]).all()


def test_the_table_has_means_intervals_paired_differences_and_published_figures(scans):
    table = summarise(scans, **BOOTSTRAP)
    rows = table.set_index(["system", "grid", "steps"])
    assert len(rows) == 9
    for metric in ("ssim", "mse", "ms_ssim", "ssim_brain"):
        assert (table[f"{metric}_low"] <= table[metric]).all() and (table[metric] <= table[f"{metric}_high"]).all()
    lddim = rows.loc[(LDDIM, "24x28x24", 8)]
    assert lddim.mse_minus_ldae == pytest.approx(0.01, rel=1e-3)
    assert lddim.mse_minus_ldae_high - lddim.mse_minus_ldae_low < 1e-4  # the loss is the same for every scan
    assert np.isnan(rows.loc[(DAE, "12x14x12", 8)].mse_minus_ldae)
    assert (rows.loc[LDAE, "mse_minus_ldae"] == 0).all()
    assert rows.loc[(DAE, "12x14x12", 8)].paper_latent_size == 1_605_632
    assert table["lpips"].isna().all() and set(table["note"]) == {"no weights"}


def test_the_autoencoder_does_not_go_through_the_diffusion(fake_ldae):
    fake_ldae.encode_stochastic = fake_ldae.decode_stochastic = None
    autoencoder = next(system for system in systems_of(fake_ldae, HalfGrid()) if system.name == AUTOENCODER)
    scan = torch.rand(2, 1, 12, 14, 12)
    (number, _, rebuilt, target), *rest = rebuild(autoencoder, scan, [4], "2m")
    assert number is None and not rest
    torch.testing.assert_close(rebuilt, target)


def test_no_test_scan_is_said(fake_ldae, dataset):
    with pytest.raises(UserError, match="test scans"):
        compare(systems_of(fake_ldae, HalfGrid()), dataset[dataset["split"] == "train"], **OPTIONS)


def test_the_table_is_of_test_subjects_alone(scans, large):
    assert set(scans["subject"]) == set(large.loc[large["split"] != "train", "subject"])
    changed = scans.copy()
    changed.loc[changed["split"] == "validation", list(METRICS)] = 0.0
    pd.testing.assert_frame_equal(summarise(changed, **BOOTSTRAP), summarise(scans, **BOOTSTRAP))


def test_the_own_number_of_steps_is_chosen_on_validation_scans():
    rows = [
        (name, split, steps, 5.0, ssim)
        for name, validation in (("a", (0.90, 0.95, 0.9505)), ("b", (0.90, 0.92, 0.95)))
        for steps, own in zip((5, 10, 20), validation, strict=True)
        for split, ssim in (("validation", own), ("test", 1 - own))
    ]
    table = pd.DataFrame(rows, columns=["system", "split", "steps", "grid_spacing_mm", "ssim"])
    own_grid = table[table.system == "b"].assign(grid_spacing_mm=10.0, ssim=0.95)
    assert best_steps(table) == {"a": 10, "b": 20}
    assert best_steps(pd.concat([table, own_grid])) == {"a": 10, "b": 5}
    assert best_steps(table[table.split == "test"]) == {"a": 20, "b": 20}
