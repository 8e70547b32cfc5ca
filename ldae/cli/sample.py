"""`ldae sample`."""

from __future__ import annotations

from typing import Annotated

import typer

from ldae.cli.options import Device, Models, Out, Overwrite, Seed


def sample(
    models: Models,
    out: Out,
    count: Annotated[int, typer.Option("--count", "-n", min=1, help="images")] = 4,
    seed: Seed = 0,
    device: Device = "auto",
    overwrite: Overwrite = False,
) -> None:
    r"""Make brains of nobody, from noise alone.

    The i-th image depends on the seed and i alone: a larger -n adds to what is there. Written below --out/samples.

    \b
    Example:
      ldae sample -n 16 --seed 3 --models results/models --out samples
    """
    from ldae.use.sample import draw_samples
    from ldae.use.work import Bench, Options

    bench = Bench(Options(models, out, device, overwrite=overwrite))
    paths = draw_samples(bench, count, seed)
    print(f"{len(paths)} samples in {paths[0].parent}. Research use only.")
