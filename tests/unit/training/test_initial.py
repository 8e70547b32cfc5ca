"""Trainings that start from given weights: ours, or MONAI-generative's; and what is no start for them."""

from __future__ import annotations

import logging
import shutil

import pytest
import torch
from safetensors.torch import save_file

from ldae.data.scans import read_scans
from ldae.errors import UserError
from ldae.files import hash_file, read_json, write_json
from ldae.models.latent_normalizer import LatentNormalizer
from ldae.networks.autoencoder import build_autoencoder
from ldae.networks.diffusion import build_denoiser
from ldae.networks.representation import build_representation
from ldae.training import autoencoder, ldm, representation
from ldae.training.initial import find_initial, load_initial, seen_by
from ldae.training.state import dump_sections
from ldae.weights import save_weights
from tests.unit.tiny_cohort import GRID, LATENT


@pytest.fixture
def sections(autoencoder_config, ldm_config, representation_config, encoder_config, diffusion):
    return {
        "autoencoder": autoencoder_config,
        "ldm": ldm_config,
        "representation": representation_config,
        "encoder": encoder_config,
        "diffusion": diffusion,
    }


@pytest.fixture
def networks(sections):
    """A network of each kind, with weights of its own and no zeros where MONAI puts them."""
    torch.manual_seed(11)
    denoiser = build_denoiser(sections["ldm"], sections["diffusion"], LATENT[0])
    made = {
        "autoencoder": build_autoencoder(sections["autoencoder"]),
        "ldm": denoiser,
        "representation": build_representation(sections["encoder"], denoiser, GRID),
    }
    for module in made.values():
        for parameter in module.parameters():
            torch.nn.init.normal_(parameter, std=0.1)
    return made


@pytest.fixture
def folder(networks, sections, tmp_path):
    """A trained model of ours, elsewhere."""
    place = tmp_path / "given"
    for name, module in networks.items():
        told = {"config": dump_sections(sections), "subjects": {"train": ["S0", "S1"], "validation": ["S5"]}}
        save_weights(module, place / f"{name}.safetensors", told)
    return place


@pytest.fixture
def generative(networks, tmp_path):
    """The autoencoder as MONAI-generative's state dict: there the convolution after upsampling is called conv."""
    weights = networks["autoencoder"].state_dict()
    old = {name.replace("postconv", "conv"): value for name, value in weights.items()}
    assert set(old) != set(weights)
    path = tmp_path / "autoencoder.pt"
    torch.save(old, path)
    return path


@pytest.fixture
def train(cohort, sections, make_job, monkeypatch, tmp_path):
    """Start a training from a place; gives the built stage's network and the run's description, without a step."""
    statistics, denoiser = tmp_path / "latent_statistics.safetensors", tmp_path / "ldm.safetensors"
    save_weights(LatentNormalizer(LATENT), statistics, {})
    parents = {"parents": {"latent_statistics": hash_file(statistics)}}
    torch.manual_seed(5)
    save_weights(build_denoiser(sections["ldm"], sections["diffusion"], LATENT[0]), denoiser, parents)

    def make(network, place):
        kept = []

        def keep(job, run, build, part, *data):
            torch.manual_seed(job.seed)
            kept.extend((getattr(build(), part), run))

        for module in (autoencoder, ldm, representation):
            monkeypatch.setattr(module, "fit_and_save", keep)
        named = {"init_from": place and str(place)}
        own = sections | {network: sections[network].model_copy(update=named)}
        if network == "autoencoder":
            autoencoder.train_autoencoder(cohort.scans, own["autoencoder"], make_job("any"))
        elif network == "ldm":
            ldm.train_ldm(cohort.scans, cohort.manifest, statistics, own["ldm"], own["diffusion"], make_job("any"))
        else:
            configs = [own[name] for name in ("representation", "encoder", "ldm", "diffusion")]
            representation.train_representation(
                cohort.scans, cohort.manifest, statistics, denoiser, *configs, make_job("any")
            )
        return kept

    return make


def differing(one, other):
    """Names of the tensors in which two networks of a kind differ."""
    own = one.state_dict()
    assert set(own) == set(other.state_dict())
    return {name for name, value in other.state_dict().items() if not torch.equal(own[name], value)}


