"""A whole model from its folder: what it does with scans, and what it refuses."""

from __future__ import annotations

import shutil
from copy import deepcopy

import nibabel as nib
import numpy as np
import pytest
import torch

import ldae
from ldae.errors import UserError
from ldae.files import hash_file, read_record, write_record
from ldae.networks.diffusion import build_schedule
from ldae.systems.codes import Codes
from ldae.systems.ldae import PARTS, LatentDiffusionAutoencoder
from ldae.weights import load_tensors, save_tensors, save_weights
from tests.unit.systems.conftest import GRID, wake
from tests.unit.systems.trained import complete, make_images


@pytest.fixture(scope="module")
def files(tmp_path_factory, config, modules):
    """The folder of a whole model; not to be changed."""
    modules = deepcopy(modules)
    folder = tmp_path_factory.mktemp("models")
    wake(modules["representation"].gradient_estimator, 0.05)
    for name, module in modules.items():
        sections, parents = PARTS[name]
        described = {"config": config.model_dump(mode="json", include=set(sections))}
        described["parents"] = {parent: hash_file(folder / f"{parent}.safetensors") for parent in parents}
        save_weights(module, folder / f"{name}.safetensors", described)
    complete(folder, LatentDiffusionAutoencoder(*modules.values(), build_schedule(config.diffusion)), config)
    return folder


@pytest.fixture(scope="module")
def trained(files):
    return ldae.load(files, "cpu")


@pytest.fixture
def copied(files, tmp_path):
    """The same files, to be damaged."""
    return shutil.copytree(files, tmp_path / "models")


@pytest.fixture(scope="module")
def scans():
    return make_images(GRID, 3, seed=5)


def test_the_package_loads_nothing_heavy_until_asked():
    with pytest.raises(AttributeError, match="nonsense"):
        ldae.nonsense  # noqa: B018
    assert callable(ldae.load)


def test_codes_and_back(trained, scans):
    codes = trained.encode(scans)
    assert len(codes) == 3
    torch.testing.assert_close(trained.decode(codes.z_T, codes.y_sem), trained.reconstruct(scans))
    assert trained.reconstruct(scans).shape == scans.shape


def test_results_do_not_depend_on_the_batch(trained, scans, monkeypatch):
    whole = trained.reconstruct(scans)
    monkeypatch.setattr(type(trained), "batch_size", 2)
    torch.testing.assert_close(trained.reconstruct(scans), whole, rtol=1e-3, atol=1e-4)


def test_a_file_gives_what_the_array_gives(trained, scans, tmp_path):
    nib.save(nib.Nifti1Image(scans[1, 0].numpy(), trained.grid.affine), tmp_path / "scan.nii.gz")
    torch.testing.assert_close(trained.reconstruct(tmp_path / "scan.nii.gz"), trained.reconstruct(scans[1:2]))


def test_no_edit_is_the_reconstruction_and_edits_differ(trained, scans):
    edited = trained.manipulate(scans, "AD", [-4.0, 0.0, 4.0])
    assert edited.shape == (3, *scans.shape)
    torch.testing.assert_close(edited[1], trained.reconstruct(scans), rtol=1e-3, atol=1e-4)
    assert not torch.allclose(edited[0], edited[2])


def test_towards_cn_is_away_from_ad(trained, scans):
    torch.testing.assert_close(trained.manipulate(scans, "CN", [3.0]), trained.manipulate(scans, "AD", [-3.0]))


def test_an_edit_moves_the_probe_by_its_strength(trained, scans):
    codes = trained.encode(scans)
    probe = trained.probes["ad_cn"]
    moved = next(trained._moved(codes.y_sem, "AD", [2.0], "pattern"))
    torch.testing.assert_close(probe.score(moved), probe.score(codes.y_sem) + 2.0, rtol=1e-3, atol=1e-3)


def test_codes_may_be_given_and_directions_chosen(trained, scans):
    codes = trained.encode(scans)
    by_pattern, by_weights = (trained.manipulate(codes, "age", [5.0], along) for along in ("pattern", "weights"))
    torch.testing.assert_close(by_pattern, trained.manipulate(scans, "age", [5.0]))
    assert not torch.equal(by_pattern, by_weights)


