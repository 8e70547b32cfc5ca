"""Which device computes: the GPU where there is one, and an error where there is one that PyTorch cannot use."""

from __future__ import annotations

import os
import re
import shutil
import subprocess

import torch

from ldae.errors import UserError

NO_GPU_EXIT_CODES = (6, 9)  # of nvidia-smi: no device that this process may use, no driver
CURE = (
    "install the PyTorch build for this GPU and driver (docs/gpu.md), or set CUDA_VISIBLE_DEVICES= (empty) to compute "
    "on the CPU"
)


def pick_device(name: str = "auto") -> str:
    """The device of a name: for "auto" "cuda" where there is a GPU and "cpu" where there is none.

    Raises
    ------
    UserError
        There is a GPU, but PyTorch cannot use it (a training that silently took the CPU would take weeks); a GPU is
        asked for and there is none; another kind of device.
    """
    if not re.fullmatch(r"auto|cpu|cuda(:\d+)?", name):
        raise UserError(f"device {name}", "cpu, cuda, cuda:1, ... or auto", name, "name one of these")
    if name == "cpu":
        return name
    if torch.cuda.is_available():
        _check_kernels()
        return "cuda" if name == "auto" else name
    hidden = os.environ.get("CUDA_VISIBLE_DEVICES") in ("", "-1")
    gpus = "" if hidden else _list_gpus()
    if gpus or name != "auto":
        raise UserError(gpus or name, "a GPU that PyTorch can use", f"{_build()}, which finds none", CURE)
    return "cpu"


def _check_kernels() -> None:
    major, minor = torch.cuda.get_device_capability()
    if not has_kernels(major, minor, torch.cuda.get_arch_list()):
        where = f"{torch.cuda.get_device_name()} (compute capability {major}.{minor})"
        raise UserError(where, f"one of {' '.join(torch.cuda.get_arch_list())}", f"{_build()}, without it", CURE)


def has_kernels(major: int, minor: int, built_for: list[str]) -> bool:
    """Whether a build holds code for a GPU: binaries serve later minor versions, PTX all later ones.

    Examples
    --------
    >>> has_kernels(8, 9, ["sm_75", "sm_86"]), has_kernels(7, 0, ["sm_75", "sm_86"])
    (True, False)
    >>> has_kernels(12, 1, ["sm_90a", "compute_120"])
    True
    """
    for name in built_for:
        kind, _, number = name.rstrip("af").rpartition("_")
        built_major, built_minor = int(number[:-1]), int(number[-1])
        newer = (built_major, built_minor) <= (major, minor)
        if newer and (built_major == major or kind == "compute"):
            return True
    return False


def _list_gpus() -> str:
    """The GPUs that the driver shows this process, with its version, or what is wrong with it; else nothing."""
    if not (program := shutil.which("nvidia-smi")):
        return ""
    command = [program, "--query-gpu=name,driver_version", "--format=csv,noheader"]
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors="replace")
    if done.returncode in NO_GPU_EXIT_CODES:
        return ""
    return "; ".join(line.replace(", ", ", driver ") for line in done.stdout.splitlines() if line.strip())


def _build() -> str:
    return f"PyTorch {torch.__version__} for {f'CUDA {torch.version.cuda}' if torch.version.cuda else 'the CPU alone'}"
