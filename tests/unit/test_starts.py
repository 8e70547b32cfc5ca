"""What trainings start from counts by its content: another file of the same name trains anew."""

from __future__ import annotations

import os
from inspect import signature

import pytest

from ldae.config.published import FILES, PublishedFile
from tests.rules import describe_nothing, parse_rules

NETWORKS = ("autoencoder", "ldm", "representation")
OTHERS = {
    "autoencoder": ("autoencoder", "perceptual_weights"),
    "representation": ("encoder", "backbone_weights"),
    "dae": ("encoder", "backbone_weights"),
    "supervised": ("encoder", "backbone_weights"),
}


@pytest.fixture(scope="module")
def given(tmp_path_factory):
    """A folder of weights, and the rules of a run that starts from all of them."""
    place = tmp_path_factory.mktemp("given")
    for name in (*(f"{name}.safetensors" for name in NETWORKS), "autoencoder.pth", "encoder.pth"):
        (place / name).write_text(name)
    settings: dict = {name: {"init_from": str(place)} for name in NETWORKS}
    for section, name in OTHERS.values():
        settings.setdefault(section, {})[name] = str(place / f"{section}.pth")
    return place, parse_rules(settings, tmp_path_factory.mktemp("run"))


def starts(rule):
    """What the param holds when a job needs it."""
    return dict(rule.params.items())["starts"](None)


@pytest.mark.parametrize(
    "stage, file",
    [(name, f"{name}.safetensors") for name in NETWORKS]
    + [(stage, f"{section}.pth") for stage, (section, _) in OTHERS.items()],
)
def test_another_content_behind_the_same_name_and_time_trains_that_stage_again(given, stage, file):
    place, rules = given
    before = {name: starts(rules[name]) for name in ("ldm", *OTHERS)}
    path, times = place / file, (place / file).stat()
    path.write_text(file.upper())
    os.utime(path, ns=(times.st_atime_ns, times.st_mtime_ns))
    after = {name: starts(rules[name]) for name in before}
    path.write_text(file)
    changed = {name for name in before if before[name] != after[name]}
    assert stage in changed
    assert changed <= ({stage} if file.endswith("safetensors") or stage == "autoencoder" else set(OTHERS))
    assert {name: starts(rules[name]) for name in before} == before


def param(rule, name):
    """What a job gets."""
    value = dict(rule.params.items())[name]
    return value(*[None] * len(signature(value).parameters))


def test_each_training_reads_the_file_that_its_setting_names(given):
    place, rules = given
    for stage, (section, _) in OTHERS.items():
        assert param(rules[stage], "pretrained") == place / f"{section}.pth"
    assert param(rules["ldm"], "pretrained") is None


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """A folder of published files whose content is taken for right, and an empty cache of torch hub."""
    monkeypatch.setenv("TORCH_HOME", str(tmp_path / "hub"))
    monkeypatch.setattr(PublishedFile, "sha256_prefix", "")
    (tmp_path / "weights").mkdir()
    for name in ("squeezenet", "convnext_small", "medicalnet", "alexnet"):
        (tmp_path / "weights" / FILES[name].file).write_text(name)
    return tmp_path / "weights"


def parse(folder, **settings):
    run = folder.parent / "run"
    run.mkdir(exist_ok=True)
    return parse_rules({"weights_dir": str(folder), **settings}, run)


PUBLISHED = {
    "encoder": {"backbone": "convnext_small", "backbone_weights": "published"},
    "dae": {"grid_shape": [32, 32, 32]},
    "autoencoder": {"perceptual_weights": "published"},
    "evaluation": {"lpips_nets": ["squeeze", "alex"]},
}


def test_published_weights_are_found_and_count_by_their_content_and_not_by_their_place(folder):
    rules = parse(folder, **PUBLISHED)
    squeezenet, convnext = (folder / FILES[name].file for name in ("squeezenet", "convnext_small"))
    assert param(rules["autoencoder"], "pretrained") == squeezenet
    assert {param(rules[stage], "pretrained") for stage in ("representation", "dae", "supervised")} == {convnext}
    alexnet = folder / FILES["alexnet"].file
    for measured in ("measure_reconstruction", "measure_comparison"):
        assert param(rules[measured], "files") == {"squeeze": squeezenet, "alex": alexnet}
    assert param(rules["measure_generation"], "files") == {"medicalnet": folder / FILES["medicalnet"].file}
    before = {name: compared(rule) for name, rule in rules.items() if name in COUNTED}
    moved = folder.rename(folder.parent / "moved")
    rules = parse(moved, **PUBLISHED)
    assert {name: compared(rule) for name, rule in rules.items() if name in COUNTED} == before
    assert param(rules["autoencoder"], "pretrained") == moved / squeezenet.name


COUNTED = {*OTHERS, "measure_reconstruction", "measure_comparison", "measure_generation"}


def compared(rule):
    """The params by which Snakemake decides, of those that are about weights of others."""
    params = dict(rule.params.items())
    return [params["config"], *(param(rule, name) for name in ("starts", "contents") if name in params)]


def test_a_file_found_later_measures_anew_and_trains_nothing(folder):
    """Null stays what it was trained with; LPIPS and MedicalNet are measured as soon as they can be."""
    waiting = folder.rename(folder.parent / "waiting")
    nets = {"evaluation": {"lpips_nets": ["squeeze"]}}
    before = {name: compared(rule) for name, rule in parse(folder, **nets).items() if name in COUNTED}
    waiting.rename(folder)
    after = {name: compared(rule) for name, rule in parse(folder, **nets).items() if name in COUNTED}
    assert {name for name in COUNTED if before[name] != after[name]} == COUNTED - set(OTHERS)
    assert before["measure_reconstruction"][1] == [None]


def test_with_a_model_of_others_published_weights_are_not_needed(folder, tmp_path):
    empty = tmp_path / "empty"
    settings = {name: PUBLISHED[name] for name in ("encoder", "dae", "autoencoder")}
    (tmp_path / "models").mkdir()
    models = describe_nothing(tmp_path / "models", settings)
    assert "take_models" in parse(empty, models_from=models, **settings)


def test_without_a_file_nothing_counts(tmp_path):
    rules = parse_rules({}, tmp_path)
    assert not [name for name in ("ldm", *OTHERS) if set(starts(rules[name])) != {None}]
