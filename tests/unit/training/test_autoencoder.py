"""The autoencoder's own optimisation: two optimizers, accumulation and clipping by hand."""

from __future__ import annotations

import pytest
import torch

from ldae.data.volumes import Volumes
from ldae.errors import UserError
from ldae.files import hash_file, read_table
from ldae.models.autoencoder import build_autoencoder
from ldae.models.weights import load_weights
from ldae.training.autoencoder import AutoencoderStage, train_autoencoder
from ldae.training.fit import fit
from ldae.training.perceptual import load_perceptual_loss
from ldae.training.state import Job


@pytest.fixture
def scans():
    values = torch.rand(8, 1, 8, 8, 8, generator=torch.Generator().manual_seed(2))
    return Volumes(range(6), lambda i: values[i]), Volumes(range(6, 8), lambda i: values[i])


@pytest.fixture
def train(scans, autoencoder_config, tmp_path):
    def run(name, training, prepare=lambda stage: None, **changes):
        torch.manual_seed(0)
        config = autoencoder_config.model_copy(update={**changes, "training": training})
        stage = AutoencoderStage(config, None)
        prepare(stage)
        folder = tmp_path / name / "state"
        return stage, fit(stage, *scans, training, seed=3, state_dir=folder, history_path=tmp_path / f"{name}.csv")

    return run


class KilledError(Exception):
    pass


def kill(stage):
    whole = stage.training_step

    def training_step(batch, batch_idx):
        if stage.step == 5:
            raise KilledError
        whole(batch, batch_idx)

    stage.training_step = training_step


def test_killed_and_resumed_equals_uninterrupted(train, make_training, tmp_path):
    training = make_training(accumulate=2, ema_decay=0.0)
    whole, result = train("whole", training)
    with pytest.raises(KilledError):
        train("resumed", training, kill)
    resumed, again = train("resumed", training)
    for a, b in [(whole.state_dict(), resumed.state_dict()), (result.state, again.state)]:
        assert all(torch.equal(a[name], b[name]) for name in a)
    assert (tmp_path / "resumed.csv").read_text() == (tmp_path / "whole.csv").read_text()
    assert read_table(tmp_path / "whole.csv")["train_adversarial"].notna().tolist() == [False, True, True]


def test_accumulation_equals_the_big_batch(train, make_training):
    def without_sampling(stage):
        stage.autoencoder.sampling = lambda z_mu, z_sigma: z_mu

    states = [
        train(str(parts), make_training(batch_size=size, accumulate=parts), without_sampling, adversarial_weight=0.0)[1]
        for size, parts in [(6, 1), (2, 3)]
    ]
    for name in states[0].state:
        torch.testing.assert_close(states[0].state[name], states[1].state[name], atol=2e-5, rtol=1e-4)


def test_the_discriminator_waits_for_its_step(train, make_training):
    def remember(stage):
        stage.before = {name: value.clone() for name, value in stage.discriminator.state_dict().items()}

    waiting, _ = train("waiting", make_training(steps=2), remember, adversarial_start_step=2)
    assert all(torch.equal(waiting.before[name], value) for name, value in waiting.discriminator.state_dict().items())
    training, _ = train("training", make_training(steps=2), remember, adversarial_start_step=1)
    weights = dict(training.discriminator.named_parameters())
    assert not all(torch.equal(training.before[name], value) for name, value in weights.items())


def test_the_generators_loss_leaves_the_discriminator_alone(autoencoder_config):
    stage = AutoencoderStage(autoencoder_config, None)
    stage.step, stage.track = 9, lambda *args: None
    gradients = []
    stage.manual_backward = lambda loss: (
        loss.backward(),
        gradients.append([p.grad is not None for p in stage.discriminator.parameters()]),
    )
    stage.optimizers = lambda: (None, None)
    stage.take_step = lambda optimizer: None
    stage.training_step(torch.rand(2, 1, 8, 8, 8), 0)
    assert not any(gradients[0]) and all(gradients[1])


