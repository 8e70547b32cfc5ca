"""The weights of others that are used here: where they are published, and where they lie on this machine."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from pathlib import Path

from ldae.errors import UserError
from ldae.files import hash_file

PUBLISHED = "published"  # a setting's value: the published file, and an error where it is missing
TORCHVISION = "https://download.pytorch.org/models"
MEDICALNET = "https://huggingface.co/TencentMedicalNet/MedicalNet-Resnet10/resolve/main"


@dataclass(frozen=True)
class PublishedFile:
    """One file of weights: its name, the address of its folder, and what it holds."""

    file: str
    site: str
    holds: str

    @property
    def url(self) -> str:
        """Where it is downloaded from."""
        return f"{self.site}/{self.file}"

    @property
    def sha256_prefix(self) -> str:
        """First digits of its SHA-256, which torchvision's names end with; empty where none is published."""
        found = re.search(r"-([0-9a-f]{8})\.pth$", self.file)
        return found[1] if found else ""


FILES = {
    "squeezenet": PublishedFile("squeezenet1_1-b8a52dc0.pth", TORCHVISION, "SqueezeNet 1.1 on ImageNet"),
    "convnext_tiny": PublishedFile("convnext_tiny-983f1562.pth", TORCHVISION, "ConvNeXt-tiny on ImageNet"),
    "convnext_small": PublishedFile("convnext_small-0c510722.pth", TORCHVISION, "ConvNeXt-small on ImageNet"),
    "convnext_base": PublishedFile("convnext_base-6075fbad.pth", TORCHVISION, "ConvNeXt-base on ImageNet"),
    "convnext_large": PublishedFile("convnext_large-ea097f82.pth", TORCHVISION, "ConvNeXt-large on ImageNet"),
    "medicalnet": PublishedFile("resnet_10_23dataset.pth", MEDICALNET, "MedicalNet's ResNet-10 on 23 datasets"),
    "alexnet": PublishedFile("alexnet-owt-7be5be79.pth", TORCHVISION, "AlexNet on ImageNet"),
    "vgg16": PublishedFile("vgg16-397923af.pth", TORCHVISION, "VGG-16 on ImageNet"),
}
OF_THE_PAPER = ("squeezenet", "convnext_small", "medicalnet")
OF_LPIPS = {"alex": "alexnet", "squeeze": "squeezenet", "vgg": "vgg16"}


def find_published(name: str, folder: str | Path) -> Path | None:
    """The file called `name` in `FILES`, in `folder` or else in torch hub's cache; None where it is in neither."""
    cache = Path(os.environ.get("XDG_CACHE_HOME") or "~/.cache", "torch")
    hub = Path(os.environ.get("TORCH_HOME") or cache).expanduser() / "hub" / "checkpoints"
    paths = (place / FILES[name].file for place in (Path(folder), hub))
    return next((path for path in paths if path.is_file()), None)


def expect_published(key: str, name: str, folder: str | Path) -> Path:
    """The file that the setting `key` asks for by the word "published".

    Raises
    ------
    UserError
        It is not there.
    """
    path, wanted = find_published(name, folder), FILES[name]
    if path is None:
        asked = folder if name in OF_THE_PAPER else f"{folder} {name}"  # those of the paper come together
        cure = f"ldae fetch-weights --into {asked}; without a network put {wanted.url} there by hand"
        found = f"no {wanted.file} there, nor in torch hub's cache (seen from {Path.cwd()})"
        raise UserError(f"{key}: {PUBLISHED}", f"{wanted.holds}, in weights_dir, {folder}", found, cure)
    return path


def check_content(path: Path, where: str | Path) -> str:
    """SHA-256 of a file that `FILES` names; `where` is what a message calls it.

    Raises
    ------
    UserError
        It is not the one whose first digits are published.
    """
    known = next(each for each in FILES.values() if each.file == path.name)
    digest = hash_file(path)
    if not digest.startswith(known.sha256_prefix):
        cure = f"remove it if it is there, and download {known.url} again (ldae fetch-weights)"
        expected = f"a file whose SHA-256 begins with {known.sha256_prefix}"
        raise UserError(where, expected, f"{digest[:8]}…, another or a damaged file", cure)
    return digest
