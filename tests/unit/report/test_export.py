"""An exported model: the same numbers from the new folder alone, a card that tells the numbers, and nobody's code."""

import json
import os
import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch

import ldae
from ldae.errors import UserError
from ldae.files import hash_file, read_json, read_record, write_json, write_record
from ldae.report import export
from ldae.report.export import export_model
from ldae.systems.codes import Codes
from ldae.systems.description import write_description
from ldae.systems.ldae import PARTS
from ldae.systems.probe import Calibration, Probe
from ldae.systems.probes import StoredProbes
from ldae.systems.reference import Reference
from ldae.weights import save_tensors, save_weights
from tests.unit.systems.conftest import GRID, config, modules  # noqa: F401  (fixtures)

TRAIN = ["ADNI002S0413", "ADNI002S0559", "ADNI130S4343"]
VALIDATION = ["ADNI941S1195"]
COHORT = {
    "subjects": {"train": 37, "validation": 11, "test": 17},
    "scans": {"train": 41, "validation": 13, "test": 19},
    "diagnoses": {"AD": 29, "CN": 31, "unknown": 3},
}


def a_probe(task: str, positive: str, calibration: Calibration | None) -> Probe:
    rng = np.random.default_rng(len(task))
    vectors = {name: rng.normal(size=8).tolist() for name in ("mean", "weights", "pattern", "difference")}
    numbers = {"intercept": 0.4, "regularisation": 0.1, "threshold": 0.5, "training_subjects": 37}
    return Probe(task=task, positive=positive, scale=[1.5] * 8, calibration=calibration, **vectors, **numbers)


@pytest.fixture
def models(config, modules, tmp_path):  # noqa: F811
    """results/models of a finished run, whose sidecars list subjects and name places on this machine."""
    folder = tmp_path / "results" / "models"
    encoder = config.encoder.model_copy(update={"backbone_weights": "/home/someone/convnext.pth"})
    config = config.model_copy(update={"encoder": encoder})
    for name, module in modules.items():
        sections, parents = PARTS[name]
        told = {"config": config.model_dump(mode="json", include=set(sections)), "seed": 3, "steps": 450}
        told["parents"] = {parent: hash_file(folder / f"{parent}.safetensors") for parent in parents}
        told |= {"subjects": {"train": TRAIN, "validation": VALIDATION}, "best": {"step": 300, "val_loss": 0.0625}}
        save_weights(module, folder / f"{name}.safetensors", told | {"commit": "abc", "versions": {"torch": "9.8.7"}})
    hashes = {name: hash_file(folder / f"{name}.safetensors") for name in PARTS}
    probes = {
        "ad_cn": a_probe("AD vs CN", "AD", Calibration(slope=0.75, intercept=-0.25, subjects=9, covered=(-1.5, 2.5))),
        "age": a_probe("age", "", None),
    }
    stored = StoredProbes(representation_sha256=hashes["representation"], probes=probes)
    write_record(folder / "probes.json", stored.model_dump())
    generator = torch.Generator().manual_seed(1)
    reference = Reference(
        center=torch.zeros(8, dtype=torch.float64),
        precision=torch.eye(8, dtype=torch.float64),
        components=torch.eye(2, 8, dtype=torch.float64),
        map=torch.randn(5, 2, generator=generator, dtype=torch.float64),
        validation=torch.randn(4, 3, generator=generator, dtype=torch.float64),
    )
    save_tensors(vars(reference), folder / "reference.safetensors", {"parents": hashes, "validation_scans": 4})
    write_description(folder, config, COHORT, True, folder / "model.json")
    return folder


