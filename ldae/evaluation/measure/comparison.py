"""LDAE, LDDIM, the voxel DAE and AutoencoderKL on the same test scans: each encodes a scan and rebuilds it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import torch
from torch.nn import functional as F

from ldae.data.batches import scan_batches
from ldae.errors import UserError
from ldae.evaluation.measure.metrics import ms_ssim, ms_ssim_scales, mse, psnr, ssim
from ldae.evaluation.statistics.bootstrap import draw_weights, estimate, weighted_mean
from ldae.files import read_table

if TYPE_CHECKING:
    from ldae.systems.base import DiffusionAutoencoder

LDAE, LDDIM, DAE, AUTOENCODER = "LDAE", "LDDIM", "DAE", "AutoencoderKL"
METRICS = ("ssim", "ms_ssim", "psnr", "mse", "lpips", "ssim_brain", "psnr_brain", "mse_brain")
KEYS = ["system", "grid", "grid_spacing_mm", "latent_size", "solver", "steps"]
PAPER_COLUMNS = ("paper_latent_size", "paper_ssim", "paper_lpips", "paper_mse")
# Published on the ADNI test set at T = 100 with DDIM; the first two latent sizes leave out the latent's three channels.
PAPER = {
    LDAE: (5_888, 0.962, 0.075, 0.001),
    LDDIM: (5_120, 0.962, 0.075, 0.001),
    DAE: (1_605_632, 0.892, 0.030, 0.001),
    AUTOENCODER: (5_120, 0.962, 0.075, 0.001),
}


@dataclass(frozen=True)
class System:
    """One row of the comparison.

    `semantic`: y_sem conditions the diffusion; `diffusion`: it goes through the diffusion at all; `own_grid`: its
    diffusion runs on another image grid, on which it is judged as well.
    """

    name: str
    codec: DiffusionAutoencoder
    semantic: bool = True
    diffusion: bool = True
    own_grid: bool = False


def systems_of(ldae: DiffusionAutoencoder, dae: DiffusionAutoencoder) -> list[System]:
    """The four systems of the paper; LDDIM is the LDAE's unconditional part."""
    return [
        System(LDAE, ldae),
        System(LDDIM, ldae, semantic=False),
        System(AUTOENCODER, ldae, semantic=False, diffusion=False),
        System(DAE, dae, own_grid=True),
    ]


def compare(
    systems: Sequence[System],
    dataset: pd.DataFrame,
    *,
    steps: Sequence[int],
    solver: str,
    spacing_mm: float,
    batch_size: int,
    lpips: Callable | None,
    note: str,
) -> pd.DataFrame:
    """Rebuild every validation and test scan with every system and measure it.

    The table is made of the test scans; the validation scans choose each system's number of steps.

    A system with a grid of its own is judged twice: on that grid against the scan brought to it, and on the model grid
    with its reconstruction brought back (trilinear both times).

    Parameters
    ----------
    systems, dataset : sequence of System, DataFrame
        What rebuilds, and the dataset table.
    steps, solver : sequence of int, str
        Sampler steps T, the same both ways.
    spacing_mm : float
        Voxel size of the model grid.
    batch_size, lpips, note : int, callable or None, str
        Scans a batch; LPIPS of two batches, or None and the reason.

    Returns
    -------
    DataFrame
        A row a scan, system, grid and T: subject, session, split, `KEYS`, `METRICS`, ms_ssim_scales, note. "Brain" is
        where the scan is above 0.
    """
    table = dataset[dataset["split"].isin(["validation", "test"])].reset_index(drop=True)
    if not (table["split"] == "test").any():
        raise UserError("results/dataset.csv", "test scans", "none", "use more subjects or raise split.test_fraction")
    records: list[dict] = []
    for rows, scans in scan_batches(table, batch_size, "comparison"):
        for system in systems:
            for number, size, rebuilt, target in rebuild(system, scans, steps, solver):
                shape = target.shape[2:]
                keys = {
                    "system": system.name,
                    "grid": "x".join(map(str, shape)),
                    "grid_spacing_mm": round(spacing_mm * scans.shape[2] / shape[0], 3),
                    "latent_size": size,
                    "solver": solver if number else "",
                    "steps": number,
                    "ms_ssim_scales": ms_ssim_scales(shape),
                    "note": note,
                }
                values = {name: value.numpy() for name, value in measure(rebuilt, target, lpips).items()}
                records += rows[["subject", "session", "split"]].assign(**keys, **values).to_dict("records")
    return pd.DataFrame(records).astype({"steps": "Int64"})


def read_comparison(path: str | Path) -> pd.DataFrame:
    """Read the table of `compare` as it was written."""
    text = dict.fromkeys(("subject", "session", "grid"), str)
    table = read_table(path, (*KEYS, *METRICS, "split"), dtype=text | {"steps": "Int64"})
    return table.fillna({"solver": "", "note": ""})


