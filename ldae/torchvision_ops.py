"""Lets torchvision be imported where its compiled operators do not load; import it before torchvision.

torchvision's wheels are built for one build of torch (PyPI's: CUDA). Beside another build, such as a CPU torch, the
library of compiled operators does not load, and `import torchvision` (so also lpips, and Lightning by way of
torchmetrics) fails with "operator torchvision::nms does not exist", because it registers Python parts of two of them.
Only torchvision's pure-Python models are used here, so declaring these two is enough. Where the compiled operators
load, nothing is done.
"""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path

import torch


def _declare_missing_operators() -> torch.library.Library | None:
    package = find_spec("torchvision")
    if package is None or package.origin is None:
        return None
    for compiled in Path(package.origin).parent.glob("_C*.so"):
        try:
            torch.ops.load_library(compiled)
            return None
        except OSError:
            continue
    library = torch.library.Library("torchvision", "DEF")
    for name in ("nms", "qnms"):
        library.define(f"{name}(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")
    return library


_LIBRARY = _declare_missing_operators()  # the declarations last as long as this object
