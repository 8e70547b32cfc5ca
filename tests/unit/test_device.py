"""The device that computes; GPUs and their driver are played by a fake nvidia-smi."""

import pytest
import torch

from ldae.device import has_kernels, pick_device, pick_devices
from ldae.errors import UserError


@pytest.fixture(autouse=True)
def nothing_set(monkeypatch):
    monkeypatch.delenv("LDAE_DEVICE", raising=False)
    precision = torch.get_float32_matmul_precision()
    yield
    torch.set_float32_matmul_precision(precision)


@pytest.fixture
def gpus(monkeypatch):
    """Let PyTorch believe in so many GPUs that it can use."""

    def put(count):
        monkeypatch.setattr(torch.cuda, "is_available", lambda: count > 0)
        monkeypatch.setattr(torch.cuda, "device_count", lambda: count)
        monkeypatch.setattr(torch.cuda, "get_device_capability", lambda: (9, 0))
        monkeypatch.setattr("ldae.device.has_kernels", lambda *_: True)

    return put


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


def test_a_certain_gpu_may_be_named_and_nothing_else(driver, gpus):
    for name in ("gpu", "mps", "cuda:x", ""):
        with pytest.raises(UserError, match="cpu, cuda"):
            pick_device(name)
    gpus(2)
    assert pick_device("cuda:1") == "cuda:1"


def test_the_setting_decides_for_a_job_that_names_no_device(driver, gpus, monkeypatch):
    monkeypatch.setenv("LDAE_DEVICE", "cuda")
    with pytest.raises(UserError, match="device: cuda") as error:
        pick_device()
    assert "device: cpu" in error.value.cure
    assert pick_device("cpu") == "cpu"
    gpus(1)
    assert pick_device() == "cuda"
    monkeypatch.setenv("LDAE_DEVICE", "cpu")
    assert pick_device() == "cpu"
    assert pick_device("cuda") == "cuda"


def test_apples_gpu_is_never_taken(driver, monkeypatch):
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: True)
    assert pick_device() == "cpu"


def test_a_training_that_finds_fewer_gpus_than_devices_stops_with_the_cure(driver, gpus):
    gpus(1)
    with pytest.raises(UserError, match="2 GPUs that PyTorch can use") as error:
        pick_devices(2)
    assert "training.devices" in error.value.cure
    gpus(2)
    assert pick_devices(2) == "cuda"
    gpus(0)
    assert pick_devices(2) == "cpu"


def test_matrices_are_multiplied_in_tf32_on_a_gpu_alone(driver, gpus):
    pick_device()
    assert torch.get_float32_matmul_precision() == "highest"
    gpus(1)
    pick_device("cpu")
    assert torch.get_float32_matmul_precision() == "highest"
    pick_device()
    assert torch.get_float32_matmul_precision() == "high"


def test_intermediate_code_serves_later_gpus_alone():
    assert has_kernels(12, 1, ["sm_90", "compute_120"])
    assert not has_kernels(12, 0, ["sm_90", "compute_121"])
