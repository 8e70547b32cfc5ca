"""An encoder from outside, a TorchScript file, as a function."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import torch
from torch.nn.functional import interpolate

from ldae.config.evaluation import OutputForm
from ldae.device import pick_device
from ldae.errors import UserError

EXPORT = "save it with torch.jit.save(torch.jit.script(encoder), file) or torch.jit.trace; nothing else is read"
SETTINGS = "evaluation.external_encoders"


def load_external(
    file: str | Path, input_shape: Sequence[int], output: OutputForm, device: str = "auto"
) -> Callable[[torch.Tensor], torch.Tensor]:
    """The encoder of a TorchScript file, frozen: a function of x (B, 1, D, H, W) in 0..1 that gives (B, S).

    Scans of another size than `input_shape` are resampled (trilinear) over the same field of view. `output`: "flatten"
    takes every number that the network puts out for a scan, "average" the means over all axes behind the channels'.

    Raises
    ------
    UserError
        The file is no TorchScript; later, of the function: the network does not take this size, or its output is no
        tensor of numbers with a row per scan.
    """
    device = pick_device(device)
    try:
        network = torch.jit.load(str(file), map_location=device).eval()
    except (RuntimeError, ValueError) as error:
        raise UserError(file, "an encoder in TorchScript", _last_line(error), EXPORT) from None

    @torch.inference_mode()
    def encode(x: torch.Tensor) -> torch.Tensor:
        x = x.to(device)
        if x.shape[2:] != tuple(input_shape):
            x = interpolate(x, size=tuple(input_shape), mode="trilinear", align_corners=False)
        try:
            made = network(x)
        except torch.OutOfMemoryError:
            raise
        except (RuntimeError, torch.jit.Error) as error:
            cure = f"correct {SETTINGS}: input_shape, or export an encoder of one channel"
            raise UserError(file, f"an encoder of scans {tuple(x.shape)}", _last_line(error), cure) from None
        return _as_codes(made, len(x), output, file)

    return encode


def _as_codes(made: object, scans: int, output: OutputForm, file: str | Path) -> torch.Tensor:
    """What a network put out, (B, …), as codes (B, S)."""
    if not isinstance(made, torch.Tensor) or made.ndim < 2 or len(made) != scans or not made.is_floating_point():
        shape = f", {made.dtype}, {tuple(made.shape)}" if isinstance(made, torch.Tensor) else ""
        cure = "export a module that gives its features alone"
        raise UserError(file, f"a tensor of numbers ({scans}, …)", f"{type(made).__name__}{shape}", cure)
    return made.flatten(2).mean(2) if output == "average" and made.ndim > 2 else made.flatten(1)


def _last_line(error: Exception) -> str:
    """Where TorchScript's errors say what happened; the lines before are its traceback."""
    return ([line.strip() for line in str(error).splitlines() if line.strip()] or [type(error).__name__])[-1]
