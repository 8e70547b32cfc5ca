"""bfloat16 where the processor has it, and float32 where it would be computed number by number."""

import pytest
import torch
from torch import nn
from torch.profiler import profile

from ldae.precision import has_fast_bfloat16, usable_precision


@pytest.mark.parametrize("precision", ["32-true", "16-mixed", "bf16-mixed"])
@pytest.mark.parametrize("device", ["cuda", "cuda:1", torch.device("cuda")])
def test_a_gpu_computes_as_it_is_told(precision, device, monkeypatch):
    monkeypatch.setattr("ldae.precision.has_fast_bfloat16", lambda: False)
    assert usable_precision(precision, device) == precision


def test_a_cpu_without_bfloat16_computes_in_float32_and_says_so(monkeypatch, caplog):
    monkeypatch.setattr("ldae.precision.has_fast_bfloat16", lambda: False)
    assert usable_precision("32-true", "cpu") == "32-true" and not caplog.text
    assert usable_precision("bf16-mixed", torch.device("cpu")) == "32-true"
    assert "AVX-512" in caplog.text


def test_bfloat16_counts_as_fast_where_pytorch_leaves_it_to_onednn():
    convolution, x = nn.Conv3d(8, 8, 3, padding=1).bfloat16(), torch.randn(1, 8, 4, 4, 4, dtype=torch.bfloat16)
    with torch.inference_mode(), profile() as profiled:
        convolution(x)
    assert ("aten::slow_conv3d" not in {event.name for event in profiled.events()}) == has_fast_bfloat16()
