"""The call into ANTsPyNet, with a stand-in for the package: neither it nor its weights come with the project."""

import hashlib
import sys
from types import ModuleType

import numpy as np
import pytest

from ldae.errors import UserError
from ldae.preprocessing.brain_extraction import antspynet as engine
from ldae.preprocessing.volume import Volume


@pytest.fixture
def package(tmp_path, monkeypatch):
    """A module with ANTsPyNet's names, its own cache folder, and three blobs, the second with a hole."""
    module, cache = ModuleType("antspynet"), {"folder": str(tmp_path / "cache")}

    def brain_extraction(image, modality, verbose):
        assert modality == "t1" and verbose is False
        probability = np.zeros(image.shape, np.float32)
        probability[0, 0:2, 0:2] = 0.9
        probability[2:9, 2:9, 2:9] = 0.7
        probability[5, 5, 5] = 0.1
        probability[2:9, 2:9, 8] = 0.5
        probability[2:9, 2:9, 9] = 0.49
        probability[12, 12, 12] = 0.9
        return image.new_image_like(probability)

    module.brain_extraction = brain_extraction
    module.get_antsxnet_cache_directory = lambda: cache["folder"]
    module.set_antsxnet_cache_directory = lambda folder: cache.update(folder=folder)
    monkeypatch.setitem(sys.modules, "antspynet", module)
    monkeypatch.setattr(engine.metadata, "version", {"antspynet": "0.3.2", "tensorflow": "2.20"}.__getitem__)
    return module


@pytest.fixture
def settings(config, tmp_path):
    """The engine, with both of its files in a folder of the user's."""
    for name in engine.FILES:
        (tmp_path / "mine").mkdir(exist_ok=True)
        (tmp_path / "mine" / name).write_bytes(name.encode())
    return config.model_copy(update={"brain_extraction": "antspynet", "antspynet_dir": str(tmp_path / "mine")})


@pytest.fixture
def volume():
    return Volume(np.ones((15, 15, 15), np.float32), np.diag([2.0, 2.0, 2.0, 1.0]))


def test_the_largest_piece_is_taken_and_filled(package, settings, volume):
    expected = np.zeros(volume.data.shape, bool)
    expected[2:9, 2:9, 2:9] = True
    np.testing.assert_array_equal(engine.extract(volume, settings), expected)
    assert package.get_antsxnet_cache_directory() == settings.antspynet_dir


def test_nothing_above_one_half_is_an_empty_mask(package, settings, volume):
    package.brain_extraction = lambda image, modality, verbose: image * 0
    assert not engine.extract(volume, settings).any()


def test_versions_and_weights_are_recorded(package, settings):
    assert engine.record(settings) == {
        "version": "0.3.2",
        "tensorflow": "2.20",
        "brainExtractionRobustT1_sha256": hashlib.sha256(b"brainExtractionRobustT1.h5").hexdigest(),
        "S_template3_sha256": hashlib.sha256(b"S_template3.nii.gz").hexdigest(),
    }


def test_an_absent_package_is_said_with_the_cure(settings, monkeypatch):
    monkeypatch.setitem(sys.modules, "antspynet", None)
    with pytest.raises(UserError, match="pip install antspynet"):
        engine.record(settings)


@pytest.mark.parametrize("folder", ["mine", None])
def test_absent_weights_are_said_and_nothing_is_downloaded(package, settings, volume, folder, tmp_path):
    package.brain_extraction = lambda *_, **__: pytest.fail("ANTsPyNet would download now")
    (tmp_path / "mine" / engine.FILES[1]).unlink()
    if folder is None:
        settings = settings.model_copy(update={"antspynet_dir": None})
    with pytest.raises(UserError) as raised:
        engine.extract(volume, settings)
    message = str(raised.value)
    assert str(tmp_path / (folder or "cache")) in message and engine.FILES[1] in message
    assert "get_pretrained_network" in message and ("set_antsxnet_cache_directory" in message) == bool(folder)
