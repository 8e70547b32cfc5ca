"""What a model says of scans: a table, and for each scan a page."""

from __future__ import annotations

import logging
import math
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from ldae.data.volumes import read_volume
from ldae.files import hash_content, read_table, write_table
from ldae.preprocessing.prepare import Prepared, PrepareJob
from ldae.progress import Progress
from ldae.report.edited import draw_edited, draw_place
from ldae.report.scan_page import write_scan_page
from ldae.systems.codes import Codes
from ldae.systems.probe import Along
from ldae.systems.reference import MEASURES
from ldae.use.edits import Edit, manipulation, reconstruction
from ldae.use.products import Product, refuse_others
from ldae.use.work import Bench

logger = logging.getLogger(__name__)

TABLE, NAME = "predictions.csv", "prediction"
PREDICTED = (
    *("p_AD", "p_AD_calibrated", "predicted_age", "unfamiliar"),
    *MEASURES,
    *(f"exceeded_{name}" for name in MEASURES),
)
ANSWER_COLUMNS = ("input", "subject", "session", "status", "reason", *PREDICTED, "path", "page")
SIDES = ("AD", "CN")


def predict_scans(bench: Bench, inputs: Sequence[str | Path], strength: float, along: Along) -> pd.DataFrame:
    """Preprocess and judge scans, ask the model about those that pass, and write pages and ``predictions.csv``.

    The table keeps its rows of other inputs. A scan that fails has its reason, and no number.

    Parameters
    ----------
    bench : Bench
    inputs : sequence of paths
    strength, along : float, Along
        Of the counterfactuals, in log-odds (see `ldae.systems.probe.Probe.move`).

    Returns
    -------
    DataFrame
        Columns `ANSWER_COLUMNS`, a row for each scan of these inputs.
    """
    jobs = bench.plan(inputs)
    edits = [reconstruction(), *(manipulation(s, strength, along) for s in SIDES if s in bench.model.directions)]
    bench.refuse_others(jobs, edits)
    refuse_others([_product(bench, job, edits) for job in jobs if job.key], bench.options.overwrite)
    prepared = bench.prepare(jobs)
    rows, progress = [], Progress(logger, "predict", len(prepared))
    for one in prepared:
        rows.append(_work_on(bench, one, edits))
        progress.advance()
    table = pd.DataFrame(rows, columns=list(ANSWER_COLUMNS))
    write_table(bench.options.out / TABLE, _with_earlier(bench.options.out / TABLE, table))
    return table


def _work_on(bench: Bench, one: Prepared, edits: Sequence[Edit]) -> dict[str, Any]:
    """The row of one scan, its page and its images written."""
    page = bench.options.out / f"{one.scan.name}.html"
    row = {"input": one.scan.source.as_posix(), "subject": one.scan.subject, "session": one.scan.session}
    row |= {"status": one.status, "reason": one.reason, "page": page.as_posix()}
    pictures = {"montage": one.files.montage}
    said = None
    if one.usable:
        product, encode = _product(bench, one, edits), bench.codes(one)
        pictures |= {name: one.files.montage.with_name(f"{one.scan.name}_{name}.png") for name in ("place", "edits")}
        made = bench.make(one, edits, encode)
        record = product.kept()
        if record is None or not all(picture.is_file() for picture in pictures.values()):
            record = _ask(bench, one, product, encode, pictures)
            _draw_edits(bench, one, edits, made, pictures["edits"])
        said = record["Prediction"]
        row |= {name: value for name, value in said.items() if name in PREDICTED}
        row["path"] = one.files.image.as_posix()
    write_scan_page(page, one, bench.settings.qc, bench.description, bench.model.probes, said, pictures)
    return row


def _ask(
    bench: Bench, one: Prepared, product: Product, encode: Callable[[], Codes], pictures: dict[str, Path]
) -> dict[str, Any]:
    """Ask the model, draw the scan's place, write the record."""
    model, codes = bench.model, encode()
    numbers = model.predict(codes).iloc[0].to_dict()
    familiar = model.familiarity([one.files.image], codes)
    unfamiliar = bool(familiar.unfamiliar[0]) if familiar.is_known else None
    said: dict[str, Any] = {name: None if math.isnan(value) else float(value) for name, value in numbers.items()}
    said |= {"unfamiliar": unfamiliar, "place": familiar.place[0].tolist()}
    said |= {name: float(familiar.values[name][0]) for name in MEASURES}
    shares = {name: float(familiar.exceeded[name][0]) if familiar.is_known else None for name in MEASURES}
    said |= {f"exceeded_{name}": share for name, share in shares.items()}
    draw_place(
        pictures["place"],
        model.reference.map.numpy(),
        familiar.place[0],
        bool(unfamiliar),
        phantom=bench.description.phantom,
    )
    return product.write({}, model.grid.affine, {"Description": "What the model says of this scan", "Prediction": said})


def _draw_edits(bench: Bench, one: Prepared, edits: Sequence[Edit], made: Sequence[Product], output: Path) -> None:
    images = {edit.title: read_volume(product.image(edit.name))[0] for edit, product in zip(edits, made, strict=True)}
    phantom = bench.description.phantom
    draw_edited(output, one.files.image, images, one.scan.name, base=edits[0].title, phantom=phantom)


def _product(bench: Bench, job: PrepareJob | Prepared, edits: Sequence[Edit]) -> Product:
    edited = [bench.product(job, edit).key for edit in edits]
    return Product.of_scan(job.files, NAME, hash_content([job.key, bench.model_key, edited]))


def _with_earlier(path: Path, table: pd.DataFrame) -> pd.DataFrame:
    """The table with the rows that it had of other scans."""
    if not path.is_file():
        return table
    text = dict.fromkeys(("input", "subject", "session"), str)
    earlier = read_table(path, ANSWER_COLUMNS, dtype=text)
    new = set(zip(table["subject"], table["session"], strict=True))
    others = [(row.subject, row.session) not in new for row in earlier.itertuples()]
    parts = [part for part in (earlier.loc[others, list(ANSWER_COLUMNS)], table) if len(part)]
    return pd.concat([part.astype(object) for part in parts], ignore_index=True).sort_values(["subject", "session"])
