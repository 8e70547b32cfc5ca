"""Test scans edited along a probe's directions, and what the edit changes in them."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import torch

from ldae.config import names
from ldae.config.load import Config
from ldae.data.scans import SCAN_KEY, read_scans
from ldae.data.volumes import next_subjects_scan, read_images, read_volume
from ldae.evaluation.features.morphometry import REGIONS, measure_regions
from ldae.evaluation.measure.metrics import mse
from ldae.evaluation.measure.parts import NOT_KEPT, Part, Parts, describe_inputs, join_records, kept_parts
from ldae.evaluation.measure.selection import scans_of
from ldae.files import hash_file, write_table
from ldae.preprocessing.grid import Grid, model_grid
from ldae.progress import Progress
from ldae.systems.codes import decode_codes, encode_scans
from ldae.systems.ldae import LatentDiffusionAutoencoder
from ldae.systems.probe import Along, Probe
from ldae.systems.probes import read_probes

logger = logging.getLogger(__name__)

SCAN, EDITED = "scan", "edited"
WAYS: tuple[Along, ...] = ("pattern", "weights", "difference")
MEASURED = (*REGIONS, "score", "own_mse", "other_mse")
COUNTERFACTUAL_COLUMNS = (*SCAN_KEY, "image", "edit", "along", "strength", *MEASURED)


@dataclass(frozen=True)
class ProbeEdit:
    """One way to change y_sem: a probe, the direction, the strength in log-odds or years."""

    probe: Probe
    along: Along
    strength: float


def measure_counterfactuals(
    scans: str | Path,
    probes: str | Path,
    models_dir: str | Path,
    config: Config,
    output: str | Path,
    *,
    parts_dir: str | Path,
    code: str,
) -> None:
    """ProbeEdit the first scan of every test subject in every way and write a row per scan and image.

    Parameters
    ----------
    scans, probes, models_dir, output : path
        The table of scans, probes.json, the folder of the LDAE's weights, the CSV to write.
    config : Config
        The sections of an LDAE, sampling, and of the evaluation batch_size and counterfactual.
    parts_dir, code : path, str
        Where the parts lie until the table is written, and the hash of the code that makes them.
    """
    system = LatentDiffusionAutoencoder.load(models_dir, config)
    known = read_probes(Path(probes).parent, hash_file(Path(models_dir, "representation.safetensors")))
    table, read = read_scans(scans), {"probes": probes}
    facts = describe_inputs(config, models_dir, names.LDAE_MODELS, scans_of(table, "test"), read, code=code)
    with kept_parts(parts_dir, facts) as parts:
        write_table(output, edit_scans(system, table, known, config, parts))


def list_edits(probes: dict[str, Probe], log_odds: Sequence[float], years: Sequence[float]) -> list[ProbeEdit]:
    """Every probe with every direction and strength but 0; years for a probe of a number."""
    return [
        ProbeEdit(probe, along, strength)
        for probe in probes.values()
        for along in WAYS
        for strength in (log_odds if probe.positive else years)
        if strength
    ]


def edit_scans(
    system: LatentDiffusionAutoencoder,
    scans: pd.DataFrame,
    probes: dict[str, Probe],
    config: Config,
    parts: Parts = NOT_KEPT,
) -> pd.DataFrame:
    """ProbeEdit and measure; `parts` keeps what was measured of each batch.

    Returns
    -------
    DataFrame
        `COUNTERFACTUAL_COLUMNS`. ``image``: the scan itself or an edited one; strength 0 is the reconstruction from the
        scan's own y_sem and z_T. ``score``: what the probe says of the image, encoded again. ``own_mse`` and
        ``other_mse``: mean squared error to another visit of the subject (NaN without one) and to a scan of the next
        test subject. The regions are measured within the brain of the scan itself.
    """
    settings, sampling = config.evaluation, config.sampling
    test = scans_of(scans, "test")
    chosen = test.drop_duplicates("subject").reset_index(drop=True)
    hashes = dict(zip(test["path"], test["image_sha256"], strict=True))
    others, grid = other_scans(test, chosen), model_grid(config.preprocessing)
    edits = list_edits(probes, settings.counterfactual.log_odds, settings.counterfactual.years)

    def measure(rows: pd.DataFrame) -> Part:
        images = read_images(rows)
        progress = Progress(logger, "counterfactuals, a batch", 1 + len(edits), "edits")
        compared = rows[SCAN_KEY], images > 0, {name: _volumes(others.loc[rows.index, name], hashes) for name in others}
        records = list(_unedited(_measure(system, images, compared, grid), SCAN, probes))
        codes = encode_scans(system, images, sampling.steps, sampling.solver)
        for edit in (None, *edits):
            y_sem = codes.y_sem if edit is None else edit.probe.move(codes.y_sem, edit.strength, edit.along)
            made = decode_codes(system, codes.z_T, y_sem, sampling.steps, sampling.solver)
            table, y_made = _measure(system, made, compared, grid)
            if edit is None:
                records += _unedited((table, y_made), EDITED, probes)
            else:
                told = {"edit": edit.probe.task, "along": edit.along, "strength": edit.strength}
                records += _records(table, EDITED, told, edit.probe.score(y_made))
            progress.advance()
        return Part(records)

    records = join_records(parts.measure("counterfactuals", "scans", chosen, settings.batch_size, measure))
    table = pd.DataFrame(records, columns=list(COUNTERFACTUAL_COLUMNS))
    return table.sort_values([*SCAN_KEY, "edit", "along", "image", "strength"], ignore_index=True)


def other_scans(test: pd.DataFrame, chosen: pd.DataFrame) -> pd.DataFrame:
    """For each chosen scan the path of another visit of the subject, and of the next subject's; empty without one."""
    later = test[test.duplicated("subject")].drop_duplicates("subject").set_index("subject")["path"]
    other = [""] * len(chosen)
    if len(chosen) > 1:
        other = chosen["path"].iloc[next_subjects_scan(chosen["subject"].tolist())].tolist()
    return pd.DataFrame({"own_mse": chosen["subject"].map(later).fillna(""), "other_mse": other}, index=chosen.index)


