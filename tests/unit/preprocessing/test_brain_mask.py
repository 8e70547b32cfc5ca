import numpy as np
import pytest

from ldae.errors import UserError
from ldae.preprocessing.brain_mask import engine, extract_brain
from ldae.preprocessing.volume import Volume


def test_an_image_without_brain_is_an_error():
    empty = Volume(np.zeros((40, 40, 40), np.float32), np.diag([4.0, 4.0, 4.0, 1.0]))
    with pytest.raises(UserError, match="no brain"):
        extract_brain(empty)


def test_the_engine_is_recorded_with_its_weights():
    found = engine()
    assert found["name"] == "deepbet" and found["version"]
    assert len(found["model_sha256"]) == len(found["bbox_model_sha256"]) == 64
