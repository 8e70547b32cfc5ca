"""Which device computes: the GPU where there is one, and an error where there is one that PyTorch cannot use."""

from __future__ import annotations

import os
import re
import shutil
import subprocess

import torch

from ldae.errors import UserError

NO_GPU_EXIT_CODES = (6, 9)  # of nvidia-smi: no device that this process may use, no driver
OF_THE_JOB = "LDAE_DEVICE"  # holds the setting `device`, which no rule is run again for
CURE = (
    "install the PyTorch build for this GPU and driver (docs/gpu.md), or compute on the CPU: set device: cpu "
    "(`ldae` commands: --device cpu)"
)


def pick_device(name: str = "auto") -> str:
    """The device of a name: for "auto" that of the setting `device` within a workflow's job.

    With "auto" there, too, "cuda" where there is a GPU and "cpu" where there is none: never another kind, such as
    Apple's MPS, which has no float64. On a GPU matrices of float32 are multiplied in TF32.

    Raises
    ------
    UserError
        There is a GPU, but PyTorch cannot use it (a training that silently took the CPU would take weeks); a GPU is
        asked for and there is none; another kind of device.
    """
    if name == "auto":
        name = os.environ.get(OF_THE_JOB, name)
    if not re.fullmatch(r"auto|cpu|cuda(:\d+)?", name):
        raise UserError(f"device {name}", "cpu, cuda, cuda:1, ... or auto", name, "name one of these")
    if name == "cpu":
        return name
    if torch.cuda.is_available():
        _check_kernels()
        torch.set_float32_matmul_precision("high")
        return "cuda" if name == "auto" else name
    hidden = os.environ.get("CUDA_VISIBLE_DEVICES") in ("", "-1")
    gpus = "" if hidden else _list_gpus()
    if gpus or name != "auto":
        raise UserError(gpus or f"device: {name}", "a GPU that PyTorch can use", f"{_build()}, which finds none", CURE)
    return "cpu"


def pick_devices(count: int) -> str:
    """The device of a training that `count` of them share: GPUs, or processes on the CPU.

    Raises
    ------
    UserError
        As `pick_device`, and where there are fewer GPUs.
    """
    device = pick_device()
    if device == "cuda" and torch.cuda.device_count() < count:
        found = f"{torch.cuda.device_count()} (CUDA_VISIBLE_DEVICES={os.environ.get('CUDA_VISIBLE_DEVICES', 'unset')})"
        cure = "set training.devices to their number, or let the job have more: on a cluster the resource gpu"
        raise UserError(f"training.devices: {count}", f"{count} GPUs that PyTorch can use", found, cure)
    return device


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
