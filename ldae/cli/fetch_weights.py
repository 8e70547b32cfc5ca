"""`ldae fetch-weights`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from ldae.config.published import FILES, OF_THE_PAPER

DEFAULT = ", ".join(OF_THE_PAPER)


def fetch_weights(
    names: Annotated[
        list[str] | None, typer.Argument(metavar="NAME...", help=f"of {', '.join(FILES)}; default: {DEFAULT}")
    ] = None,
    into: Annotated[
        Path, typer.Option(metavar="DIR", help="the folder, which the configuration names as weights_dir")
    ] = Path("weights"),
) -> None:
    r"""Download the published weights that presets/paper.yaml uses, and check them; files that are there stay.

    SqueezeNet and ConvNeXt-small on ImageNet from torchvision (5 and 200 MB), MedicalNet's ResNet-10 from Hugging Face.

    \b
    Example:
      ldae fetch-weights --into weights
    """
    from ldae.use.fetch import fetch_weights as fetch

    for line in fetch(names or OF_THE_PAPER, into):
        print(line)
