import types

import pandas as pd
import pytest
import torch
from torch.nn import functional as F

from ldae.config.names import AUTOENCODER, DAE, LDAE, LDDIM
from ldae.config.partial import partial_config
from ldae.data.volumes import read_volumes
from ldae.errors import UserError
from ldae.evaluation.measure import comparison
from ldae.evaluation.measure.comparison import (
    COMPARISON_METRICS,
    compare,
    compared_scans,
    measure_comparison,
    measure_similarity,
    read_comparison,
    rebuild,
    systems_of,
)
from ldae.evaluation.measure.lpips import Lpips
from ldae.evaluation.measure.metrics import ms_ssim, mse, psnr, ssim, ssim_box_and_inside
from ldae.files import write_table
from tests.unit.evaluation.kept import no_lpips, write_sidecars
from tests.unit.evaluation.systems import NO_LPIPS, OPTIONS, SEED, HalfGrid, Unconditional

MODEL_GRID, OWN_GRID = "24x28x24", "12x14x12"


def test_every_held_out_scan_system_grid_and_t_has_a_row(compared, large):
    held_out = large[large["split"] != "train"]
    counts = compared.groupby(["system", "grid"]).size().to_dict()
    assert counts == {
        (LDAE, MODEL_GRID): 2 * len(held_out),
        (LDDIM, MODEL_GRID): 2 * len(held_out),
        (AUTOENCODER, MODEL_GRID): len(held_out),
        (DAE, OWN_GRID): 2 * len(held_out),
        (DAE, MODEL_GRID): 2 * len(held_out),
    }
    assert set(compared["subject"]) == set(held_out["subject"])
    splits = compared.drop_duplicates(["subject", "session"]).merge(held_out, on=["subject", "session"])
    assert (splits["split_x"] == splits["split_y"]).all()
    assert set(splits["split_x"]) == {"validation", "test"}
    assert compared.loc[compared.system == AUTOENCODER, "steps"].isna().all()
    assert (compared.loc[compared.system == AUTOENCODER, "solver"] == "").all()
    assert (compared.loc[compared.system != AUTOENCODER, "solver"] == "2m").all()
    assert set(compared.loc[compared.grid == OWN_GRID, "grid_spacing_mm"]) == {10.0}
    assert set(compared.loc[compared.grid == MODEL_GRID, "grid_spacing_mm"]) == {5.0}
    scales = compared.groupby("grid")["ms_ssim_scales"].unique()
    assert (list(scales[OWN_GRID]), list(scales[MODEL_GRID])) == ([1], [2])


def test_the_latent_is_counted_with_all_its_channels(compared):
    sizes = compared.groupby("system")["latent_size"].unique()
    voxels, own = 24 * 28 * 24, 12 * 14 * 12
    assert {name: list(size) for name, size in sizes.items()} == {
        LDAE: [voxels + 2],
        LDDIM: [voxels],
        AUTOENCODER: [voxels],
        DAE: [own + 1],
    }


def test_every_channel_of_a_latent_counts(fake_ldae):
    fake_ldae.encode_image = lambda x: x.repeat(1, 3, 1, 1, 1)
    fake_ldae.decode_image = lambda z_0: z_0.mean(1, keepdim=True)
    ldae, *_ = systems_of(fake_ldae, None)
    ((_, size, _, _),) = rebuild(ldae, torch.rand(2, 1, 12, 14, 12), [4], "2m")
    assert size == 3 * 12 * 14 * 12 + 2


def test_an_exact_system_is_perfect_and_a_lossy_one_is_not(compared):
    means = compared.groupby(["system", "grid", "steps"], dropna=False)[["mse", "ssim"]].mean()
    assert means.loc[(LDAE, MODEL_GRID, 8), "mse"] < 1e-12
    assert means.loc[(LDDIM, MODEL_GRID, 8), "mse"] == pytest.approx(0.01, rel=1e-3)
    assert means.loc[(LDDIM, MODEL_GRID, 4), "mse"] == pytest.approx(0.04, rel=1e-3)
    assert means.loc[(DAE, OWN_GRID, 4), "mse"] == pytest.approx(0.025**2, rel=1e-3)
    assert means.loc[(DAE, OWN_GRID, 8), "mse"] == pytest.approx(0.0125**2, rel=1e-3)
    assert means.loc[(DAE, MODEL_GRID, 8), "mse"] > means.loc[(DAE, OWN_GRID, 8), "mse"]


