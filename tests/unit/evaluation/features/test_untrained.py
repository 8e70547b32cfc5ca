import types

import numpy as np
import pytest
import torch

from ldae.config.load import load_config
from ldae.evaluation.features import untrained as module
from ldae.evaluation.features.embeddings import read_embeddings
from ldae.evaluation.features.untrained import embed_untrained, untrained
from ldae.models.semantic_encoder import SemanticEncoder
from ldae.networks.encoder import build_semantic_encoder
from ldae.training.backbone import load_backbone_weights
from tests.unit.evaluation.conftest import rehash, write_scan
from tests.unit.sources import ROOT

SMALL = {"semantic_dim": 8, "backbone": "convnext_pico", "attention_heads": 2}


@pytest.fixture
def small(scans, tmp_path):
    """The same scans on a grid that the encoder takes: noise of their own, the first and last planes background."""
    for row in range(len(scans)):
        volume = np.random.default_rng(row).random((16, 16, 4))
        volume[:3], volume[:, -2:] = 0, 0
        scans.loc[row, "path"] = write_scan(tmp_path / f"small{row}.nii.gz", volume)
    return rehash(scans)


@pytest.fixture
def encoder():
    config = load_config(ROOT / "config.yaml").encoder
    return config.model_copy(update={"semantic_dim": 8, "attention_heads": 2})


def test_the_untrained_encoder_is_the_seeds_and_sees_the_centred_image(small, encoder):
    scans = small[:4]
    zero, half = torch.zeros(1, 1, 16, 16, 4), torch.full((1, 1, 16, 16, 4), 0.5)
    codes = {
        (seed, name): untrained(scans, encoder, image, seed, 4).features
        for seed in (3, 4)
        for name, image in (("zero", zero), ("half", half))
    }
    np.testing.assert_allclose(codes[3, "zero"], untrained(scans, encoder, zero, 3, 3).features, rtol=1e-4, atol=1e-5)
    assert not np.allclose(codes[3, "zero"], codes[4, "zero"])
    assert not np.allclose(codes[3, "zero"], codes[3, "half"])
    assert len(np.unique(codes[3, "zero"][:, 0])) == 4


def test_the_untrained_encoder_is_random_where_training_starts_from_a_file(small, encoder, tmp_path):
    """The row says untrained, which ImageNet's weights are not."""
    image, pretrained = torch.zeros(1, 1, 16, 16, 4), SemanticEncoder((16, 16, 4), **SMALL).backbone.state_dict()
    stem = pretrained["features.0.0.weight"]
    weights = pretrained | {"features.0.0.weight": stem.repeat(1, 3, 1, 1)}
    torch.save(weights | {"classifier.2.weight": stem, "classifier.2.bias": stem}, tmp_path / "backbone.pth")
    named = encoder.model_copy(update={"backbone_weights": str(tmp_path / "backbone.pth")})
    load_backbone_weights(build_semantic_encoder(named, (16, 16, 4)), named, named.backbone_weights)  # the file fits
    plain, other = (untrained(small[:3], config, image, 3, 3).features for config in (encoder, named))
    np.testing.assert_array_equal(plain, other)


def test_its_codes_are_those_beside_the_model_of_the_folder(small, encoder, tmp_path, monkeypatch):
    """With the seed, the batch, and the mean image of that model."""
    mean_image = torch.rand(1, 1, 16, 16, 4, generator=torch.Generator().manual_seed(2))
    semantic_encoder = types.SimpleNamespace(mean_image=mean_image)
    model = types.SimpleNamespace(representation=types.SimpleNamespace(semantic_encoder=semantic_encoder))
    asked = []
    loaded = types.SimpleNamespace(load=lambda *arguments: asked.append(arguments) or model)
    monkeypatch.setattr(module, "LatentDiffusionAutoencoder", loaded)
    evaluation = types.SimpleNamespace(batch_size=3)
    config = types.SimpleNamespace(seed=5, encoder=encoder, evaluation=evaluation)
    small.to_csv(tmp_path / "scans.csv", index=False)
    embed_untrained(tmp_path / "scans.csv", "models", config, tmp_path / "untrained.npz")
    assert asked == [("models", config)]
    made = untrained(small, encoder, mean_image, 5, 3)
    found = read_embeddings(tmp_path / "untrained.npz")
    assert found.names == made.names and not found.fitted_to
    np.testing.assert_array_equal(found.features, made.features)


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="no GPU")
def test_on_a_gpu_it_is_the_same_encoder(small, encoder):
    image = torch.full((1, 1, 16, 16, 4), 0.5)
    slow, fast = (untrained(small[:3], encoder, image.to(device), 3, 3).features for device in ("cpu", "cuda"))
    np.testing.assert_allclose(slow, fast, rtol=1e-2, atol=1e-2)
