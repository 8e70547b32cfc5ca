"""One interface over the engines; each engine's own ways are in test_brain_extraction."""

import numpy as np
import pytest

from ldae.config.preprocessing import PreprocessingConfig
from ldae.errors import UserError
from ldae.preprocessing import brain_mask
from ldae.preprocessing.brain_mask import ENGINES, engine_record, extract_brain
from ldae.preprocessing.volume import Volume


def test_an_image_without_brain_is_an_error(config):
    empty = Volume(np.zeros((40, 40, 40), np.float32), np.diag([4.0, 4.0, 4.0, 1.0]))
    with pytest.raises(UserError, match="no brain"):
        extract_brain(empty, config)


@pytest.mark.parametrize("name", ENGINES)
def test_an_empty_mask_of_any_engine_is_an_error(name, config, monkeypatch):
    monkeypatch.setattr(ENGINES[name], "extract", lambda volume, config: np.zeros(volume.data.shape, np.uint8))
    with pytest.raises(UserError, match="no brain"):
        extract_brain(
            Volume(np.ones((4, 4, 4), np.float32), np.eye(4)), config.model_copy(update={"brain_extraction": name})
        )


def test_every_engine_of_the_config_is_there():
    assert set(ENGINES) == set(PreprocessingConfig.model_fields["brain_extraction"].annotation.__args__)
    assert all(hasattr(engine, "extract") and hasattr(engine, "record") for engine in ENGINES.values())
    assert brain_mask.ENGINES["deepbet"].__name__.endswith("brain_extraction.deepbet")


def test_deepbet_is_recorded_with_its_weights(config):
    found = engine_record(config)
    assert found["name"] == "deepbet" and found["version"]
    assert len(found["model_sha256"]) == len(found["bbox_model_sha256"]) == 64


def test_the_template_is_recorded_with_its_hash(config):
    found = engine_record(config.model_copy(update={"brain_extraction": "template"}))
    assert found["name"] == "template" and len(found["template_sha256"]) == 64


def test_the_mask_of_the_configured_engine_is_boolean(config, monkeypatch):
    """Each engine marks a voxel of its own with a number."""
    for place, engine in enumerate(ENGINES.values()):
        mask = np.zeros((4, 5, 6), np.uint8)
        mask[1, place] = 3
        monkeypatch.setattr(engine, "extract", lambda volume, config, mask=mask: mask)
    volume = Volume(np.ones((4, 5, 6), np.float32), np.eye(4))
    for place, name in enumerate(ENGINES):
        found = extract_brain(volume, config.model_copy(update={"brain_extraction": name}))
        assert found.dtype == bool and np.argwhere(found[:, :, 0]).tolist() == [[1, place]]
