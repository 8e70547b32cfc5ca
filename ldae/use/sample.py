"""Images of nobody, from noise alone."""

from __future__ import annotations

import logging
from pathlib import Path

from ldae.data.volumes import read_volume
from ldae.files import hash_content
from ldae.progress import Progress
from ldae.report.figures import central_slices, panel_grid, save_figure, show_image
from ldae.use.products import Product, open_derivative, refuse_others
from ldae.use.work import Bench

logger = logging.getLogger(__name__)


def draw_samples(bench: Bench, count: int, seed: int) -> list[Path]:
    """Write the samples 0 to `count` - 1 of a seed that are not there yet, and a picture of them; all their paths."""
    open_derivative(bench.options.out)
    products = [_product(bench, seed, number) for number in range(count)]
    refuse_others(products, bench.options.overwrite)
    progress = Progress(logger, "sample", count, "samples")
    for number, product in enumerate(products):
        if product.kept() is None:
            image = bench.model.sample(1, seed, first=number)[0, 0]
            facts = {"Description": "A sample from noise: nobody's brain", "Seed": seed, "Number": number}
            product.write({"sample": image}, bench.model.grid.affine, facts)
        progress.advance()
    paths = [product.image("sample") for product in products]
    figure, panels = panel_grid(count, (3.0, 1.3))
    for panel, path in zip(panels, paths, strict=True):
        show_image(panel, central_slices(read_volume(path)[0].numpy()), cmap="gray", vmin=0, vmax=1)
        panel.set_title(path.name.partition("_space")[0], fontsize=7)
    save_figure(figure, bench.options.out / "samples" / f"seed-{seed}.png")
    return paths


def _product(bench: Bench, seed: int, number: int) -> Product:
    stem = f"seed-{seed}_sample-{number:04d}_space-MNI152"
    return Product(bench.options.out / "samples", stem, "sample", hash_content([bench.model_key, seed, number]))
