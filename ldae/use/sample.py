"""Images of nobody, from noise alone."""

from __future__ import annotations

import logging
from pathlib import Path

from ldae.data.volumes import read_volume
from ldae.files import hash_content
from ldae.progress import Progress
from ldae.report.anatomy import LABEL_SIZE, Views, panel_rows
from ldae.report.figures import PHANTOMS_MODEL, save_figure
from ldae.use.products import Product, open_derivative, refuse_others
from ldae.use.work import Bench

logger = logging.getLogger(__name__)

SHOWN_IN_A_ROW = 3


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
    views = Views(bench.model.grid.affine, bench.model.grid.shape)
    columns = min(SHOWN_IN_A_ROW, count)
    figure, axes = panel_rows(views, -(-count // columns), columns, 3.0 * columns)
    for panel in axes.flat[count:]:
        panel.axis("off")
    for number, (panel, path) in enumerate(zip(axes.flat[:count], paths, strict=True)):
        views.draw(panel, read_volume(path)[0].numpy(), places=number < columns, bar=number == 0)
        panel.set_ylabel(f"sample {number}", fontsize=LABEL_SIZE)
    picture, phantom = bench.options.out / "samples" / f"seed-{seed}.png", bench.description.phantom
    save_figure(figure, picture, phantom=phantom, stamp=PHANTOMS_MODEL)
    return paths


def _product(bench: Bench, seed: int, number: int) -> Product:
    stem = f"seed-{seed}_sample-{number:04d}_space-MNI152"
    return Product(bench.options.out / "samples", stem, "sample", hash_content([bench.model_key, seed, number]))