def test_what_is_written_is_read(compared, tmp_path):
    write_table(tmp_path / "scans.csv", compared)
    pd.testing.assert_frame_equal(read_comparison(tmp_path / "scans.csv"), compared, check_dtype=False)


def test_a_system_of_its_own_grid_is_judged_on_both_against_the_scan():
    """On its grid against the scan brought to it, not the scan's rest; on the model grid against the scan itself."""
    dae = next(system for system in systems_of(None, HalfGrid()) if system.name == DAE)
    scan = torch.rand(1, 1, 24, 28, 24, generator=torch.Generator().manual_seed(3))
    (_, _, own, own_target), (_, _, back, target) = rebuild(dae, scan, [4], "2m")
    torch.testing.assert_close(own_target, F.interpolate(scan, scale_factor=0.5, mode="trilinear"))
    torch.testing.assert_close(own, own_target + 0.025)
    assert torch.equal(target, scan)
    torch.testing.assert_close(back, F.interpolate(own, scan.shape[2:], mode="trilinear"))


def test_the_autoencoder_does_not_go_through_the_diffusion(fake_ldae):
    fake_ldae.encode_stochastic = fake_ldae.decode_stochastic = None
    fake_ldae.autoencoder_error = 0.1
    autoencoder = next(system for system in systems_of(fake_ldae, HalfGrid()) if system.name == AUTOENCODER)
    scan = torch.rand(2, 1, 12, 14, 12)
    (number, _, rebuilt, target), *rest = rebuild(autoencoder, scan, [4], "2m")
    assert number is None
    assert not rest
    assert torch.equal(target, scan)
    torch.testing.assert_close(rebuilt, scan + 0.1)


def test_sampler_and_steps_are_the_same_both_ways_and_lddim_gets_no_code(fake_ldae, monkeypatch):
    seen = []

    def walk(z, y_sem, steps, solver):
        seen.append((y_sem is not None, steps, solver))
        return z

    monkeypatch.setattr(fake_ldae, "encode_stochastic", walk, raising=False)
    monkeypatch.setattr(fake_ldae, "decode_stochastic", walk, raising=False)
    ldae, lddim, *_ = systems_of(fake_ldae, HalfGrid())
    for system in (ldae, lddim):
        list(rebuild(system, torch.rand(1, 1, 12, 14, 12), [3, 5], "ddim"))
    assert (
        seen == [(True, 3, "ddim")] * 2 + [(True, 5, "ddim")] * 2 + [(False, 3, "ddim")] * 2 + [(False, 5, "ddim")] * 2
    )


def test_the_brain_is_where_the_scan_is_above_zero_whatever_was_rebuilt():
    """A reconstruction that loses some of the brain and fills some of the background hides neither."""
    generator = torch.Generator().manual_seed(2)
    scan = torch.rand(2, 1, 24, 24, 24, generator=generator) * 0.5 + 0.2
    scan[..., :8] = 0
    rebuilt = scan + 0.1 * torch.rand(scan.shape, generator=generator)
    rebuilt[..., 16:, :] = 0
    rebuilt[..., :8] = 0.9
    lpips = Lpips({"vgg": lambda a, b: (a - b).flatten(1).mean(1)})
    values, brain = measure_similarity(rebuilt, scan, lpips), scan > 0
    assert set(values) == {*COMPARISON_METRICS, "lpips_vgg"}
    torch.testing.assert_close(values["ssim"], ssim(rebuilt, scan))
    torch.testing.assert_close(values["ssim_win3"], ssim(rebuilt, scan, 3))
    torch.testing.assert_close(values["ssim_brain"], ssim_box_and_inside(rebuilt, scan, brain)[1])
    assert not torch.allclose(values["ssim_brain"], ssim_box_and_inside(rebuilt, scan, rebuilt > 0)[1])
    for name, metric in (("psnr", psnr), ("mse", mse)):
        torch.testing.assert_close(values[name], metric(rebuilt, scan))
        torch.testing.assert_close(values[f"{name}_brain"], metric(rebuilt, scan, brain))
        assert not torch.allclose(values[f"{name}_brain"], metric(rebuilt, scan, rebuilt > 0))
    squares = [((a - b) ** 2)[b > 0].mean() for a, b in zip(rebuilt, scan, strict=True)]
    torch.testing.assert_close(values["mse_brain"], torch.stack(squares))
    torch.testing.assert_close(values["ms_ssim"], ms_ssim(rebuilt, scan))
    torch.testing.assert_close(values["lpips_vgg"], (rebuilt - scan).flatten(1).mean(1))
    assert torch.isnan(measure_similarity(rebuilt, scan, NO_LPIPS)["lpips_vgg"]).all()


