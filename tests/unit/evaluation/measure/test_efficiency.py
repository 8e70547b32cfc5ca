import time
import types
from typing import ClassVar

import pandas as pd
import pytest
import torch

from ldae.config.load import load_config
from ldae.config.names import DAE, LDAE, LDDIM
from ldae.errors import UserError
from ldae.evaluation.measure import efficiency
from ldae.evaluation.measure.arithmetic import DECODE, ENCODE, RECONSTRUCT
from ldae.evaluation.measure.comparison import COMPARISON_KEYS, COMPARISON_METRICS
from ldae.evaluation.measure.efficiency import (
    COUNTED,
    EFFICIENCY_COLUMNS,
    EQUAL,
    MEASURED,
    OWN,
    best_steps,
    count_operations,
    measure_efficiency,
    plan_measurements,
    read_efficiency,
    run_measurement,
    run_measurements,
)
from ldae.files import write_table
from ldae.systems.dae import VoxelDiffusionAutoencoder
from ldae.systems.ldae import LatentDiffusionAutoencoder
from tests.unit.sources import ROOT

LADDER = {LDAE: 2, LDDIM: 3, DAE: 5}


class Slow:
    """A codec that sleeps and multiplies two 64x64 matrices at each step; it notes what it is asked."""

    asked: ClassVar[list[tuple]] = []

    def __init__(self, slowness: float) -> None:
        self.slowness = slowness

    def encode_image(self, x):
        Slow.asked.append(("image", len(x)))
        return x[..., :8, :8, :8]

    def decode_image(self, z_0):
        return z_0

    def encode_semantic(self, x):
        return x.mean((1, 2, 3, 4))[:, None]

    def encode_stochastic(self, z_0, y_sem, steps, solver):
        return self.walk("encode", z_0, y_sem, steps, solver)

    def decode_stochastic(self, z_T, y_sem, steps, solver):
        return self.walk("decode", z_T, y_sem, steps, solver)

    def walk(self, name, z, y_sem, steps, solver):
        Slow.asked.append((name, y_sem is not None, steps, solver))
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
    settings = config.evaluation.efficiency.model_copy(update={"batch_size": 3, "repeats": 2})
    config = config.model_copy(update={"evaluation": config.evaluation.model_copy(update={"efficiency": settings})})
    sampling = config.sampling.model_copy(update={"steps": 4, "solver": "ddim"})
    loaders = {LDAE: load_fast, LDDIM: load_fast, DAE: load_slow} | loaders
    return plan_measurements(loaders, "models", config, sampling=sampling, own_steps=LADDER, threads=1)


def find(system, operation, at=EQUAL, **loaders):
    wanted = (at, system, operation)
    return next(each for where, each in plan(**loaders) if (where, each.system, each.operation) == wanted)


def test_every_system_is_measured_doing_everything_at_both_numbers_of_steps():
    planned = plan()
    assert {(at, each.system, each.operation) for at, each in planned} == {
        (at, system, operation)
        for at in (EQUAL, OWN)
        for system in (LDAE, LDDIM, DAE)
        for operation in (ENCODE, DECODE, RECONSTRUCT)
    }
    assert {each.steps for at, each in planned if at == EQUAL} == {4}
    assert {each.system: each.steps for at, each in planned if at == OWN} == LADDER
    assert {(each.solver, each.batch_size, each.repeats) for _, each in planned} == {("ddim", 3, 2)}


@pytest.mark.parametrize(
    "operation, walks", [(ENCODE, ["encode"]), (DECODE, ["decode"]), (RECONSTRUCT, ["encode", "decode"])]
)
@pytest.mark.parametrize("system", [LDAE, LDDIM])
def test_an_operation_walks_its_own_ways_and_counts_their_time_and_arithmetic(system, operation, walks):
    Slow.asked.clear()
    result = run_measurement(find(system, operation))
    walked = [call for call in Slow.asked if call[0] != "image"]
    warm_up, timed = walked[: len(walks)], walked[len(walks) :]
    assert warm_up == [(name, system == LDAE, 2, "ddim") for name in walks]
    assert timed == [(name, system == LDAE, 4, "ddim") for name in walks] * 3  # two repeats, and one for the counter
    assert {call[1] for call in Slow.asked if call[0] == "image"} == {3}
    assert len(result["seconds"]) == 2
    assert min(result["seconds"]) >= 4 * len(walks) * 0.001
    assert result["tflop"] == pytest.approx(4 * len(walks) * 2 * 64**3 / 1e12)
    assert 0.05 < result["peak_memory_gb"] < 50


def test_what_is_planned_twice_runs_once_and_every_run_is_a_row(tmp_path):
    equal, own = find(LDAE, ENCODE), find(DAE, ENCODE, OWN)
    runs = run_measurements([(EQUAL, equal), (OWN, own), (OWN, equal)], timeout_s=120)
    table = pd.DataFrame(runs, columns=list(EFFICIENCY_COLUMNS))
    assert set(table["basis"]) == {MEASURED} and set(table["grid"]) == {"32x40x32"}
    assert table["at"].tolist() == [EQUAL] * 2 + [OWN] * 4
    assert table["system"].tolist() == [LDAE] * 2 + [DAE] * 2 + [LDAE] * 2
    assert table["steps"].tolist() == [4, 4, 5, 5, 4, 4]
    assert table["repeat"].tolist() == [1, 2] * 3
    assert set(table["batch_size"]) == {3}
    assert table["seconds"][:2].tolist() == table["seconds"][4:].tolist()
    assert table["seconds"][2] >= 5 * 0.01
    write_table(tmp_path / "runs.csv", table)
    pd.testing.assert_frame_equal(read_efficiency(tmp_path / "runs.csv"), table)


