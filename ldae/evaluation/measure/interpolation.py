"""A scan predicted from one before it and one after it, of the same test subject, by LDAE and by the naive ways."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import combinations
from pathlib import Path

import numpy as np
import pandas as pd
import torch

from ldae.config import names
from ldae.config.load import Config
from ldae.config.models import SamplingConfig
from ldae.data.labels import read_dataset
from ldae.data.volumes import read_images
from ldae.diffusion.interpolation import lerp, slerp
from ldae.evaluation.measure.metrics import PUBLISHED_WINDOW, mse, ssim
from ldae.evaluation.measure.parts import NOT_KEPT, Part, Parts, describe_inputs, join_records, kept_parts
from ldae.evaluation.measure.selection import scans_of
from ldae.files import write_table
from ldae.systems.base import DiffusionAutoencoder
from ldae.systems.codes import Codes, decode_on_device, encode_scans
from ldae.systems.ldae import LatentDiffusionAutoencoder

LDAE_LERP = "LDAE, lerp of z_T"
LATENT = "AutoencoderKL, lerp of the latents"
BLEND = "blend of the two scans"
COPY = "copy of the nearer scan"
COPY_REBUILT = "copy of the nearer scan, through AutoencoderKL"
PREDICTORS = (names.LDAE, LDAE_LERP, LATENT, BLEND, COPY, COPY_REBUILT)
SCAN, RECONSTRUCTION = "scan", "AutoencoderKL reconstruction"
TARGETS = (SCAN, RECONSTRUCTION)
INTERPOLATION_METRICS = ("ssim", "ssim_win4", "mse")
TRIPLE = ["subject", "first_session", "session", "last_session"]
INTERPOLATION_COLUMNS = (
    *(*TRIPLE, "t", "between_months", "nearer_months", "system", "target", "solver", "steps"),
    *(*INTERPOLATION_METRICS, "note"),
)


def measure_interpolation(
    dataset: str | Path,
    models_dir: str | Path,
    config: Config,
    output: str | Path,
    *,
    parts_dir: str | Path,
    code: str,
) -> None:
    """Predict test scans from two others of the same subject and write a row per triple, system and target.

    The order in time comes from months and ages, which are labels: of `dataset.csv`, not of `scans.csv`.

    Parameters
    ----------
    dataset, models_dir, output : path
        The table of scans and labels, the folder of the LDAE's weights, the CSV to write.
    config : Config
        The sections of an LDAE, sampling, and evaluation.batch_size.
    parts_dir, code : path, str
        Where the parts lie until the table is written, and the hash of the code that makes them.
    """
    ldae, batch_size = LatentDiffusionAutoencoder.load(models_dir, config), config.evaluation.batch_size
    table = read_dataset(dataset)
    depends_on = describe_inputs(config, models_dir, names.LDAE_MODELS, scans_of(table, "test"), {}, code=code)
    with kept_parts(parts_dir, depends_on) as parts:
        write_table(output, interpolate(ldae, table, config.sampling, batch_size, parts))


def interpolate(
    ldae: DiffusionAutoencoder,
    dataset: pd.DataFrame,
    sampler: SamplingConfig,
    batch_size: int,
    parts: Parts = NOT_KEPT,
) -> pd.DataFrame:
    """Predict every test scan from every pair of the subject's scans around it, in every way, and measure it.

    Parameters
    ----------
    ldae : DiffusionAutoencoder
        The trained model.
    dataset : DataFrame
        Scans with months and age, of which only those of test subjects are used.
    sampler, batch_size : SamplingConfig, int
        Solver and steps, the same both ways, and scans per batch.
    parts : Parts
        Keeps the codes of each batch of scans, and what was measured of each batch of triples.

    Returns
    -------
    DataFrame
        `INTERPOLATION_COLUMNS`, a row per triple, system and target: the sessions before, at and after the target, t in
        0..1, months between the given scans and from the nearer one to the target. A scan whose time is unknown is a
        row with only its subject, session and a `note`. Without any triple there are no other rows.

    Raises
    ------
    UserError
        There are no test scans.
    """
    test = scans_of(dataset, "test")
    time = scan_times(test)
    unknown = test.loc[time.isna(), ["subject", "session"]]
    records = unknown.assign(note="neither months nor age: its place in time is unknown").to_dict("records")
    triples = find_triples(test, time)
    if len(triples):
        needed = np.unique(triples[["first", "middle", "last"]])
        scans = test.loc[needed].reset_index(drop=True)
        triples[["first", "middle", "last"]] = np.searchsorted(needed, triples[["first", "middle", "last"]])
        codes = encode(ldae, scans, sampler, batch_size, parts)

        def measure(batch: pd.DataFrame) -> Part:
            return Part(list(_measure(ldae, scans, batch, codes, sampler)))

        records += join_records(parts.measure("interpolation", "triples", triples, batch_size, measure))
    return pd.DataFrame(records, columns=list(INTERPOLATION_COLUMNS)).astype({"steps": "Int64"}).fillna({"note": ""})


def scan_times(test: pd.DataFrame) -> pd.Series:
    """Months of each scan on its subject's own clock; NaN where unknown.

    Months from baseline where all of a subject's scans have them; else the ages, times 12, where all have one; else
    the months of those that have them. The two clocks are never mixed within a subject.
    """
    age = 12 * test["age"]
    by_age = test["months"].isna().groupby(test["subject"]).transform("any")
    by_age &= age.notna().groupby(test["subject"]).transform("all")
    return test["months"].astype(float).where(~by_age, age)


def find_triples(test: pd.DataFrame, time: pd.Series) -> pd.DataFrame:
    """Every three scans of a subject at three different times, in the order of time.

    Returns
    -------
    DataFrame
        first, middle, last (rows of `test`), t, between_months, nearer_months.
    """
    found = []
    for _, rows in test.groupby("subject"):
        for triple in combinations(time[rows.index].dropna().sort_values(kind="stable").index, 3):
            before, at, after = time[list(triple)]
            if before < at < after:
                gaps = after - before, min(at - before, after - at)
                found.append((*triple, (at - before) / (after - before), *gaps))
    return pd.DataFrame(found, columns=["first", "middle", "last", "t", "between_months", "nearer_months"])


def encode(
    ldae: DiffusionAutoencoder, scans: pd.DataFrame, sampler: SamplingConfig, batch_size: int, parts: Parts = NOT_KEPT
) -> Codes:
    """Each scan's codes, computed once however many triples it is part of."""

    def measure(rows: pd.DataFrame) -> Part:
        codes = encode_scans(ldae, read_images(rows), sampler.steps, sampler.solver)
        return Part(arrays={name: code.numpy() for name, code in vars(codes).items()})

    found = parts.measure("interpolation, encoding", "scans", scans, batch_size, measure)
    return Codes.join([Codes(**{name: torch.from_numpy(code) for name, code in part.arrays.items()}) for part in found])


