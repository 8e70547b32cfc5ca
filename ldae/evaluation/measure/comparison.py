"""LDAE, LDDIM, the voxel DAE and AutoencoderKL on the same test scans: each encodes a scan and rebuilds it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import pandas as pd
import torch
from torch.nn import functional as F

from ldae.config import names
from ldae.config.load import Config
from ldae.data.scans import read_scans
from ldae.data.volumes import read_images
from ldae.diffusion.samplers import Solver
from ldae.evaluation.measure.lpips import Lpips, load_lpips
from ldae.evaluation.measure.metrics import (
    PUBLISHED_WINDOW,
    ms_ssim,
    ms_ssim_scales,
    mse,
    psnr,
    ssim,
    ssim_box_and_inside,
)
from ldae.evaluation.measure.parts import NOT_KEPT, Part, Parts, describe_inputs, join_records, kept_parts
from ldae.evaluation.measure.selection import draw_scans, scans_of
from ldae.files import read_table, write_table
from ldae.systems.base import DiffusionAutoencoder
from ldae.systems.dae import VoxelDiffusionAutoencoder
from ldae.systems.ldae import LatentDiffusionAutoencoder

COMPARISON_METRICS = ("ssim", "ssim_win3", "ms_ssim", "psnr", "mse", "ssim_brain", "psnr_brain", "mse_brain")
COMPARISON_KEYS = ["system", "grid", "grid_spacing_mm", "latent_size", "solver", "steps"]


@dataclass(frozen=True)
class ComparedSystem:
    """One row of the comparison.

    `semantic`: y_sem conditions the diffusion; `diffusion`: it goes through the diffusion at all; `own_grid`: its
    diffusion runs on another image grid, on which it is judged as well.
    """

    name: str
    codec: DiffusionAutoencoder
    semantic: bool = True
    diffusion: bool = True
    own_grid: bool = False


def systems_of(ldae: DiffusionAutoencoder, dae: DiffusionAutoencoder) -> list[ComparedSystem]:
    """The four systems of the paper; LDDIM is the LDAE's unconditional part."""
    return [
        ComparedSystem(names.LDAE, ldae),
        ComparedSystem(names.LDDIM, ldae, semantic=False),
        ComparedSystem(names.AUTOENCODER, ldae, semantic=False, diffusion=False),
        ComparedSystem(names.DAE, dae, own_grid=True),
    ]


def measure_comparison(
    scans: str | Path,
    models_dir: str | Path,
    config: Config,
    files: Mapping[str, str | Path | None],
    output: str | Path,
    *,
    parts_dir: str | Path,
    code: str,
) -> None:
    """Rebuild validation and test scans of `scans.csv` with every system and write a row per scan and system.

    Parameters
    ----------
    scans, models_dir, output : path
        The table of scans, the folder of the weights of LDAE and voxel DAE, the CSV to write.
    config : Config
        The sections of both systems, seed, sampling, and of the evaluation batch_size, comparison and lpips_nets.
    files : dict
        Weights for LPIPS, as in `load_lpips`.
    parts_dir, code : path, str
        Where the parts lie until the table is written, and the hash of the code that makes them.
    """
    ldae = LatentDiffusionAutoencoder.load(models_dir, config)
    systems = systems_of(ldae, VoxelDiffusionAutoencoder.load(models_dir, config))
    settings = config.evaluation
    chosen = compared_scans(read_scans(scans), settings.comparison.validation_scans, config.seed)
    lpips = load_lpips(settings.lpips_nets, files, ldae.device)
    models = (*names.LDAE_MODELS, "dae")
    depends_on = describe_inputs(config, models_dir, models, chosen, files, code=code, missing=lpips.missing)
    with kept_parts(parts_dir, depends_on) as parts:
        table = compare(
            systems,
            chosen,
            steps=settings.comparison.steps,
            solver=config.sampling.solver,
            spacing_mm=config.preprocessing.grid_spacing_mm,
            batch_size=settings.batch_size,
            lpips=lpips,
            parts=parts,
        )
        write_table(output, table)


def compared_scans(scans: pd.DataFrame, validation_scans: int | None, seed: int) -> pd.DataFrame:
    """All test scans, and of the validation scans as many as shall choose each system's number of steps; None: all.

    Raises
    ------
    UserError
        There is no test scan.
    """
    held_out = scans_of(scans, "test", "validation")
    chosen = draw_scans(held_out[held_out["split"] == "validation"], validation_scans, seed).index
    return held_out[(held_out["split"] == "test") | held_out.index.isin(chosen)].reset_index(drop=True)


