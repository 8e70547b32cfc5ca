import pytest
import torch
from monai.networks.nets.resnet import ResNetFeatures

from ldae.errors import UserError
from ldae.evaluation.measure.extractors import MEDICALNET, SEMANTIC, MedicalNet, load_extractors


@pytest.fixture(scope="module")
def net():
    torch.manual_seed(0)
    return ResNetFeatures("resnet10", pretrained=False).eval()


@pytest.fixture(scope="module")
def weights(net, tmp_path_factory):
    """A file laid out as MedicalNet's: DataParallel's names below state_dict."""
    path = tmp_path_factory.mktemp("weights") / "resnet_10_23dataset.pth"
    torch.save({"state_dict": {f"module.{name}": value for name, value in net.state_dict().items()}}, path)
    return path


@pytest.fixture
def scans():
    return torch.rand(2, 1, 32, 40, 32, generator=torch.Generator().manual_seed(1))


def test_features_are_the_pooled_last_stage_of_the_network_in_the_file(net, weights, scans):
    extracted = MedicalNet(weights)(scans)
    assert extracted.shape == (2, 512)
    assert not extracted.requires_grad
    standardised = torch.stack([(scan - scan.mean()) / scan.std() for scan in scans])
    with torch.no_grad():
        torch.testing.assert_close(extracted, net(standardised)[-1].flatten(2).mean(2))


def test_scans_are_standardised_one_by_one(weights, scans):
    net = MedicalNet(weights)
    torch.testing.assert_close(net(scans), net(0.5 * scans + 0.1), atol=1e-4, rtol=1e-3)
    torch.testing.assert_close(net(scans)[:1], net(scans[:1]))
    assert net(torch.zeros(1, 1, 32, 40, 32)).isfinite().all()


def test_a_missing_or_wrong_file_is_refused(net, weights, tmp_path):
    with pytest.raises(UserError, match="no such file"):
        MedicalNet(tmp_path / "absent.pth")
    content = torch.load(weights, weights_only=True)
    del content["state_dict"]["module.layer4.0.bn2.weight"]
    torch.save(content, tmp_path / "incomplete.pth")
    (tmp_path / "text.pth").write_text("not weights")
    torch.save([1, 2], tmp_path / "list.pth")
    torch.save({"state_dict": ResNetFeatures("resnet18", pretrained=False).state_dict()}, tmp_path / "other.pth")
    (tmp_path / "empty.pth").touch()
    for name in ("incomplete", "text", "list", "other", "empty"):
        with pytest.raises(UserError, match=r"resnet_10_23dataset\.pth"):
            MedicalNet(tmp_path / f"{name}.pth")


def test_without_weights_there_is_a_reason_and_never_a_random_network(fake_ldae, scans):
    own, medicalnet = load_extractors(fake_ldae, None)
    assert (own.name, own.note) == (SEMANTIC, "")
    assert torch.equal(own.extract(scans), fake_ldae.encode_semantic(scans))
    assert medicalnet.name == MEDICALNET
    assert medicalnet.extract is None
    assert "ldae fetch-weights medicalnet" in medicalnet.note


def test_with_weights_both_extractors_work(fake_ldae, weights, scans):
    own, medicalnet = load_extractors(fake_ldae, str(weights))
    assert medicalnet.note == ""
    assert medicalnet.extract(scans).shape == (2, 512)
    assert own.extract(scans).shape == (2, 2)
