"""Time, memory and arithmetic of encoding, decoding and both, for LDAE, LDDIM and the voxel DAE.

Measured at the size of the run, and counted at the published one.
"""

from __future__ import annotations

import platform
import resource
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import pandas as pd
import torch

from ldae.config import names
from ldae.config.load import Config
from ldae.config.models import SamplingConfig
from ldae.diffusion.samplers import Solver
from ldae.errors import UserError
from ldae.evaluation.measure.arithmetic import DECODE, ENCODE, RECONSTRUCT, count_systems, count_tflop
from ldae.evaluation.measure.comparison import read_comparison
from ldae.files import read_table, write_table
from ldae.pool import run_items
from ldae.systems.base import DiffusionAutoencoder
from ldae.systems.dae import VoxelDiffusionAutoencoder
from ldae.systems.ldae import LatentDiffusionAutoencoder

MEASURED, COUNTED = "measured", "counted at the published size"
EQUAL, OWN = "equal T", "own best T"
OPERATIONS = (ENCODE, DECODE, RECONSTRUCT)
WARM_UP_STEPS = 2
EFFICIENCY_COLUMNS = (
    *("basis", "grid", "at", "system", "operation", "solver", "steps", "device", "batch_size"),
    *("repeat", "seconds", "peak_memory_gb", "tflop"),
)


@dataclass(frozen=True)
class Measurement:
    """One measurement, in a process of its own. `load` makes the codec from the folder of models and the config."""

    system: str
    operation: str
    steps: int
    load: Callable[[str, Config], DiffusionAutoencoder]
    models_dir: str
    config: Config
    solver: Solver
    batch_size: int
    repeats: int
    threads: int


def measure_efficiency(
    comparison: str | Path,
    models_dir: str | Path,
    config: Config,
    published: Config,
    *,
    threads: int,
    timeout_s: float,
    output: str | Path,
) -> None:
    """Measure LDAE, LDDIM and voxel DAE, each operation in a fresh process, and write a row per run and per count.

    Parameters
    ----------
    comparison, models_dir : path
        What `measure_comparison` wrote, from which each system's own number of steps follows; the folder of weights.
    config : Config
        The sections of both systems, sampling and evaluation.efficiency.
    published : Config
        The published sizes, as `ldae.evaluation.measure.arithmetic.count_systems` takes them, and sampling.
    threads, timeout_s : int, float
        Threads of a measurement, and the seconds it may take.
    output : path
        The CSV to write.
    """
    own_steps = best_steps(read_comparison(comparison))
    planned = plan_measurements(
        {
            names.LDAE: LatentDiffusionAutoencoder.load,
            names.LDDIM: LatentDiffusionAutoencoder.load,
            names.DAE: VoxelDiffusionAutoencoder.load,
        },
        models_dir,
        config,
        sampling=config.sampling,
        own_steps=own_steps,
        threads=threads,
    )
    runs = [*run_measurements(planned, timeout_s), *count_operations(published, own_steps, config.sampling.solver)]
    write_table(output, pd.DataFrame(runs, columns=list(EFFICIENCY_COLUMNS)))


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


def plan_measurements(
    loaders: dict[str, Callable[[str, Config], DiffusionAutoencoder]],
    models_dir: str | Path,
    config: Config,
    *,
    sampling: SamplingConfig,
    own_steps: dict[str, int],
    threads: int,
) -> list[tuple[str, Measurement]]:
    """Every system and operation at the sampler's steps, and again at its own; `loaders` by system."""
    settings = config.evaluation.efficiency
    return [
        (
            at,
            Measurement(
                *(system, operation, number, load, str(models_dir), config, sampling.solver),
                *(settings.batch_size, settings.repeats, threads),
            ),
        )
        for at, numbers in ((EQUAL, dict.fromkeys(loaders, sampling.steps)), (OWN, own_steps))
        for system, load in loaders.items()
        for operation, number in ((name, numbers[system]) for name in OPERATIONS)
    ]


def run_measurement(measurement: Measurement) -> dict[str, object]:
    """Run one operation on a batch of random scans: a short warm-up, then the repeats on the clock.

    Returns
    -------
    dict
        device, seconds per batch (list), tflop per batch (see `ldae.evaluation.measure.arithmetic.count_tflop`),
        peak_memory_gb (CUDA: largest allocation; else the process's largest resident size, libraries and weights
        included).
    """
    torch.set_num_threads(measurement.threads)
    codec = measurement.load(measurement.models_dir, measurement.config)
    generator = torch.Generator().manual_seed(0)
    scans = torch.rand((measurement.batch_size, 1, *measurement.config.preprocessing.grid_shape), generator=generator)
    _operate(codec, measurement, scans, WARM_UP_STEPS)()
    cuda = torch.cuda.is_available()
    if cuda:
        torch.cuda.reset_peak_memory_stats()
    seconds = [_time(_operate(codec, measurement, scans, measurement.steps)) for _ in range(measurement.repeats)]
    run = _operate(codec, measurement, scans, measurement.steps)
    return {
        "device": torch.cuda.get_device_name() if cuda else f"{platform.machine()} CPU, {measurement.threads} threads",
        "seconds": seconds,
        "peak_memory_gb": torch.cuda.max_memory_allocated() / 1e9 if cuda else _resident_gb(),
        "tflop": count_tflop(run),
    }