def compare(
    systems: Sequence[ComparedSystem],
    scans: pd.DataFrame,
    *,
    steps: Sequence[int],
    solver: Solver,
    spacing_mm: float,
    batch_size: int,
    lpips: Lpips,
    parts: Parts = NOT_KEPT,
) -> pd.DataFrame:
    """Rebuild every scan with every system and measure it.

    The table is made of the test scans; the validation scans choose each system's number of steps.

    A system with a grid of its own is judged twice: on that grid against the scan brought to it, and on the model grid
    with its reconstruction brought back (trilinear both times).

    Parameters
    ----------
    systems, scans : sequence of ComparedSystem, DataFrame
        What rebuilds, and the scans.
    steps, solver : sequence of int, str
        Sampler steps T, the same both ways.
    spacing_mm : float
        Voxel size of the model grid.
    batch_size, lpips : int, Lpips
        Scans per batch; what measures LPIPS, or says why it cannot.
    parts : Parts
        Keeps what was measured of each batch.

    Returns
    -------
    DataFrame
        A row per scan, system, grid and T: subject, session, split, `COMPARISON_KEYS`, `COMPARISON_METRICS`,
        lpips_… for each backbone, ms_ssim_scales, note. "Brain" is where the scan is above 0.
    """

    def measure(rows: pd.DataFrame) -> Part:
        images, records = read_images(rows), []
        for system in systems:
            for number, size, rebuilt, target in rebuild(system, images, steps, solver):
                shape = target.shape[2:]
                keys = {
                    "system": system.name,
                    "grid": "x".join(map(str, shape)),
                    "grid_spacing_mm": round(spacing_mm * images.shape[2] / shape[0], 3),
                    "latent_size": size,
                    "solver": solver if number else "",
                    "steps": number,
                    "ms_ssim_scales": ms_ssim_scales(shape),
                    "note": lpips.note(shape),
                }
                values = {name: value.numpy() for name, value in measure_similarity(rebuilt, target, lpips).items()}
                records += rows[["subject", "session", "split"]].assign(**keys, **values).to_dict("records")
        return Part(records)

    records = join_records(parts.measure("comparison", "scans", scans, batch_size, measure))
    return pd.DataFrame(records).astype({"steps": "Int64"})


def read_comparison(path: str | Path) -> pd.DataFrame:
    """Read the table of `compare` as it was written."""
    text = dict.fromkeys(("subject", "session", "grid"), str)
    table = read_table(path, (*COMPARISON_KEYS, *COMPARISON_METRICS, "split"), dtype=text | {"steps": "Int64"})
    return table.fillna({"solver": "", "note": ""})


def rebuild(
    system: ComparedSystem, scans: torch.Tensor, steps: Sequence[int], solver: Solver
) -> Iterator[tuple[int | None, int, torch.Tensor, torch.Tensor]]:
    """Yield (T, numbers in the latent, reconstruction, target), both (B, 1, D, H, W) on one grid and one device."""
    codec = system.codec
    z_0 = codec.encode_image(scans)
    scans = scans.to(z_0.device)
    y_sem = codec.encode_semantic(scans) if system.semantic else None
    size = z_0[0].numel() + (0 if y_sem is None else y_sem[0].numel())
    target = codec.decode_image(z_0).float() if system.own_grid else scans
    for number in steps if system.diffusion else [None]:
        if number is not None:
            z_T = codec.encode_stochastic(z_0, y_sem, number, solver)
            decoded = codec.decode_image(codec.decode_stochastic(z_T, y_sem, number, solver))
        else:
            decoded = codec.decode_image(z_0)
        rebuilt = decoded.float()
        yield number, size, rebuilt, target
        if rebuilt.shape != scans.shape:
            yield number, size, F.interpolate(rebuilt, scans.shape[2:], mode="trilinear"), scans


def measure_similarity(rebuilt: torch.Tensor, scan: torch.Tensor, lpips: Lpips) -> dict[str, torch.Tensor]:
    """All `COMPARISON_METRICS` and LPIPS of each scan, (B,) on the CPU, computed where the volumes are."""
    brain = scan > 0
    ssim_box, ssim_brain = ssim_box_and_inside(rebuilt, scan, brain)
    values = {
        "ssim": ssim_box,
        "ssim_win3": ssim(rebuilt, scan, PUBLISHED_WINDOW["reconstruction"]),
        "ms_ssim": ms_ssim(rebuilt, scan),
        "psnr": psnr(rebuilt, scan),
        "mse": mse(rebuilt, scan),
        **lpips.measure(rebuilt, scan),
        "ssim_brain": ssim_brain,
        "psnr_brain": psnr(rebuilt, scan, brain),
        "mse_brain": mse(rebuilt, scan, brain),
    }
    return {name: value.cpu() for name, value in values.items()}
