"""The device that computes; GPUs and their driver are played by a fake nvidia-smi."""

import pytest
import torch

from ldae.device import has_kernels, pick_device
from ldae.errors import UserError


@pytest.fixture
def driver(tmp_path, monkeypatch):
    """Put an nvidia-smi on the path that prints a text and exits; PyTorch sees no GPU."""
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    monkeypatch.setenv("PATH", str(tmp_path))

    def put(text, exit_code=0):
        program = tmp_path / "nvidia-smi"
        program.write_text(f"#!/bin/sh\nprintf '{text}'\nexit {exit_code}\n")
        program.chmod(0o755)

    return put


def test_without_a_gpu_the_cpu_computes(driver):
    assert pick_device() == "cpu"


@pytest.mark.parametrize("exit_code", [6, 9])
def test_a_driver_that_shows_no_gpu_is_none(driver, exit_code):
    driver("No devices were found\\n", exit_code)
    assert pick_device() == "cpu"


@pytest.mark.parametrize(
    "printed, exit_code, named",
    [
        ("Tesla V100-SXM2-32GB, 535.183.01\\n", 0, "Tesla V100-SXM2-32GB, driver 535.183.01"),
        ("Failed to initialize NVML: Driver/library version mismatch\\n", 18, "Driver/library version mismatch"),
    ],
)
def test_a_gpu_that_pytorch_does_not_find_is_an_error_with_the_cure(driver, printed, exit_code, named):
    driver(printed, exit_code)
    with pytest.raises(UserError) as error:
        pick_device()
    assert named in error.value.where and torch.__version__ in error.value.found and "docs/gpu.md" in error.value.cure


@pytest.mark.parametrize("value", ["", "-1"])
def test_a_user_who_hides_the_gpus_computes_on_the_cpu(driver, monkeypatch, value):
    driver("NVIDIA A100, 580.65.06\\n")
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", value)
    assert pick_device() == "cpu"
    with pytest.raises(UserError, match="cuda"):
        pick_device("cuda")


def test_the_cpu_is_taken_by_name_whatever_there_is(driver):
    driver("NVIDIA A100, 580.65.06\\n")
    assert pick_device("cpu") == "cpu"


@pytest.mark.parametrize("capability, usable", [((9, 0), True), ((8, 9), True), ((7, 0), False), ((10, 0), False)])
def test_a_gpu_for_which_the_build_has_no_code_is_an_error(monkeypatch, capability, usable):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "get_device_capability", lambda: capability)
    monkeypatch.setattr(torch.cuda, "get_device_name", lambda: "a GPU")
    monkeypatch.setattr(torch.cuda, "get_arch_list", lambda: ["sm_75", "sm_80", "sm_90a"])
    if usable:
        assert pick_device() == "cuda"
    else:
        with pytest.raises(UserError, match=rf"a GPU \(compute capability {capability[0]}\.0\)"):
            pick_device()


def test_a_certain_gpu_may_be_named_and_nothing_else(driver, monkeypatch):
    for name in ("gpu", "mps", "cuda:x", ""):
        with pytest.raises(UserError, match="cpu, cuda"):
            pick_device(name)
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr("ldae.device.has_kernels", lambda *_: True)
    monkeypatch.setattr(torch.cuda, "get_device_capability", lambda: (9, 0))
    assert pick_device("cuda:1") == "cuda:1"


def test_intermediate_code_serves_later_gpus_alone():
    assert has_kernels(12, 1, ["sm_90", "compute_120"])
    assert not has_kernels(12, 0, ["sm_90", "compute_121"])