def test_bf16_and_averaging_train_with_batch_norms_counters(train, make_training):
    _, result = train("bf16", make_training(steps=4, precision="bf16-mixed", ema_decay=0.9), adversarial_start_step=0)
    assert all(value.isfinite().all() for value in result.state.values())


def test_weights_history_and_sidecar_are_written(dataset, autoencoder_config, tmp_path):
    output, history = tmp_path / "models" / "autoencoder.safetensors", tmp_path / "training" / "autoencoder.csv"
    train_autoencoder(dataset, autoencoder_config, Job(0, output, history, tmp_path / "checkpoints", "abc"))
    sections = {"autoencoder": autoencoder_config.model_dump()}
    sidecar = load_weights(build_autoencoder(autoencoder_config), output, sections)
    assert sidecar["dataset_sha256"] == hash_file(dataset) and sidecar["seed"] == 0 and sidecar["code"] == "abc"
    assert sidecar["best"]["val_loss"] == pytest.approx(read_table(history)["val_loss"].min())
    assert [path.name for path in (tmp_path / "checkpoints").iterdir()] == ["lock"]


def test_a_missing_backbone_is_said_and_never_replaced(autoencoder_config, tmp_path, monkeypatch, caplog):
    monkeypatch.setattr(torch.hub, "get_dir", lambda: str(tmp_path))
    config = autoencoder_config.model_copy(update={"perceptual_weight": 0.001})
    with caplog.at_level("WARNING", logger="ldae"):
        loss, reason = load_perceptual_loss(config)
    assert loss is None and "squeezenet1_1" in reason and "squeezenet1_1" in caplog.text


def test_a_backbone_named_and_absent_is_an_error(autoencoder_config, tmp_path):
    changes = {"perceptual_weight": 0.001, "perceptual_weights": str(tmp_path / "absent.pth")}
    with pytest.raises(UserError, match="perceptual_weights"):
        load_perceptual_loss(autoencoder_config.model_copy(update=changes))


@pytest.fixture
def backbone(tmp_path):
    from torchvision.models import squeezenet1_1

    path = tmp_path / "mine.pth"
    torch.manual_seed(7)
    network = squeezenet1_1(weights=None)
    torch.save(network.state_dict(), path)
    return path, network


def test_the_named_backbone_is_the_one_used(autoencoder_config, backbone):
    path, network = backbone
    hub = torch.hub.get_dir()
    changes = {"perceptual_weight": 0.001, "perceptual_weights": str(path)}
    loss, note = load_perceptual_loss(autoencoder_config.model_copy(update=changes))
    first = loss.perceptual_function.net.slice1[0].weight
    assert torch.equal(first, network.features[0].weight)
    assert torch.hub.get_dir() == hub and "mine.pth" in note
    scan = torch.rand(1, 1, 32, 32, 32)
    assert loss(scan, scan) == 0 and loss(scan, scan.flip(2)) > 0


def test_the_file_of_another_backbone_is_refused(autoencoder_config, tmp_path):
    torch.save({"weight": torch.zeros(1)}, tmp_path / "other.pth")
    changes = {"perceptual_weight": 0.001, "perceptual_weights": str(tmp_path / "other.pth")}
    with pytest.raises(UserError, match="squeezenet1_1"):
        load_perceptual_loss(autoencoder_config.model_copy(update=changes))


def test_the_perceptual_net_is_no_part_of_the_stage(autoencoder_config, backbone):
    changes = {"perceptual_weight": 0.001, "perceptual_weights": str(backbone[0])}
    config = autoencoder_config.model_copy(update=changes)
    stage = AutoencoderStage(config, load_perceptual_loss(config)[0])
    stage.train()
    assert not any("perceptual" in name for name in stage.state_dict())
    assert not stage.perceptual.network.training