KINDS = ["autoencoder", "ldm", "representation"]


@pytest.mark.parametrize("network", KINDS)
@pytest.mark.parametrize("as_file", [False, True])
def test_a_training_starts_from_a_folder_or_a_file_of_ours(train, networks, folder, network, as_file):
    place = folder / f"{network}.safetensors" if as_file else folder
    built, run = train(network, place)
    own_mean = {"semantic_encoder.mean_image"} if network == "representation" else set()  # of the new training scans
    assert differing(built, networks[network]) == own_mean
    assert run["parents"]["initial"] == hash_file(folder / f"{network}.safetensors")
    assert run["initial"] == {"file": f"{network}.safetensors", "subjects": ["S0", "S1", "S5"]}


@pytest.mark.parametrize("network", KINDS)
def test_null_starts_at_random_and_is_no_parent(train, networks, network):
    built, run = train(network, None)
    assert differing(built, networks[network])
    assert "initial" not in run and "initial" not in run["parents"]


def test_another_content_of_the_same_name_is_another_training(train, folder, networks, sections):
    _, first = train("ldm", folder)
    weights = folder / "ldm.safetensors"
    networks["ldm"].conv_in.conv.weight.data[0] += 1
    save_weights(networks["ldm"], weights, read_json(weights.with_suffix(".json")))
    _, second = train("ldm", folder)
    assert {key for key in first if first[key] != second[key]} == {"parents"}


@pytest.mark.parametrize("suffix", [".pt", ".pth", ".safetensors"])
def test_generatives_autoencoder_gives_the_same_output_here(train, networks, generative, tmp_path, suffix):
    path = tmp_path / f"theirs{suffix}"
    if suffix == ".safetensors":
        save_file(torch.load(generative, weights_only=True), path)
    else:
        shutil.copy(generative, path)
    built, run = train("autoencoder", path)
    x, z = torch.rand(1, 1, *GRID), torch.rand(1, *LATENT)
    for function, given in (("encode_stage_2_inputs", x), ("decode", z)):
        torch.manual_seed(0)
        wanted = getattr(networks["autoencoder"], function)(given)
        torch.manual_seed(0)
        assert torch.equal(wanted, getattr(built, function)(given)) and wanted.std() > 0
    assert run["initial"] == {"file": path.name, "subjects": None}


def test_a_state_dict_inside_a_checkpoint_is_found(train, networks, generative):
    torch.save({"state_dict": torch.load(generative, weights_only=True), "epoch": 3}, generative)
    assert not differing(train("autoencoder", generative)[0], networks["autoencoder"])


FIRST, UPSAMPLED = "encoder.blocks.0.conv.weight", "decoder.blocks.2.conv.conv.weight"


@pytest.mark.parametrize(
    "name, value, expected, found",
    [
        (FIRST, torch.zeros(9, 1, 3, 3, 3), f"{FIRST} [4, 1, 3, 3, 3]", f"{FIRST} [9, 1, 3, 3, 3]"),
        (FIRST, None, f"{FIRST} [4, 1, 3, 3, 3]", f"no {FIRST}"),
        (UPSAMPLED, None, f"{UPSAMPLED} [8, 8, 3, 3, 3]", f"no {UPSAMPLED}"),
        ("encoder.blocks.9.to_q", torch.zeros(2), "no encoder.blocks.9.to_q", "encoder.blocks.9.to_q [2]"),
    ],
)
def test_the_first_other_tensor_is_named_with_both_shapes(train, generative, name, value, expected, found):
    """MONAI's translation alone would leave random weights where one is missing, and pass over one too many."""
    weights = torch.load(generative, weights_only=True)
    assert (name in weights) == ("to_q" not in name)
    weights.pop(name, None)
    torch.save(weights if value is None else weights | {name: value}, generative)
    with pytest.raises(UserError) as caught:
        train("autoencoder", generative)
    assert caught.value.where == f"autoencoder.init_from: {generative}"
    assert (caught.value.expected, caught.value.found) == (expected, found)
    assert "autoencoder.init_from: null" in caught.value.cure