@pytest.fixture
def tables(models):
    """Tables of the same run, some of them."""
    folder = models.parent / "tables"
    folder.mkdir()
    counts = {"n_subjects": 17, "n_scans": 19}
    scores = {"metric": "roc_auc", "value": 0.8765, "low": 0.7654, "high": 0.9432} | counts
    rows = [
        {"encoder": "LDAE", "task": "AD vs CN", "scans": "all"} | scores,
        {"encoder": "LDAE", "task": "AD vs CN", "scans": "baseline"} | scores | {"value": 0.1111},
        {"encoder": "training mean", "task": "AD vs CN", "scans": "all"} | scores | {"value": 0.2222},
    ]
    pd.DataFrame(rows).to_csv(folder / "downstream.csv", index=False)
    edit = {"edit": "AD vs CN", "along": "pattern", "measure": "ventricles", "unit": "per log-odds", "value": 0.0321}
    edit |= {"low": 0.0123, "high": 0.0456, "observed": 0.0654, "observed_low": 0.0612, "observed_high": 0.0698}
    pd.DataFrame([edit | counts]).to_csv(folder / "counterfactual.csv", index=False)
    calibration = {"task": "AD vs CN", "brier": 0.1357, "brier_low": 0.1123, "brier_high": 0.1579, "note": np.nan}
    pd.DataFrame([calibration]).to_csv(folder / "calibration.csv", index=False)
    return folder


def scans() -> torch.Tensor:
    return torch.rand(3, 1, *GRID, generator=torch.Generator().manual_seed(5))


def everything(folder: Path) -> list[torch.Tensor]:
    """What a loaded model says of scans and makes of them."""
    model = ldae.load(folder, "cpu")
    codes, predicted, known = model.encode(scans()), model.predict(scans()), model.familiarity(scans())
    assert isinstance(codes, Codes)
    numbers = [torch.from_numpy(predicted.to_numpy()), torch.from_numpy(known.place)]
    return [*vars(codes).values(), *numbers, model.manipulate(codes, "AD", [-1.0, 2.0]), model.sample(2)]


def test_the_exported_folder_alone_gives_the_same_numbers(models, tmp_path):
    before = everything(models)
    export_model(models, tmp_path / "out")
    shutil.rmtree(models.parent)
    after = everything(tmp_path / "out")
    assert len(before) == len(after) == 7
    assert all(torch.equal(one, other) for one, other in zip(before, after, strict=True))
    assert not any(torch.isnan(part).any() for part in after)


def test_no_byte_of_it_tells_a_subject_or_a_place(models, tables, tmp_path):
    secrets = [text.encode() for text in (*TRAIN, *VALIDATION, "/home/someone", str(tmp_path))]
    originals = b"\n".join(path.read_bytes() for path in models.iterdir())
    assert [secret in originals for secret in secrets] == [True] * 5 + [False]
    export_model(models, tmp_path / "out")
    files = [path for path in (tmp_path / "out").rglob("*") if path.is_file()]
    assert len(files) == len(list(models.iterdir())) + 1
    for path in files:
        content = path.read_bytes()
        assert not [secret for secret in secrets if secret in content], path.name


def test_a_sidecar_keeps_what_it_was_made_from_and_says_how_many_subjects(models, tmp_path):
    export_model(models, tmp_path / "out")
    old, new = (read_json(folder / "representation.json") for folder in (models, tmp_path / "out"))
    assert new["subject_counts"] == {"train": 3, "validation": 1}
    for key in ("parents", "weights_sha256", "seed", "steps", "best", "commit", "versions"):
        assert new[key] == old[key]
    assert new["config"]["encoder"] == old["config"]["encoder"] | {"backbone_weights": "convnext.pth"}
    assert "subjects" not in new


def test_a_field_that_a_later_version_adds_stays_at_home(models, tmp_path):
    sidecar = models / "ldm.json"
    write_json(sidecar, read_json(sidecar) | {"people": TRAIN})
    export_model(models, tmp_path / "out")
    assert "people" not in read_json(tmp_path / "out" / "ldm.json")