def rebuild(
    system: System, scans: torch.Tensor, steps: Sequence[int], solver: str
) -> Iterator[tuple[int | None, int, torch.Tensor, torch.Tensor]]:
    """Yield (T, numbers in the latent, reconstruction, target), both (B, 1, D, H, W) on one grid."""
    codec = system.codec
    z_0 = codec.encode_image(scans)
    y_sem = codec.encode_semantic(scans) if system.semantic else None
    size = z_0[0].numel() + (0 if y_sem is None else y_sem[0].numel())
    target = codec.decode_image(z_0).float().cpu() if system.own_grid else scans
    for number in steps if system.diffusion else [None]:
        if number is not None:
            z_T = codec.encode_stochastic(z_0, y_sem, number, solver)
            decoded = codec.decode_image(codec.decode_stochastic(z_T, y_sem, number, solver))
        else:
            decoded = codec.decode_image(z_0)
        rebuilt = decoded.float().cpu()
        yield number, size, rebuilt, target
        if rebuilt.shape != scans.shape:
            yield number, size, F.interpolate(rebuilt, scans.shape[2:], mode="trilinear"), scans


def measure(rebuilt: torch.Tensor, scan: torch.Tensor, lpips: Callable | None) -> dict[str, torch.Tensor]:
    """All `METRICS` of each scan, (B,); LPIPS is NaN where it is not available."""
    brain = scan > 0
    unknown = torch.full((len(scan),), torch.nan)
    return {
        "ssim": ssim(rebuilt, scan),
        "ms_ssim": ms_ssim(rebuilt, scan),
        "psnr": psnr(rebuilt, scan),
        "mse": mse(rebuilt, scan),
        "lpips": unknown if lpips is None else lpips(rebuilt, scan),
        "ssim_brain": ssim(rebuilt, scan, brain),
        "psnr_brain": psnr(rebuilt, scan, brain),
        "mse_brain": mse(rebuilt, scan, brain),
    }


def summarise(scans: pd.DataFrame, *, draws: int, confidence: float, seed: int) -> pd.DataFrame:
    """comparison.csv from the scans of `compare`: means with intervals over subjects, and paired differences to LDAE.

    Returns
    -------
    DataFrame
        A row a system, grid and T: `KEYS`, n_subjects, n_scans, each metric with _low, _high and, on LDAE's grid, the
        mean difference to LDAE at the same T (of AutoencoderKL: at the largest) with its interval; `PAPER_COLUMNS`.
    """
    scans = scans[scans["split"] == "test"]
    reference = scans[scans["system"] == LDAE]
    table = []
    for keys, group in scans.groupby(KEYS, dropna=False, sort=False):
        row = dict(zip(KEYS, keys, strict=True))
        steps = reference["steps"].max() if pd.isna(row["steps"]) else row["steps"]
        columns = ["subject", "session", "grid", *METRICS]
        pairs = group[columns].merge(
            reference.loc[reference["steps"] == steps, columns],
            on=["subject", "session", "grid"],
            how="left",
            suffixes=("", "_ldae"),
            validate="one_to_one",
        )
        weights = draw_weights(pairs["subject"], draws, np.random.default_rng(seed))
        row |= {"n_subjects": pairs["subject"].nunique(), "n_scans": len(pairs)}
        for metric in METRICS:
            mean = estimate(weighted_mean(pairs[metric]), weights, confidence)
            gap = estimate(weighted_mean(pairs[metric] - pairs[f"{metric}_ldae"]), weights, confidence)
            for name, result in ((metric, mean), (f"{metric}_minus_ldae", gap)):
                row |= {name: result.value, f"{name}_low": result.low, f"{name}_high": result.high}
        row |= dict(zip(PAPER_COLUMNS, PAPER[row["system"]], strict=True))
        table.append(row | {"ms_ssim_scales": group["ms_ssim_scales"].iloc[0], "note": group["note"].iloc[0]})
    return pd.DataFrame(table)


def best_steps(scans: pd.DataFrame, tolerance: float = 0.001) -> dict[str, int]:
    """Each diffusion system's own T: the smallest whose mean SSIM on validation scans is nearly its best.

    `tolerance` is how much less it may be. A system is judged on its own grid. Without validation scans it is the
    largest T.
    """
    chosen = {}
    for name, group in scans.dropna(subset="steps").groupby("system"):
        own = group[group["grid_spacing_mm"] == group["grid_spacing_mm"].max()]
        means = own[own["split"] == "validation"].groupby("steps")["ssim"].mean()
        good = means.index[means >= means.max() - tolerance]
        chosen[str(name)] = int(min(good) if len(good) else own["steps"].max())
    return chosen