def predict(
    ldae: DiffusionAutoencoder,
    images: tuple[torch.Tensor, torch.Tensor],
    codes: tuple[Codes, Codes],
    t: torch.Tensor,
    sampler: SamplingConfig,
) -> Iterator[tuple[str, torch.Tensor]]:
    """Yield (system, scans (B, 1, D, H, W)) predicted at t (B,) between two scans; at t = 0.5 the copy is the first.

    They are where they were made: what is blended of the images where these are, all else on the model's device.
    """
    first, last = codes
    y_sem = lerp(first.y_sem, last.y_sem, t)
    for system, between in ((names.LDAE, slerp), (LDAE_LERP, lerp)):
        z_T = between(first.z_T, last.z_T, t)
        yield system, decode_on_device(ldae, z_T, y_sem, sampler.steps, sampler.solver)
    yield LATENT, ldae.decode_image(lerp(first.z_0, last.z_0, t))
    yield BLEND, lerp(*images, t)
    nearer = (t > 0.5).to(t)
    yield COPY, lerp(*images, nearer)
    yield COPY_REBUILT, ldae.decode_image(lerp(first.z_0, last.z_0, nearer))


def _measure(
    ldae: DiffusionAutoencoder, scans: pd.DataFrame, triples: pd.DataFrame, codes: Codes, sampler: SamplingConfig
) -> Iterator[dict]:
    first, middle, last = (triples[name].to_numpy() for name in ("first", "middle", "last"))
    given = read_images(scans.loc[first]), read_images(scans.loc[last])
    targets = {
        SCAN: read_images(scans.loc[middle]),
        RECONSTRUCTION: ldae.decode_image(codes.z_0[middle]).float(),
    }
    table = triples[["t", "between_months", "nearer_months"]].assign(
        subject=scans["subject"][middle].to_numpy(),
        first_session=scans["session"][first].to_numpy(),
        session=scans["session"][middle].to_numpy(),
        last_session=scans["session"][last].to_numpy(),
    )
    t = torch.from_numpy(triples["t"].to_numpy())
    for system, predicted in predict(ldae, given, (codes.at(first), codes.at(last)), t, sampler):
        diffusion = sampler.model_dump() if system in (names.LDAE, LDAE_LERP) else {"solver": ""}
        for target, wanted in targets.items():
            images = predicted.float().to(ldae.device), wanted.to(ldae.device)
            measured = {
                "ssim": ssim(*images),
                "ssim_win4": ssim(*images, PUBLISHED_WINDOW["interpolation"]),
                "mse": mse(*images),
            }
            columns = {name: values.cpu().numpy() for name, values in measured.items()}
            yield from table.assign(system=system, target=target, **diffusion, **columns).to_dict("records")