def test_each_row_holds_its_own_scans_values(fake_ldae, large):
    """An error that differs from scan to scan comes back beside the right subject and session."""
    fake_ldae.decode_image = lambda z_0: z_0 * 1.5
    held_out = compared_scans(large, None, SEED)
    found = compare(systems_of(fake_ldae, HalfGrid())[:1], held_out, **OPTIONS | {"steps": [4], "batch_size": 3})
    wanted = (0.5 * read_volumes(held_out["path"].tolist())).square().mean((1, 2, 3, 4))
    assert found["subject"].tolist() == held_out["subject"].tolist()
    torch.testing.assert_close(torch.tensor(found["mse"].to_numpy()), wanted.double(), rtol=1e-4, atol=0)


def test_the_rule_writes_what_the_configuration_asks_for(fake_ldae, large, tmp_path, monkeypatch):
    """The comparison's own steps, not the sampler's; both models of the folder; the batch and the voxel size."""
    asked = []
    codecs = {"LatentDiffusionAutoencoder": Unconditional(fake_ldae), "VoxelDiffusionAutoencoder": HalfGrid()}
    for name, codec in codecs.items():
        loaded = types.SimpleNamespace(load=lambda folder, own, codec=codec: asked.append((folder, own)) or codec)
        monkeypatch.setattr(comparison, name, loaded)
    monkeypatch.setattr(comparison, "load_lpips", no_lpips)
    settings = {"comparison": {"steps": [6], "validation_scans": 2}, "batch_size": 5, "lpips_nets": ["vgg"]}
    sampling, grid = {"solver": "ddim"}, {"grid_spacing_mm": 2.5}
    config = partial_config({"seed": SEED, "sampling": sampling, "preprocessing": grid, "evaluation": settings})
    few = large[large["split"] != "train"].groupby("split").head(4)
    few.to_csv(tmp_path / "scans.csv", index=False)
    models, files = write_sidecars(tmp_path, "dae"), {"vgg": None}
    kept = {"parts_dir": tmp_path / "parts", "code": "c"}
    measure_comparison(tmp_path / "scans.csv", models, config, files, tmp_path / "table.csv", **kept)
    found = read_comparison(tmp_path / "table.csv")
    assert asked == [(models, config)] * 2
    assert fake_ldae.batches == [5, 1]
    assert found.groupby("split")["session"].count().to_dict() == {"test": 4 * 5, "validation": 2 * 5}
    drawn = compared_scans(few, 2, SEED)
    assert set(found["subject"]) == set(drawn["subject"])
    assert set(found["system"]) == {LDAE, LDDIM, DAE, AUTOENCODER}
    assert set(found["steps"].dropna()) == {6}
    assert set(found["solver"]) == {"ddim", ""}
    assert set(found["note"]) == {f"no vgg in {files} for cpu"}
    assert set(found["grid_spacing_mm"]) == {2.5, 5.0}


def test_lpips_is_empty_on_a_grid_too_small_for_its_backbone_and_the_row_says_so(fake_ldae, large):
    lpips = Lpips({"vgg": lambda rebuilt, scan: (rebuilt - scan).flatten(1).mean(1)})
    held_out = compared_scans(large, None, SEED)
    found = compare(systems_of(Unconditional(fake_ldae), HalfGrid()), held_out, **OPTIONS | {"lpips": lpips})
    small = found["grid"] == "12x14x12"
    assert small.any() and found.loc[small, "lpips_vgg"].isna().all()
    assert set(found.loc[small, "note"]) == {"lpips_vgg not available: it needs sides of at least 16 voxels"}
    assert found.loc[~small, "lpips_vgg"].notna().all() and (found.loc[~small, "note"] == "").all()


def test_no_test_scan_is_said(scans):
    with pytest.raises(UserError, match="test scans"):
        compared_scans(scans[scans["split"] != "test"], None, SEED)
