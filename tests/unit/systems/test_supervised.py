"""A trained supervised encoder as a function."""

from __future__ import annotations

import pytest
import torch

from ldae.errors import UserError
from ldae.networks.supervised import build_supervised_encoder
from ldae.systems.supervised import load_supervised
from ldae.weights import save_weights
from tests.unit.systems.conftest import GRID


@pytest.fixture
def networks(config, tmp_path):
    """One for each task, saved."""
    described = {"config": config.model_dump(mode="json", include={"supervised", "encoder"})}
    networks = {}
    for seed, task in enumerate(("age", "ad_cn")):
        torch.manual_seed(seed)
        networks[task] = build_supervised_encoder(config.encoder, GRID).eval()
        save_weights(networks[task], tmp_path / f"supervised_{task}.safetensors", described)
    return networks


@pytest.mark.parametrize("task", ["age", "ad_cn"])
def test_it_gives_the_codes_of_its_task(networks, config, tmp_path, task):
    x = torch.rand(2, 1, *GRID)
    y_sem = load_supervised(tmp_path, task, config, "cpu")(x)
    assert torch.equal(y_sem, networks[task].semantic_encoder(x))
    assert not y_sem.requires_grad


def test_it_loads_without_the_published_weights_it_started_from(config, tmp_path):
    started = config.encoder.model_copy(update={"backbone_weights": "published"})
    config = config.model_copy(update={"encoder": started})
    described = {"config": config.model_dump(mode="json", include={"supervised", "encoder"})}
    network = build_supervised_encoder(started, GRID).eval()
    parents = {"parents": {"pretrained": "a" * 64}}
    save_weights(network, tmp_path / "supervised_age.safetensors", described | parents)
    x = torch.rand(1, 1, *GRID)
    assert torch.equal(load_supervised(tmp_path, "age", config, "cpu")(x), network.semantic_encoder(x))


@pytest.mark.usefixtures("networks")
def test_it_loads_strictly(config, tmp_path):
    encoder = config.encoder.model_copy(update={"center_input": False})
    with pytest.raises(UserError, match=r"encoder\.center_input"):
        load_supervised(tmp_path, "age", config.model_copy(update={"encoder": encoder}), "cpu")
    supervised = config.supervised.model_copy(update={"learning_rate_age": 0.3})
    with pytest.raises(UserError, match=r"supervised\.learning_rate_age"):
        load_supervised(tmp_path, "age", config.model_copy(update={"supervised": supervised}), "cpu")
    (tmp_path / "supervised_ad_cn.safetensors").unlink()
    with pytest.raises(UserError, match="supervised_ad_cn"):
        load_supervised(tmp_path, "ad_cn", config, "cpu")
