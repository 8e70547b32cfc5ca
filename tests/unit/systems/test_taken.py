"""A model of another cohort: what it must share with a configuration, and that its subjects are others."""

from __future__ import annotations

import shutil
from copy import deepcopy

import pandas as pd
import pytest
import yaml

import ldae
from ldae.config.base import Section
from ldae.errors import UserError
from ldae.files import hash_file, read_json, write_json
from ldae.networks.diffusion import build_schedule
from ldae.systems.ldae import PARTS, LatentDiffusionAutoencoder
from ldae.systems.settings import check_place, check_settings, fingerprint_model
from ldae.systems.taken import PROBE_SUBJECTS, take_models
from ldae.weights import save_weights
from tests.unit.systems.trained import complete

FITTED = {"train": ["S00", "S01"], "validation": ["S02"]}


@pytest.fixture(scope="module")
def whole(tmp_path_factory, config, modules):
    """The folder of a whole model whose sidecars name subjects; not to be changed."""
    modules, folder = deepcopy(modules), tmp_path_factory.mktemp("models")
    for name, module in modules.items():
        sections, parents = PARTS[name]
        described = {"config": config.model_dump(mode="json", include=set(sections)), "subjects": FITTED}
        described["parents"] = {parent: hash_file(folder / f"{parent}.safetensors") for parent in parents}
        save_weights(module, folder / f"{name}.safetensors", described)
    complete(folder, LatentDiffusionAutoencoder(*modules.values(), build_schedule(config.diffusion)), config)
    seen = {"train": ["S00"], "validation": ["S03"]}
    write_json(folder / "probe_subjects.json", {"AD vs CN": {"LDAE": seen, "PCA": FITTED}, "age": {"LDAE": seen}})
    return folder


@pytest.fixture
def source(whole, tmp_path):
    return shutil.copytree(whole, tmp_path / "source")


@pytest.fixture
def take(source, tmp_path):
    """Take the model for a cohort of these subjects."""

    def run(*subjects: str):
        table = pd.DataFrame({"subject": subjects, "session": "M000", "path": "x.nii.gz", "split": "test"})
        table.assign(image_sha256="0").to_csv(tmp_path / "scans.csv", index=False)
        take_models(source, tmp_path / "scans.csv", tmp_path / "models")
        return tmp_path / "models"

    return run


def changed(config, key: str, value: object) -> Section:
    section, name = key.split(".")
    return config.model_copy(update={section: getattr(config, section).model_copy(update={name: value})})


def test_what_is_taken_is_the_model(take, source):
    taken = take("T00", "T01")
    for path in source.iterdir():
        assert path.name == "probe_subjects.json" or (taken / path.name).read_bytes() == path.read_bytes()
    assert ldae.load(taken, "cpu").probes.keys() == {"ad_cn", "age"}
    seen = {"subjects": {"train": ["S00"], "validation": ["S03"]}}
    assert read_json(taken / PROBE_SUBJECTS) == {"AD vs CN": seen, "age": seen}


def test_a_taken_model_can_be_taken_again(take, source):
    taken = take("T00")
    (source / "probe_subjects.json").write_text("{}")
    shutil.copy2(taken / PROBE_SUBJECTS, source)
    assert read_json(take("U00") / PROBE_SUBJECTS) == read_json(source / PROBE_SUBJECTS)


@pytest.mark.parametrize("subject", ["S01", "S02", "S03"])
def test_a_subject_of_both_cohorts_is_refused_before_anything_is_written(take, tmp_path, subject):
    with pytest.raises(UserError, match=rf"1 in both, such as {subject}\n.*qc_overrides"):
        take("T00", subject)
    assert not (tmp_path / "models").exists()


def test_without_names_nothing_is_claimed(take, source, caplog):
    for name in PARTS:
        record = read_json(source / f"{name}.json")
        del record["subjects"]
        write_json(source / f"{name}.json", record)
    (source / "probe_subjects.json").unlink()
    assert read_json(take("S00") / PROBE_SUBJECTS)["AD vs CN"]["subject_counts"]["train"] > 0
    assert "is not known" in caplog.text


@pytest.mark.parametrize("name", ["ldm.safetensors", "probes.json", "autoencoder.safetensors"])
def test_a_damaged_model_is_refused(take, source, name):
    with (source / name).open("ab") as stream:
        stream.write(b" ")
    with pytest.raises(UserError, match="damaged"):
        take("T00")


def test_weights_of_other_parents_are_refused(take, source):
    record = read_json(source / "ldm.json")
    record["parents"]["latent_statistics"] = "0" * 64
    write_json(source / "ldm.json", record)
    with pytest.raises(UserError, match="latent_statistics"):
        take("T00")


def test_its_own_settings_fit(whole, config, tmp_path):
    check_settings(whole, config, tmp_path / "overlay.yaml")
    others = changed(config, "preprocessing.brain_extraction", "template")
    check_settings(whole, changed(others, "sampling.steps", 7), tmp_path / "overlay.yaml")
    assert not (tmp_path / "overlay.yaml").exists()


def test_all_other_settings_are_named_with_both_values_and_the_cure_works(whole, config, tmp_path):
    given = changed(changed(config, "preprocessing.grid_spacing_mm", 4.5), "encoder.semantic_dim", 24)
    overlay = tmp_path / "overlay.yaml"
    with pytest.raises(UserError) as error:
        check_settings(whole, given, overlay)
    text = str(error.value)
    assert "preprocessing.grid_spacing_mm: 5.0 in the model, 4.5 in the configuration" in text
    assert "encoder.semantic_dim: 8 in the model, 24 in the configuration" in text
    assert text.count("in the model,") == 2 and str(overlay) in text
    mended = yaml.safe_load(overlay.read_text(encoding="utf-8"))
    sections = {name: getattr(given, name).model_copy(update=mended[name]) for name in mended}
    check_settings(whole, given.model_copy(update=sections), tmp_path / "again.yaml")


def test_a_folder_without_a_model_is_refused(config, tmp_path):
    with pytest.raises(UserError, match=r"model\.json"):
        check_settings(tmp_path, config, tmp_path / "overlay.yaml")


def test_no_model_that_was_trained_here_is_replaced(tmp_path):
    results = tmp_path / "results"
    check_place(tmp_path / "elsewhere", results)
    with pytest.raises(UserError, match="this run's own folder"):
        check_place(results / "models", results)
    (results / "training").mkdir(parents=True)
    (results / "training" / "ldm.csv").touch()
    with pytest.raises(UserError, match="ldm, trained here"):
        check_place(tmp_path / "elsewhere", results)


def test_another_model_has_another_fingerprint(source):
    before = fingerprint_model(source)
    (source / "README.md").write_text("words")
    assert fingerprint_model(source) == before
    (source / "ldm.json").write_text("{}")
    assert fingerprint_model(source) != before
