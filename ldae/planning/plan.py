"""The plan of a run: what each stage takes on the machine that `plan.device` names."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import NamedTuple

from ldae.config.cohort import PhantomConfig, SplitConfig
from ldae.config.load import Config
from ldae.planning.measurements import Sides, list_measurements
from ldae.planning.networks import latent_grid
from ldae.planning.trainings import NUMBER, list_trainings

CPU = "cpu"
IMPORTED_MB = 900  # of the host: Python, PyTorch, MONAI and a loader's batches
HELD_BYTES = 2e9  # a set of scans below this is kept in memory, as `ldae.data.volumes` does
READERS_MB = 2800  # of the processes that read larger sets
CUDA_MB = 1500  # of a GPU: its context and its libraries' workspaces; of the host: these libraries
START_S = 6  # of a job that imports PyTorch
SHARES = {"conversion": 0.25, "preprocess": 0.75}  # of plan.scan_cpu_s
SCAN_MB = {"conversion": 600, "preprocess": 2400}  # of a process that works on scans
COMPRESSED = 0.25  # what gzip leaves of an image whose background is zero
BIDS_MB = 17  # of a real scan of 3 T, compressed


class Work(NamedTuple):
    """What one stage takes.

    Attributes
    ----------
    stage : str
        The name of its rule.
    scans, steps : int
        Scans it works on; optimizer steps, 0 where it trains nothing.
    parameters : int
        Those that are trained.
    flop : float
        Operations of the networks; 0 where there are none.
    gpu_mb, host_mb, disk_mb : float
        Memory of the GPU, 0 without one, and of the host; the most on disk, of a
        training with its states, which go when it is done.
    hours : float
    """

    stage: str
    scans: int
    steps: int
    parameters: int
    flop: float
    gpu_mb: float
    host_mb: float
    disk_mb: float
    hours: float


def expected_scans(phantom: PhantomConfig) -> int:
    """Scans of the phantom cohort, on average over its seeds."""
    visits = sum(number * share for number, share in enumerate(phantom.visits_per_subject, start=1))
    return round(phantom.subjects * visits * (1 - phantom.missing_scan_fraction))


def expected_sides(scans: int, split: SplitConfig) -> Sides:
    """The split of a number of scans, by the shares of the subjects.

    Examples
    --------
    >>> from types import SimpleNamespace
    >>> expected_sides(100, SimpleNamespace(validation_fraction=0.1, test_fraction=0.2))
    Sides(train=70, validation=10, test=20)
    """
    validation, test = round(scans * split.validation_fraction), round(scans * split.test_fraction)
    return Sides(scans - validation - test, validation, test)


def plan_run(config: Config, sides: Sides) -> list[Work]:
    """What every stage takes that grows with the cohort or with the networks, in the order of the run."""
    works = {work.stage: work for work in (*_plan_trainings(config, sides), *_plan_measurements(config, sides))}
    first = ("autoencoder", "latents", "ldm", "representation")
    return [*_plan_scans(config, sides), *(works.pop(stage) for stage in first), *works.values()]


def plan_stage(config: Config, stage: str, sides: Sides) -> Work:
    """What one stage takes."""
    return next(work for work in plan_run(config, sides) if work.stage == stage)


def _plan_scans(config: Config, sides: Sides) -> Iterator[Work]:
    """Conversion and preprocessing, whose time is measured."""
    image = NUMBER * math.prod(config.preprocessing.grid_shape) / 1e6
    disk = {"conversion": BIDS_MB, "preprocess": COMPRESSED * image}
    for stage, share in SHARES.items():
        hours = sides.all * share * config.plan.scan_cpu_s / config.plan.cores / 3600
        yield Work(stage, sides.all, 0, 0, 0, 0, SCAN_MB[stage], sides.all * disk[stage], hours)


def _plan_trainings(config: Config, sides: Sides) -> Iterator[Work]:
    image = NUMBER * math.prod(config.preprocessing.grid_shape)
    latent = NUMBER * config.autoencoder.latent_channels * math.prod(latent_grid(config))
    for stage, training in list_trainings(config).items():
        flop, devices = training.flop(sides.validation), training.settings.devices
        trained, steps = training.parameters, training.settings.steps
        each = latent if stage == "ldm" else image
        held = sum(_held_mb(scans * each) for scans in (sides.train, sides.validation))
        gpu, host = _placed(config, training.memory / 1e6, NUMBER * trained / 1e6 + held, devices)
        scans, hours = sides.train + sides.validation, hours_of(config, flop, devices)
        yield Work(stage, scans, steps, trained, flop, gpu, host, training.disk / 1e6, hours)


def _held_mb(size: float) -> float:
    """Megabytes of the host for a set of scans of `size` bytes."""
    return size / 1e6 if size < HELD_BYTES else READERS_MB


def _plan_measurements(config: Config, sides: Sides) -> Iterator[Work]:
    latent = NUMBER * config.autoencoder.latent_channels * math.prod(latent_grid(config)) / 1e6
    for stage, measured in list_measurements(config, sides).items():
        memory, host = measured.memory / 1e6, measured.host / 1e6
        disk = measured.scans * latent if stage == "latents" else 0
        gpu, beside = _placed(config, memory, host)
        yield Work(stage, measured.scans, 0, 0, measured.flop, gpu, beside, disk, hours_of(config, measured.flop))


def _placed(config: Config, memory: float, beside: float, devices: int = 1) -> tuple[float, float]:
    """Megabytes of each GPU and of the host, for `memory` on each device and `beside` of each process on the host."""
    if config.plan.device == CPU:
        return 0, devices * (IMPORTED_MB + memory + beside)
    return CUDA_MB + memory, devices * (IMPORTED_MB + CUDA_MB + beside)


def hours_of(config: Config, flop: float, devices: int = 1) -> float:
    """Hours that a job of a number of operations takes on one or more of the planned device."""
    together = config.plan.cores if config.plan.device == CPU else devices
    return (START_S + flop / (config.plan.tflops[config.plan.device] * 1e12 * together)) / 3600