@pytest.mark.parametrize("network", KINDS)
def test_a_folder_without_the_file_is_named(train, tmp_path, network):
    with pytest.raises(UserError, match=rf"{network}.init_from.*\n.*weights of the {network}\n.*no file .*nowhere"):
        train(network, tmp_path / "nowhere")
    (tmp_path / "empty").mkdir()
    with pytest.raises(UserError, match=rf"no file .*empty/{network}\.safetensors"):
        train(network, tmp_path / "empty")


@pytest.mark.parametrize("content", [b"", b"not a net", [torch.zeros(1)], {"weight": 3}])
def test_another_file_is_refused(train, tmp_path, content):
    path = tmp_path / "theirs.pt"
    if isinstance(content, bytes):
        path.write_bytes(content)
    else:
        torch.save(content, path)
    with pytest.raises(UserError, match=r"autoencoder\.init_from: .*theirs\.pt"):
        train("autoencoder", path)
    damaged = path.rename(path.with_suffix(".safetensors"))
    with pytest.raises(UserError, match=r"theirs\.safetensors[\s\S]*a file of weights"):
        train("autoencoder", damaged)


def test_a_damaged_file_of_ours_and_a_strange_sidecar_are_refused(train, folder):
    sidecar = folder / "ldm.json"
    sidecar.write_text("{")
    with pytest.raises(UserError, match=r"ldm\.json"):
        train("ldm", folder)
    write_json(sidecar, {"weights_sha256": "0" * 64})
    with pytest.raises(UserError, match="another or a damaged one"):
        train("ldm", folder)


@pytest.mark.parametrize(
    "network, section, name, value",
    [
        ("autoencoder", "autoencoder", "norm_groups", 4),
        ("ldm", "ldm", "prediction", "v"),
        ("ldm", "ldm", "head_channels", 8),
        ("ldm", "diffusion", "timesteps", 77),
        ("representation", "encoder", "attention_heads", 4),
        ("representation", "encoder", "center_input", False),
    ],
)
def test_settings_that_shapes_do_not_tell_must_be_the_same(train, folder, network, section, name, value):
    sidecar = folder / f"{network}.json"
    told = read_json(sidecar)
    told["config"][section][name] = value
    write_json(sidecar, told)
    with pytest.raises(UserError, match=rf"{section}\.{name} {value}"):
        train(network, folder)


@pytest.mark.parametrize("seen", ["itself", "before"])
def test_weights_that_saw_a_test_subject_are_no_start(train, folder, seen):
    sidecar = folder / "autoencoder.json"
    told = read_json(sidecar)
    changes = {"itself": {"subjects": {"train": ["S9"]}}, "before": {"initial": {"file": "x", "subjects": ["S9"]}}}
    write_json(sidecar, told | changes[seen])
    with pytest.raises(UserError, match=r"1 of the test split, such as S9[\s\S]*split\.file"):
        train("autoencoder", folder)


def test_weights_that_do_not_tell_whom_they_saw_are_used_with_a_warning(cohort, sections, generative, caplog):
    with caplog.at_level(logging.WARNING):
        initial = find_initial("autoencoder", str(generative), dump_sections(sections), read_scans(cohort.scans))
    assert "does not tell whom it was trained on" in caplog.text
    assert initial.description == {"initial": {"file": "autoencoder.pt", "subjects": None}}


def test_whoever_starts_from_an_unknown_start_does_not_know_either():
    assert seen_by({"subjects": {"train": ["A"]}, "initial": {"file": "x", "subjects": None}}) is None
    assert seen_by({"subjects": {"train": ["B", "A"]}, "initial": {"subjects": ["C"]}}) == ["A", "B", "C"]
    assert seen_by({"subject_counts": {"train": 3}}) is None


def test_loading_nothing_leaves_a_network_alone(networks):
    before = {name: value.clone() for name, value in networks["ldm"].state_dict().items()}
    load_initial(networks["ldm"], find_initial("ldm", None, {}, None))
    assert all(torch.equal(before[name], value) for name, value in networks["ldm"].state_dict().items())