def test_a_direction_of_ones_own(trained, scans):
    codes, vector = trained.encode(scans), np.linspace(-1, 1, 8)
    moved = trained.manipulate(codes, vector, [0.5])[0]
    torch.testing.assert_close(moved, trained.decode(codes.z_T, codes.y_sem + 0.5 * torch.from_numpy(vector).float()))
    with pytest.raises(UserError, match="8 numbers"):
        trained.manipulate(codes, vector[:5], [0.5])


def test_an_unknown_direction_names_the_known_ones(trained, scans):
    with pytest.raises(UserError, match="AD, CN, age"):
        trained.manipulate(scans, "MCI", [1.0])


def test_interpolation_begins_and_ends_at_the_reconstructions(trained, scans):
    between = trained.interpolate(scans[:1], scans[1:2], [0.0, 0.3, 1.0])
    rebuilt = trained.reconstruct(scans[:2])
    torch.testing.assert_close(between[[0, 2], 0], rebuilt, rtol=1e-3, atol=1e-4)
    by_age = trained.interpolate(scans[:1], scans[1:2], [73.0], ages=(70.0, 80.0))
    torch.testing.assert_close(by_age[0], between[1])
    with pytest.raises(ValueError, match="different ages"):
        trained.interpolate(scans[:1], scans[1:2], [70.0], ages=(70.0, 70.0))


def test_variations_share_y_sem_and_nothing_else(trained, scans):
    made = trained.vary(scans[:2], 3, seed=4)
    assert made.images.shape == (3, 2, 1, *GRID)
    torch.testing.assert_close(made.mean, made.images.mean(0))
    torch.testing.assert_close(made.spread, made.images.std(0, unbiased=False))
    assert not torch.allclose(made.images[0], made.images[1])
    torch.testing.assert_close(trained.vary(scans[:2], 2, seed=4).images, made.images[:2])
    assert not torch.allclose(trained.vary(scans[:2], 1, seed=5).images, made.images[:1])


def test_codes_stand_for_scans_everywhere(trained, scans):
    codes, others = trained.encode(scans[:1]), trained.encode(scans[1:2])
    torch.testing.assert_close(trained.vary(codes, 1, seed=4).images, trained.vary(scans[:1], 1, seed=4).images)
    torch.testing.assert_close(
        trained.interpolate(codes, others, [0.3]), trained.interpolate(scans[:1], scans[1:2], [0.3])
    )


def test_varying_and_predicting_walk_no_diffusion_backwards(trained, scans, monkeypatch):
    """Both ask for y_sem alone, which takes one pass of the encoder."""
    monkeypatch.setattr(type(trained), "encode", None)
    assert trained.vary(scans[:1], 1).images.shape == (1, 1, 1, *GRID)
    assert len(trained.predict(scans)) == 3


def test_what_scans_can_be_edited_towards(trained):
    assert trained.directions == ["AD", "CN", "age"]
    assert trained.probe_towards("CN") == (trained.probes["ad_cn"], -1)
    assert trained.probe_towards("age") == (trained.probes["age"], 1)


def test_samples_depend_on_the_seed_and_their_number_alone(trained):
    two, three = trained.sample(2, seed=7), trained.sample(3, seed=7)
    torch.testing.assert_close(two, three[:2], rtol=1e-3, atol=1e-4)
    assert not torch.allclose(three[0], three[1])
    assert not torch.allclose(trained.sample(1, seed=8), three[:1])


def test_predictions_are_the_probes(trained, scans):
    predicted, y_sem = trained.predict(scans), trained.encode(scans).y_sem
    assert list(predicted) == ["p_AD", "p_AD_calibrated", "predicted_age"]
    np.testing.assert_allclose(predicted["p_AD"], trained.probes["ad_cn"].probability(y_sem), rtol=1e-4)
    np.testing.assert_allclose(predicted["p_AD_calibrated"], trained.probes["ad_cn"].calibrated(y_sem), rtol=1e-4)
    np.testing.assert_allclose(predicted["predicted_age"], trained.probes["age"].score(y_sem), rtol=1e-4)