@pytest.mark.parametrize("gpu", [True, False])
def test_on_a_gpu_the_clock_starts_and_stops_when_it_has_finished(gpu, monkeypatch):
    events = []
    monkeypatch.setattr(torch.cuda, "is_available", lambda: gpu)
    monkeypatch.setattr(torch.cuda, "synchronize", lambda: events.append("wait"))
    clock = types.SimpleNamespace(perf_counter=lambda: events.append("clock") or float(len(events)))
    monkeypatch.setattr(efficiency, "time", clock)
    seconds = efficiency._time(lambda: events.append("run"))
    assert events == (["wait", "clock", "run", "wait", "clock"] if gpu else ["clock", "run", "clock"])
    assert seconds == (3 if gpu else 2)


def test_the_published_size_is_counted_at_the_published_t_and_at_each_systems_own():
    config = load_config(ROOT / "config.yaml")
    published = config.model_copy(update={"sampling": config.sampling.model_copy(update={"steps": 7})})
    table = pd.DataFrame(count_operations(published, LADDER, "ddim"))
    assert len(table) == 2 * 3 * 3 and set(table["basis"]) == {COUNTED} and set(table["grid"]) == {"32x40x32"}
    assert not {"seconds", "peak_memory_gb", "device"} & set(table)
    equal, own = (table[table["at"] == at].set_index(["system", "operation"]) for at in (EQUAL, OWN))
    assert set(equal["steps"]) == {7} and set(equal["solver"]) == {"2m"}
    assert own["steps"].groupby("system").first().to_dict() == LADDER and set(own["solver"]) == {"ddim"}
    for system in LADDER:
        step = (equal.loc[(system, ENCODE), "tflop"] - own.loc[(system, ENCODE), "tflop"]) / (7 - LADDER[system])
        assert step > 0
        for operation in (ENCODE, DECODE):
            gap = equal.loc[(system, operation), "tflop"] - own.loc[(system, operation), "tflop"]
            assert gap == pytest.approx((7 - LADDER[system]) * step)
    parts = equal["tflop"].unstack()
    assert parts[RECONSTRUCT].tolist() == pytest.approx((parts[ENCODE] + parts[DECODE]).tolist())


def test_a_measurement_that_fails_is_said():
    with pytest.raises(UserError, match="MemoryError"):
        run_measurements([(EQUAL, find(LDAE, ENCODE, **{LDAE: load_nothing}))], timeout_s=120)


def test_the_own_number_of_steps_is_chosen_on_validation_scans():
    rows = [
        (name, split, steps, 5.0, ssim)
        for name, validation in (("a", (0.90, 0.95, 0.9505)), ("b", (0.90, 0.92, 0.95)))
        for steps, own in zip((5, 10, 20), validation, strict=True)
        for split, ssim in (("validation", own), ("test", 1 - own))
    ]
    table = pd.DataFrame(rows, columns=["system", "split", "steps", "grid_spacing_mm", "ssim"])
    own_grid = table[table.system == "b"].assign(grid_spacing_mm=10.0, ssim=0.95)
    without_diffusion = pd.DataFrame([("c", "validation", None, 5.0, 0.9)], columns=table.columns)
    assert best_steps(pd.concat([table, without_diffusion])) == {"a": 10, "b": 20}
    assert best_steps(table, tolerance=0.0001) == {"a": 20, "b": 20}
    assert best_steps(pd.concat([table, own_grid])) == {"a": 10, "b": 5}
    assert best_steps(table[table.split == "test"]) == {"a": 20, "b": 20}


def test_the_rule_measures_the_models_of_the_folder_at_the_comparisons_best_steps(tmp_path, monkeypatch):
    best = {LDAE: 10, LDDIM: 5, DAE: 20}
    rows = [
        {"system": name, "split": "validation", "steps": steps, "grid_spacing_mm": 5.0, "ssim": 0.9 - (steps != own)}
        for name, own in best.items()
        for steps in (5, 10, 20)
    ]
    columns = ["subject", "session", *COMPARISON_KEYS, *COMPARISON_METRICS, "split", "note"]
    pd.DataFrame(rows, columns=columns).to_csv(tmp_path / "comparison.csv", index=False)
    asked = []

    def run(planned, timeout_s):
        asked.append((planned, timeout_s))
        return [{"basis": MEASURED, "seconds": 1.5}]

    monkeypatch.setattr(efficiency, "run_measurements", run)
    config, output = load_config(ROOT / "config.yaml"), tmp_path / "runs.csv"
    sampling = config.sampling.model_copy(update={"steps": 70, "solver": "ddim"})
    published = config.model_copy(update={"sampling": sampling})
    arguments = (tmp_path / "comparison.csv", "models", config, published)
    measure_efficiency(*arguments, threads=3, timeout_s=77, output=output)
    ((planned, timeout_s),) = asked
    assert timeout_s == 77
    written = read_efficiency(output)
    assert written["basis"].tolist() == [MEASURED] + [COUNTED] * 18
    pd.testing.assert_frame_equal(
        written[1:].reset_index(drop=True)[["steps", "solver", "tflop"]],
        pd.DataFrame(count_operations(published, best, "2m"))[["steps", "solver", "tflop"]],
        check_dtype=False,
    )
    latent, voxel = LatentDiffusionAutoencoder.load, VoxelDiffusionAutoencoder.load
    assert {each.system: each.load for _, each in planned} == {LDAE: latent, LDDIM: latent, DAE: voxel}
    assert {each.system: each.steps for at, each in planned if at == OWN} == best
    assert {each.steps for at, each in planned if at == EQUAL} == {config.sampling.steps}
    assert {(each.models_dir, each.threads) for _, each in planned} == {("models", 3)}