def _time(run: Callable[[], object]) -> float:
    """Seconds from when a GPU has finished what came before until it has finished this."""
    wait = torch.cuda.synchronize if torch.cuda.is_available() else lambda: None
    wait()
    start = time.perf_counter()
    run()
    wait()
    return time.perf_counter() - start


def _operate(
    codec: DiffusionAutoencoder, measurement: Measurement, scans: torch.Tensor, steps: int
) -> Callable[[], torch.Tensor]:
    """The operation, ready to be timed; what it starts from is made before."""
    solver = measurement.solver

    def encode() -> tuple[torch.Tensor, torch.Tensor | None]:
        z_0 = codec.encode_image(scans)
        y_sem = None if measurement.system == names.LDDIM else codec.encode_semantic(scans)
        return codec.encode_stochastic(z_0, y_sem, steps, solver), y_sem

    def decode(z_T: torch.Tensor, y_sem: torch.Tensor | None) -> torch.Tensor:
        return codec.decode_image(codec.decode_stochastic(z_T, y_sem, steps, solver))

    if measurement.operation == ENCODE:
        return lambda: encode()[0]
    if measurement.operation == RECONSTRUCT:
        return lambda: decode(*encode())
    z_T = torch.randn(codec.encode_image(scans).shape, generator=torch.Generator().manual_seed(0))
    y_sem = None if measurement.system == names.LDDIM else codec.encode_semantic(scans)
    return lambda: decode(z_T, y_sem)


def _resident_gb() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 / 1e9


def run_measurements(planned: Sequence[tuple[str, Measurement]], timeout_s: float) -> list[dict]:
    """Run one after the other, each in a fresh process; what is planned twice is run once.

    Returns
    -------
    list of dict
        `EFFICIENCY_COLUMNS`, a row per planned measurement and repeat: basis, grid, at (equal T or own best T), system,
        operation, solver, steps, device, batch_size, repeat, and of the whole batch seconds, peak_memory_gb and tflop.

    Raises
    ------
    UserError
        A measurement failed.
    """
    results: dict[tuple[str, str, int], dict] = {}
    rows = []
    for number, (at, measurement) in enumerate(planned, start=1):
        key = (measurement.system, measurement.operation, measurement.steps)
        if key not in results:
            label = f"efficiency {number} of {len(planned)}: {key[0]}, {key[1]}, T = {key[2]}"
            (outcome,) = run_items(run_measurement, [measurement], workers=1, timeout_s=timeout_s, label=label)
            if outcome.error:
                cure = "lower evaluation.efficiency.batch_size, then run again"
                raise UserError(label, "a measurement", outcome.error, cure)
            results[key] = outcome.result
        result = results[key]
        facts = dict(zip(("system", "operation", "steps"), key, strict=True))
        facts |= {"basis": MEASURED, "grid": _grid(measurement.config)}
        facts |= {"at": at, "solver": measurement.solver, "batch_size": measurement.batch_size} | result
        rows += [facts | {"repeat": i, "seconds": seconds} for i, seconds in enumerate(result["seconds"], start=1)]
    return rows


def count_operations(published: Config, own_steps: dict[str, int], own_solver: Solver) -> list[dict]:
    """Rows as of `run_measurements` without seconds and memory, of one scan of the published size.

    Equal T is the published one; each system's own is that of this run, `own_steps` with `own_solver`.
    """
    counted, sampling = count_systems(published), published.sampling
    facts = {"basis": COUNTED, "grid": _grid(published), "batch_size": 1}
    return [
        facts
        | {"at": at, "system": system, "operation": operation, "solver": solver, "steps": numbers[system]}
        | {"tflop": arithmetic.of(operation, numbers[system])}
        for at, solver, numbers in (
            (EQUAL, sampling.solver, dict.fromkeys(counted, sampling.steps)),
            (OWN, own_solver, own_steps),
        )
        for system, arithmetic in counted.items()
        for operation in OPERATIONS
    ]


def _grid(config: Config) -> str:
    return "x".join(map(str, config.preprocessing.grid_shape))


def read_efficiency(path: str | Path) -> pd.DataFrame:
    """Read the table of `measure_efficiency` as it was written."""
    return read_table(path, EFFICIENCY_COLUMNS)