def test_noise_is_unfamiliar_and_a_scan_of_the_kind_is_not(trained, scans):
    noise = torch.rand(scans[:1].shape, generator=torch.Generator().manual_seed(0))
    found = trained.familiarity(torch.cat([scans[:1], noise]))
    assert found.unfamiliar.tolist() == [False, True]
    assert found.place.shape == (2, 2)


@pytest.mark.parametrize("name", ["autoencoder", "latent_statistics", "ldm", "representation", "reference"])
def test_weights_of_another_run_are_refused(copied, name):
    """The file is whole and its own sidecar goes with it; it is just not of this run."""
    path = copied / f"{name}.safetensors"
    tensors, sidecar = load_tensors(path)
    first = next(iter(tensors))
    save_tensors(tensors | {first: tensors[first] + 0.5}, path, sidecar)
    with pytest.raises(UserError, match=f"{name}.*\n.*describes"):
        ldae.load(copied, "cpu")


def test_a_consistent_mixture_is_refused_by_the_parents(copied):
    """Even a description made anew over files of two runs does not make them one model."""
    parent = copied / "latent_statistics.safetensors"
    tensors, sidecar = load_tensors(parent)
    save_tensors({key: value + 0.5 for key, value in tensors.items()}, parent, sidecar)
    described = read_record(copied / "model.json")
    described["files"][parent.name] = hash_file(parent)
    write_record(copied / "model.json", described)
    with pytest.raises(UserError, match="another latent_statistics"):
        ldae.load(copied, "cpu")


@pytest.mark.parametrize("name", ["autoencoder", "ldm", "representation", "reference"])
def test_a_flipped_byte_is_noticed_though_the_sidecar_is_right(copied, name):
    path = copied / f"{name}.safetensors"
    content = bytearray(path.read_bytes())
    content[-5] ^= 1
    path.write_bytes(content)
    with pytest.raises(UserError, match=f"{name}.*\n.*describes"):
        ldae.load(copied, "cpu")


@pytest.mark.parametrize("text", ["", "[", "{}"])
def test_a_damaged_sidecar_is_noticed(copied, text):
    (copied / "ldm.json").write_text(text, encoding="utf-8")
    with pytest.raises(UserError, match="ldm"):
        ldae.load(copied, "cpu")


@pytest.mark.parametrize("name", ["model.json", "probes.json", "reference.safetensors", "ldm.safetensors", "ldm.json"])
def test_a_missing_file_is_named(copied, name):
    (copied / name).unlink()
    with pytest.raises(UserError, match=name.replace(".", r"\.")):
        ldae.load(copied, "cpu")


@pytest.mark.parametrize("text", ["", "{}", "[1]", '{"format": 1}'])
def test_a_damaged_description_is_said(copied, text):
    (copied / "model.json").write_text(text, encoding="utf-8")
    with pytest.raises(UserError, match="description of a trained model"):
        ldae.load(copied, "cpu")


def test_a_later_format_is_refused(copied):
    write_record(copied / "model.json", read_record(copied / "model.json") | {"format": 2})
    with pytest.raises(UserError, match="format 2"):
        ldae.load(copied, "cpu")


def test_probes_of_other_weights_are_refused(copied):
    write_record(copied / "probes.json", read_record(copied / "probes.json") | {"representation_sha256": "0" * 64})
    described = read_record(copied / "model.json")
    described["files"]["probes.json"] = hash_file(copied / "probes.json")
    write_record(copied / "model.json", described)
    with pytest.raises(UserError, match="probes of the representation beside it"):
        ldae.load(copied, "cpu")


def test_codes_joined_and_chosen():
    codes = Codes(torch.arange(3.0)[:, None], torch.arange(3.0)[:, None] + 10, torch.arange(3.0)[:, None] + 20)
    joined = Codes.join([codes, codes.at(slice(1, 2))])
    assert joined.z_T.flatten().tolist() == [20, 21, 22, 21]
    assert joined.y_sem.flatten().tolist() == [10, 11, 12, 11]
