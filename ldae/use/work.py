"""Scans of any kind worked through with a trained model, one after another; what is done already is kept."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from ldae.code_hash import hash_module
from ldae.config.preprocessing import PreprocessingConfig, QCConfig
from ldae.files import hash_content, read_json
from ldae.preprocessing import pictures, scan
from ldae.preprocessing.inputs import find_inputs
from ldae.preprocessing.pictures import PictureJob, draw_picture
from ldae.preprocessing.prepare import ERROR, Prepared, PrepareJob, Settings, plan_scans, prepare_scans
from ldae.progress import Progress
from ldae.report.edited import draw_edited
from ldae.systems.codes import Codes
from ldae.systems.description import ModelDescription, read_description
from ldae.systems.trained import TrainedModel, load
from ldae.use.edits import Edit
from ldae.use.products import Product, open_derivative, refuse_others

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Options:
    """What every command takes: the folder of the model, the derivative to write, and how."""

    models: Path
    out: Path
    device: str = "auto"
    workers: int = 1
    overwrite: bool = False


class Bench:
    """A trained model and a derivative, where scans are prepared and edited."""

    def __init__(self, options: Options) -> None:
        self.options = options
        self.description: ModelDescription = read_description(options.models)
        sections = self.description.config
        preprocessing, qc = PreprocessingConfig(**sections["preprocessing"]), QCConfig(**sections["qc"])
        self.settings = Settings(preprocessing, qc, hash_module(scan.__file__))

    @cached_property
    def model(self) -> TrainedModel:
        """The model, loaded when it is first needed."""
        return load(self.options.models, self.options.device)

    @cached_property
    def model_key(self) -> str:
        """Hash of the model's files, of how it samples, and of the code."""
        sampling = self.description.settings.sampling.model_dump(mode="json")
        return hash_content([self.description.files, sampling, hash_module(__file__)])

    def plan(self, inputs: Sequence[str | Path]) -> list[PrepareJob]:
        """The scans of these inputs; nothing is written before all inputs are known to be there."""
        scans = find_inputs(inputs)
        open_derivative(self.options.out)
        return plan_scans(scans, self.options.out, self.settings, self.options.overwrite)

    def prepare(self, jobs: Sequence[PrepareJob]) -> list[Prepared]:
        """The scans preprocessed and judged, with a picture of each that has an image."""
        prepared, code = prepare_scans(jobs, self.options.workers), hash_module(pictures.__file__)
        for one in prepared:
            if one.status != ERROR:
                draw_picture(PictureJob(one.files, read_json(one.files.sidecar)["QCImageSHA256"], code))
        return prepared

    def product(self, job: PrepareJob | Prepared, edit: Edit) -> Product:
        """Where an edit of a scan is written."""
        return Product.of_scan(job.files, edit.name, hash_content([job.key, self.model_key, edit.settings]))

    def refuse_others(self, jobs: Sequence[PrepareJob], edits: Sequence[Edit]) -> None:
        """Raise a UserError where something else would be replaced."""
        products = [self.product(job, edit) for job in jobs if job.key for edit in edits]
        refuse_others(products, self.options.overwrite)

    def make(self, one: Prepared, edits: Sequence[Edit], encode: Callable[[], Codes]) -> list[Product]:
        """Make the edits of one scan that are not there yet."""
        products = [self.product(one, edit) for edit in edits]
        for product, edit in zip(products, edits, strict=True):
            if product.kept() is None:
                images = edit.make(self.model, encode())
                title = f"{one.scan.name}: {edit.title}"
                phantom = self.description.phantom
                draw_edited(picture_of(one, edit), one.files.image, images, title, phantom=phantom)
                facts = {"Description": f"{edit.title}; made by a model, not measured", **edit.settings}
                product.write(images, self.model.grid.affine, facts | {"Sources": [one.files.image.name]})
        return products

    def codes(self, one: Prepared) -> Callable[[], Codes]:
        """A function that encodes a scan when it is first called, and never again."""
        known: list[Codes] = []

        def encode() -> Codes:
            if not known:
                known.append(self.model.encode([one.files.image]))
            return known[0]

        return encode


def picture_of(one: Prepared, edit: Edit) -> Path:
    """Where the picture of an edit lies."""
    return one.files.montage.with_name(f"{one.scan.name}_desc-{edit.name}_T1w.png")


def edit_scans(bench: Bench, inputs: Sequence[str | Path], edits: Sequence[Edit]) -> list[Prepared]:
    """Make edits of every scan that passes quality control; all scans, with their verdicts."""
    jobs = bench.plan(inputs)
    bench.refuse_others(jobs, edits)
    prepared = bench.prepare(jobs)
    usable = [one for one in prepared if one.usable]
    progress = Progress(logger, ", ".join(edit.title for edit in edits), len(usable))
    for one in usable:
        bench.make(one, edits, bench.codes(one))
        progress.advance()
    return prepared
