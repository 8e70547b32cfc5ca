import time

import numpy as np
import pytest
import torch

from ldae.config.load import load_config
from ldae.errors import UserError
from ldae.evaluation.measure.comparison import DAE, LDAE, LDDIM
from ldae.evaluation.measure.efficiency import DECODE, ENCODE, EQUAL, OWN, RECONSTRUCT, measure, measure_all, plan_jobs
from tests.unit.sources import ROOT


class Slow:
    """A codec that sleeps a millisecond a step and multiplies two 64x64 matrices at each."""

    def __init__(self, slowness: float) -> None:
        self.slowness = slowness

    def encode_image(self, x):
        return x[..., :8, :8, :8]

    def decode_image(self, z_0):
        return z_0

    def encode_semantic(self, x):
        return x.mean((1, 2, 3, 4))[:, None]

    def encode_stochastic(self, z_0, y_sem, steps, solver):
        return self.walk(z_0, steps)

    def decode_stochastic(self, z_T, y_sem, steps, solver):
        return self.walk(z_T, steps)

    def walk(self, z, steps):
        for _ in range(steps):
            time.sleep(0.001 * self.slowness)
            torch.ones(64, 64) @ torch.ones(64, 64)
        return z


def load_fast(models_dir, config):
    return Slow(1)


def load_slow(models_dir, config):
    return Slow(10)


def load_nothing(models_dir, config):
    raise MemoryError("no memory left")


def plan(**loaders):
    config = load_config(ROOT / "config.yaml")
    options = {
        "steps": 4,
        "own_steps": {LDAE: 2, LDDIM: 2, DAE: 4},
        "solver": "2m",
        "batch": 2,
        "repeats": 2,
        "threads": 1,
    }
    return plan_jobs({LDAE: load_fast, LDDIM: load_fast, DAE: load_slow} | loaders, "models", config, **options)


def test_every_system_is_measured_doing_everything_at_both_numbers_of_steps():
    jobs = plan()
    assert {(at, job.system, job.operation) for at, job in jobs} == {
        (at, system, operation)
        for at in (EQUAL, OWN)
        for system in (LDAE, LDDIM, DAE)
        for operation in (ENCODE, DECODE, RECONSTRUCT)
    }
    assert {job.steps for at, job in jobs if at == EQUAL} == {4}
    assert {job.system: job.steps for at, job in jobs if at == OWN} == {LDAE: 2, LDDIM: 2, DAE: 4}


def test_one_measurement_counts_time_and_arithmetic():
    job = next(job for at, job in plan() if (at, job.system, job.operation) == (EQUAL, DAE, RECONSTRUCT))
    result = measure(job)
    assert len(result["seconds"]) == 2
    assert min(result["seconds"]) >= 8 * 0.01
    assert result["tflop"] == pytest.approx(8 * 2 * 64**3 / 1e12)
    assert result["peak_memory_gb"] > 0.05


def test_the_table_gives_each_scan_its_share_and_the_ratio_to_the_voxel_dae():
    wanted = [(at, job) for at, job in plan() if at == EQUAL and job.operation == ENCODE]
    table = measure_all(wanted, timeout_s=120).set_index("system")
    assert table.faster_than_dae[DAE] == 1
    assert table.faster_than_dae[LDAE] > 2
    np.testing.assert_allclose(table.scans_an_hour, 3600 / table.seconds_a_scan)
    assert table.seconds_a_scan[DAE] >= 4 * 0.01 / 2
    assert (table.seconds_a_scan_low <= table.seconds_a_scan_high).all()
    assert table.tflop_a_scan[LDAE] == pytest.approx(4 * 2 * 64**3 / 1e12 / 2)


def test_the_published_ratio_stands_where_it_belongs():
    wanted = [(at, job) for at, job in plan(**{DAE: load_fast}) if at == EQUAL and job.operation == RECONSTRUCT]
    table = measure_all(wanted, timeout_s=120).set_index("system")
    assert table.paper_faster_than_dae[LDAE] == 20
    assert np.isnan(table.paper_faster_than_dae[DAE])


def test_a_measurement_that_fails_is_said():
    wanted = [(at, job) for at, job in plan(**{LDAE: load_nothing}) if job.system == LDAE][:1]
    with pytest.raises(UserError, match="no memory left"):
        measure_all(wanted, timeout_s=120)