def _measure(
    system: LatentDiffusionAutoencoder,
    images: torch.Tensor,
    compared: tuple[pd.DataFrame, torch.Tensor, dict[str, list[torch.Tensor | None]]],
    grid: Grid,
) -> tuple[pd.DataFrame, torch.Tensor]:
    """Regions and distances of images, a row each, and their y_sem."""
    keys, inside, others = compared
    pairs = zip(images[:, 0].numpy(), inside[:, 0].numpy(), strict=True)
    regions = pd.DataFrame([measure_regions(image, grid, mask) for image, mask in pairs], index=keys.index)
    distances = {name: _distances(images, volumes) for name, volumes in others.items()}
    return keys.join(regions).assign(**distances), system.encode_semantic(images).float().cpu()


def _unedited(measured: tuple[pd.DataFrame, torch.Tensor], image: str, probes: dict[str, Probe]) -> Iterator[dict]:
    """The same image as strength 0 of every edit."""
    table, y_sem = measured
    for probe in probes.values():
        for along in WAYS:
            told = {"edit": probe.task, "along": along, "strength": 0.0}
            yield from _records(table, image, told, probe.score(y_sem))


def _records(table: pd.DataFrame, image: str, told: dict, score: torch.Tensor) -> list[dict]:
    return table.assign(image=image, score=score.numpy(), **told).to_dict("records")


def _volumes(paths: pd.Series, hashes: dict[str, str]) -> list[torch.Tensor | None]:
    return [read_volume(path, hashes[path])[None] if path else None for path in paths]


def _distances(images: torch.Tensor, others: list[torch.Tensor | None]) -> list[float]:
    pairs = zip(images.split(1), others, strict=True)
    return [np.nan if other is None else mse(image, other).item() for image, other in pairs]