def test_the_card_tells_cohort_numbers_with_intervals_probes_and_terms(models, tables, tmp_path):
    export_model(models, tmp_path / "out")
    card = (tmp_path / "out" / "README.md").read_text()
    for text in (
        "| subjects | 37 | 11 | 17 |",
        "| scans | 41 | 13 | 19 |",
        "AD 29, CN 31, unknown 3.",
        "| AD vs CN | roc_auc | 0.8765 [0.7654, 0.9432] | 17 | 19 |",
        "| AD vs CN | pattern | ventricles | per log-odds | 0.0321 [0.0123, 0.0456] | 0.0654 [0.0612, 0.0698] | 17 |",
        "| AD vs CN | 0.1357 [0.1123, 0.1579] |  |",
        "Not at hand when this folder was written: reconstruction.csv.",
        "calibrated by Platt's method on 9 validation subjects (slope\n  0.75, intercept -0.25)",
        "16 × 16 × 16 voxels of 5.0 mm",
        "| representation |",
        "| 450 | 0.0625 |",
        "torch 9.8.7",
        "fabricated cohort",
        "no medical device",
        "## Licence",
        hash_file(models / "ldm.safetensors"),
    ):
        assert text in card, text
    assert "0.1111" not in card and "0.2222" not in card
    assert "\n\n\n" not in card


def test_the_card_of_people_is_no_phantoms_and_asks_for_a_licence(models, tmp_path):
    path = models / "model.json"
    write_record(path, read_record(path) | {"phantom": False})
    export_model(models, tmp_path / "out")
    card = (tmp_path / "out" / "README.md").read_text()
    assert "fabricated" not in card and "nobody's data" not in card
    assert "Data Use Agreement" in card
    assert "reconstruction.csv, downstream.csv, calibration.csv, counterfactual.csv" in card


def test_a_folder_that_is_there_is_refused_or_replaced_as_a_whole(models, tmp_path):
    output = tmp_path / "out"
    output.mkdir()
    (output / "mine.txt").write_text("mine")
    with pytest.raises(UserError, match="something there"):
        export_model(models, output)
    assert [path.name for path in output.iterdir()] == ["mine.txt"]
    export_model(models, output, overwrite=True)
    assert not (output / "mine.txt").exists()
    assert ldae.load(output, "cpu")


@pytest.mark.parametrize("place", ["models", ".", ".."])
def test_the_model_itself_is_never_overwritten(models, place):
    with pytest.raises(UserError, match="the model itself"):
        export_model(models, models.parent / place, overwrite=True)
    assert ldae.load(models, "cpu")


def test_a_failure_leaves_nothing_and_what_was_there(models, tmp_path, monkeypatch):
    output = tmp_path / "out"
    export_model(models, output)
    (output / "mine.txt").write_text("mine")

    def fail(*_):
        raise OSError("disk full")

    monkeypatch.setattr(export, "write_card", fail)
    with pytest.raises(OSError, match="disk full"):
        export_model(models, output, overwrite=True)
    assert (output / "mine.txt").exists()
    assert sorted(os.listdir(tmp_path)) == ["out", "results"]


def test_a_sidecar_of_another_file_or_none_is_refused(models, tmp_path):
    sidecar = models / "autoencoder.json"
    told = json.loads(sidecar.read_text())
    for content in (told | {"weights_sha256": "0" * 64}, None):
        sidecar.unlink()
        if content:
            write_json(sidecar, content)
        with pytest.raises(UserError, match=r"autoencoder\.(json|safetensors)"):
            export_model(models, tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_a_damaged_file_is_not_exported(models, tmp_path):
    """Its sidecar and the description are whole; the copy is loaded before it gets its name."""
    content = bytearray((models / "ldm.safetensors").read_bytes())
    content[-5] ^= 1
    (models / "ldm.safetensors").write_bytes(content)
    with pytest.raises(UserError, match="ldm"):
        export_model(models, tmp_path / "out")
    assert not (tmp_path / "out").exists()
