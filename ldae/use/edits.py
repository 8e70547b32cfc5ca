"""The edits that the commands offer: what each makes of a scan's codes, and under which name."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from ldae.files import hash_content
from ldae.systems.codes import Codes
from ldae.systems.probe import DEFAULT_ALONG, Along
from ldae.systems.trained import TrainedModel

Images = Mapping[str, torch.Tensor]


@dataclass(frozen=True)
class Edit:
    """`make` gives images (D, H, W) by label of a scan's codes; `settings` is all it depends on."""

    name: str
    title: str
    settings: dict[str, Any]
    make: Callable[[TrainedModel, Codes], Images]


def reconstruction() -> Edit:
    """The scan decoded from its own y_sem and z_T."""

    def make(model: TrainedModel, codes: Codes) -> Images:
        return {"reconstruction": model.decode(codes.z_T, codes.y_sem)[0, 0]}

    return Edit("reconstruction", "reconstruction", {}, make)


def manipulation(towards: str, strength: float, along: Along = DEFAULT_ALONG) -> Edit:
    """The scan with `strength` log-odds of a diagnosis, or years, added."""
    name = f"towards{towards}{in_label(strength)}" + ("" if along == DEFAULT_ALONG else along)
    unit = "years" if towards == "age" else "log-odds"

    def make(model: TrainedModel, codes: Codes) -> Images:
        return {name: model.manipulate(codes, towards, [strength], along)[0, 0, 0]}

    settings = {"towards": towards, "strength": strength, "along": along}
    return Edit(name, f"towards {towards}, {strength:+g} {unit}", settings, make)


def variation(count: int, seed: int) -> Edit:
    """The scan's y_sem with other noises, the mean of these and their standard deviation, voxel by voxel."""
    name = f"vary{count}seed{seed}"

    def make(model: TrainedModel, codes: Codes) -> Images:
        varied = model.vary(codes, count, seed)
        images = {f"{name}number{i + 1}": image[0, 0] for i, image in enumerate(varied.images)}
        return images | {f"{name}mean": varied.mean[0, 0], f"{name}std": varied.spread[0, 0]}

    return Edit(name, "other noises", {"count": count, "seed": seed}, make)


def interpolation(other: Path, name: str, key: str, at: Sequence[float], ages: Sequence[float]) -> Edit:
    """The way from the scan to another one, at shares of it or, with both ages, at ages.

    Parameters
    ----------
    other, name, key : path, str, str
        The other preprocessed scan, what it is called in labels, and the hash of all it depends on.
    at, ages
        As in `TrainedModel.interpolate`.
    """
    between = f"ages{in_label(ages[0])}to{in_label(ages[1])}" if ages else ""
    labels = [f"to{name}{between}at{in_label(value)}" for value in at]
    settings = {"other": key, "at": list(at), "ages": list(ages)}

    def make(model: TrainedModel, codes: Codes) -> Images:
        images = model.interpolate(codes, [other], at, ages)
        return {label: image[0, 0] for label, image in zip(labels, images, strict=True)}

    way = hash_content([list(at), list(ages)])[:8]
    return Edit(f"to{name}way{way}", f"on the way to {name}", settings, make)


def in_label(value: float) -> str:
    """A number as part of a BIDS label, which holds letters and digits alone.

    Examples
    --------
    >>> in_label(2.0), in_label(-0.25)
    ('2', 'minus0p25')
    """
    return f"{value:.10g}".replace("-", "minus").replace("+", "").replace(".", "p")
