"""efficiency.csv: time, memory and arithmetic of encoding, decoding and both, for LDAE, LDDIM and the voxel DAE."""

from __future__ import annotations

import platform
import resource
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median

import numpy as np
import pandas as pd
import torch
from torch.utils.flop_counter import FlopCounterMode

from ldae.config.load import Config
from ldae.errors import UserError
from ldae.evaluation.measure.comparison import DAE, LDAE, LDDIM
from ldae.pool import run_items
from ldae.systems.base import DiffusionAutoencoder

EQUAL, OWN = "equal T", "own best T"
ENCODE, DECODE, RECONSTRUCT = "encode", "decode", "reconstruct"
PAPER_SPEEDUP = 20.0  # published, LDAE over the voxel DAE
WARM_UP_STEPS = 2


@dataclass(frozen=True)
class Job:
    """One measurement, in a process of its own. `load` makes the codec from the folder of models and the config."""

    system: str
    operation: str
    steps: int
    load: Callable[[str, Config], DiffusionAutoencoder]
    models_dir: str
    config: Config
    solver: str
    batch: int
    repeats: int
    threads: int


def plan_jobs(
    loaders: dict[str, Callable[[str, Config], DiffusionAutoencoder]],
    models_dir: str | Path,
    config: Config,
    *,
    steps: int,
    own_steps: dict[str, int],
    solver: str,
    batch: int,
    repeats: int,
    threads: int,
) -> list[tuple[str, Job]]:
    """Every system and operation at `steps`, and again at its own number of steps; `loaders` by system."""
    return [
        (
            at,
            Job(system, operation, number, load, str(models_dir), config, solver, batch, repeats, threads),
        )
        for at, numbers in ((EQUAL, dict.fromkeys(loaders, steps)), (OWN, own_steps))
        for system, load in loaders.items()
        for operation, number in ((name, numbers[system]) for name in (ENCODE, DECODE, RECONSTRUCT))
    ]


def measure(job: Job) -> dict[str, object]:
    """Run one operation on a batch of random scans: a short warm-up, then `repeats` runs on the clock.

    Returns
    -------
    dict
        device, seconds of a batch (list), tflop of a batch (multiply and add counted apart, by PyTorch's counter:
        convolutions, products, attention), peak_memory_gb (CUDA: largest allocation; else the process's largest
        resident size, libraries and weights included).
    """
    torch.set_num_threads(job.threads)
    codec = job.load(job.models_dir, job.config)
    generator = torch.Generator().manual_seed(0)
    scans = torch.rand((job.batch, 1, *job.config.preprocessing.grid_shape), generator=generator)
    _operate(codec, job, scans, WARM_UP_STEPS)()
    cuda = torch.cuda.is_available()
    if cuda:
        torch.cuda.reset_peak_memory_stats()
    seconds = []
    for _ in range(job.repeats):
        run = _operate(codec, job, scans, job.steps)
        start = time.perf_counter()
        run()
        if cuda:
            torch.cuda.synchronize()
        seconds.append(time.perf_counter() - start)
    run = _operate(codec, job, scans, job.steps)
    peak = torch.cuda.max_memory_allocated() / 1e9 if cuda else _resident_gb()
    with FlopCounterMode(display=False) as counter:
        run()
    return {
        "device": torch.cuda.get_device_name() if cuda else f"{platform.machine()} CPU, {job.threads} threads",
        "seconds": seconds,
        "tflop": counter.get_total_flops() / 1e12,
        "peak_memory_gb": peak,
    }


def _operate(codec: DiffusionAutoencoder, job: Job, scans: torch.Tensor, steps: int) -> Callable[[], torch.Tensor]:
    """The operation, ready to be timed; what it starts from is made before."""

    def encode() -> tuple[torch.Tensor, torch.Tensor | None]:
        z_0 = codec.encode_image(scans)
        y_sem = None if job.system == LDDIM else codec.encode_semantic(scans)
        return codec.encode_stochastic(z_0, y_sem, steps, job.solver), y_sem

    def decode(z_T: torch.Tensor, y_sem: torch.Tensor | None) -> torch.Tensor:
        return codec.decode_image(codec.decode_stochastic(z_T, y_sem, steps, job.solver))

    if job.operation == ENCODE:
        return lambda: encode()[0]
    if job.operation == RECONSTRUCT:
        return lambda: decode(*encode())
    z_T = torch.randn(codec.encode_image(scans).shape, generator=torch.Generator().manual_seed(0))
    y_sem = None if job.system == LDDIM else codec.encode_semantic(scans)
    return lambda: decode(z_T, y_sem)


def _resident_gb() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 / 1e9


def measure_all(jobs: Sequence[tuple[str, Job]], timeout_s: float) -> pd.DataFrame:
    """Measure one after the other, each in a fresh process, and tabulate.

    Returns
    -------
    DataFrame
        A row a job: at (equal T or own best T), system, operation, solver, steps, device, batch, repeats;
        seconds_a_scan (median; _low and _high the fastest and slowest run), scans_an_hour, peak_memory_gb,
        tflop_a_scan, faster_than_dae (the DAE's seconds over these, same operation, same "at"), paper_faster_than_dae.

    Raises
    ------
    UserError
        A measurement failed.
    """
    results: dict[tuple[str, str, int], dict] = {}
    for number, (_, job) in enumerate(jobs, start=1):
        key = (job.system, job.operation, job.steps)
        if key not in results:
            label = f"efficiency {number} of {len(jobs)}: {job.system}, {job.operation}, T = {job.steps}"
            (outcome,) = run_items(measure, [job], workers=1, timeout_s=timeout_s, label=label)
            if outcome.error:
                cure = "lower evaluation.efficiency.batch_size, then run again"
                raise UserError(label, "a measurement", outcome.error, cure)
            results[key] = outcome.result
    table = pd.DataFrame([_row(at, job, results[job.system, job.operation, job.steps]) for at, job in jobs])
    reference = table[table["system"] == DAE].set_index(["at", "operation"])["seconds_a_scan"]
    keys = pd.MultiIndex.from_frame(table[["at", "operation"]])
    table["faster_than_dae"] = reference.reindex(keys).to_numpy() / table["seconds_a_scan"]
    table["paper_faster_than_dae"] = np.where(
        (table["system"] == LDAE) & (table["operation"] == RECONSTRUCT), PAPER_SPEEDUP, np.nan
    )
    return table


def _row(at: str, job: Job, result: dict) -> dict:
    seconds = [value / job.batch for value in result["seconds"]]
    return {
        "at": at,
        "system": job.system,
        "operation": job.operation,
        "solver": job.solver,
        "steps": job.steps,
        "device": result["device"],
        "batch": job.batch,
        "repeats": job.repeats,
        "seconds_a_scan": median(seconds),
        "seconds_a_scan_low": min(seconds),
        "seconds_a_scan_high": max(seconds),
        "scans_an_hour": 3600 / median(seconds),
        "peak_memory_gb": result["peak_memory_gb"],
        "tflop_a_scan": result["tflop"] / job.batch,
    }
