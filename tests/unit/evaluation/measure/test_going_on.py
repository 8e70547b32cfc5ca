"""Every measurement that takes long is killed and run again: the same files, and no batch twice."""

from __future__ import annotations

import types
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch

from ldae.config.partial import partial_config
from ldae.evaluation.features.embeddings import extract_embeddings, write_embeddings
from ldae.evaluation.measure import comparison, counterfactual, interpolation, reconstruction
from ldae.evaluation.measure.parts import Parts
from tests.unit.evaluation.conftest import SHAPE, rehash, write_scan
from tests.unit.evaluation.kept import no_lpips, write_sidecars
from tests.unit.evaluation.measure.test_counterfactual import PROBES
from tests.unit.evaluation.systems import HalfGrid, Unconditional

CONFIG = partial_config(
    {
        "seed": 3,
        "preprocessing": {"grid_shape": [24, 28, 24], "grid_spacing_mm": 7.0, "grid_center_mm": [0.0, -17.0, 5.0]},
        "sampling": {"solver": "2m", "steps": 4, "precision": "32-true"},
        "evaluation": {
            **{"batch_size": 3, "figure_scans": 3, "lpips_nets": ["vgg"]},
            **{"comparison": {"steps": [4], "validation_scans": 2}, "reconstruction": {"steps": [4]}},
            "counterfactual": {"log_odds": [-4.0, 0.0, 2.0], "years": [-10.0, 0.0, 10.0]},
        },
    }
)


class KilledError(Exception):
    """Stands for a signal or a time limit."""


@pytest.fixture
def measurements(fake_ldae, dataset, large, tmp_path, monkeypatch) -> dict[str, Callable[[Path], None]]:
    """Each measurement as a function of the folder that it writes its files and its parts to."""
    for module in (comparison, reconstruction, interpolation, counterfactual):
        loaded = types.SimpleNamespace(load=lambda folder, config: Unconditional(fake_ldae))
        monkeypatch.setattr(module, "LatentDiffusionAutoencoder", loaded)
    monkeypatch.setattr(
        comparison, "VoxelDiffusionAutoencoder", types.SimpleNamespace(load=lambda folder, config: HalfGrid())
    )
    monkeypatch.setattr(comparison, "load_lpips", no_lpips)
    monkeypatch.setattr(reconstruction, "load_lpips", no_lpips)
    monkeypatch.setattr(counterfactual, "read_probes", lambda folder, representation: PROBES)
    models = write_sidecars(tmp_path, "dae")
    for name in ("representation.safetensors", "probes.json"):
        (models / name).touch()
    labels, scans, codes = tmp_path / "dataset.csv", tmp_path / "scans.csv", tmp_path / "ldae.npz"
    rng = np.random.default_rng(8)
    visits = [
        (f"A{i}", f"M{months:03d}", write_scan(tmp_path / f"{i}{months}.nii.gz", rng.random(SHAPE)), months)
        for i in range(2)
        for months in (0, 6, 12, 24)
    ]
    longitudinal = rehash(pd.DataFrame(visits, columns=["subject", "session", "path", "months"]))
    longitudinal.assign(split="test", age=70.0, sex="F", diagnosis="").to_csv(tmp_path / "visits.csv", index=False)
    dataset.to_csv(labels, index=False)
    large.to_csv(scans, index=False)
    embeddings = extract_embeddings(fake_ldae.encode_semantic, large, 4, "ldae")
    write_embeddings(codes, replace(embeddings, weights_sha256="first representation"))

    def kept(folder: Path) -> dict:
        return {"parts_dir": folder / "parts", "code": "c"}

    def reconstruct(folder: Path) -> None:
        written = {"measured": folder / "rebuilt.csv", "examples": folder / "examples.npz"}
        reconstruction.measure_reconstruction(scans, labels, codes, models, CONFIG, {}, **written, **kept(folder))

    def compare(folder: Path) -> None:
        comparison.measure_comparison(scans, models, CONFIG, {}, folder / "compared.csv", **kept(folder))

    def interpolate(folder: Path) -> None:
        visits, output = tmp_path / "visits.csv", folder / "between.csv"
        interpolation.measure_interpolation(visits, models, CONFIG, output, **kept(folder))

    def edit(folder: Path) -> None:
        probes, output = models / "probes.json", folder / "edited.csv"
        counterfactual.measure_counterfactuals(scans, probes, models, CONFIG, output, **kept(folder))

    return {"reconstruction": reconstruct, "comparison": compare, "interpolation": interpolate, "counterfactual": edit}


@pytest.mark.parametrize(
    "name, batches",
    [("reconstruction", 3), ("comparison", 4), ("interpolation", 3 + 3), ("counterfactual", 2)],
)
def test_a_killed_measurement_goes_on_and_writes_the_same(name, batches, measurements, tmp_path, monkeypatch):
    """Killed in every batch but the first: each of them is kept a single time, and the files are equal to the byte."""
    kept, done = Parts._keep, []

    def killed_in_between(self, noun, number, part):
        if done and done[-1] is not KilledError:
            done.append(KilledError)
            raise KilledError
        done.append((noun, number))
        return kept(self, noun, number, part)

    (whole := tmp_path / "whole").mkdir()
    (halting := tmp_path / "halting").mkdir()
    measurements[name](whole)
    with monkeypatch.context() as patched:
        patched.setattr(Parts, "_keep", killed_in_between)
        for _ in range(batches - 1):
            with pytest.raises(KilledError):
                measurements[name](halting)
            assert {path.name for path in halting.iterdir()} == {"parts"}
        measurements[name](halting)
    finished = [each for each in done if each is not KilledError]
    assert len(finished) == len(set(finished)) == batches
    files = sorted(path.name for path in whole.iterdir())
    assert files == sorted(path.name for path in halting.iterdir()) and files and "parts" not in files
    for file in files:
        assert (whole / file).read_bytes() == (halting / file).read_bytes(), file


@pytest.mark.parametrize("name, codes", [("reconstruction", 0), ("comparison", 0), ("interpolation", 3 * 2)])
def test_what_is_decoded_is_measured_where_it_is(name, codes, measurements, tmp_path, monkeypatch):
    """No batch of volumes is moved to the CPU for a metric, only the z_0 and z_T that are kept."""
    moved, original = [], torch.Tensor.cpu
    monkeypatch.setattr(torch.Tensor, "cpu", lambda tensor: moved.append(tensor.ndim) or original(tensor))
    measurements[name](tmp_path)
    assert moved.count(1) and moved.count(5) == codes
