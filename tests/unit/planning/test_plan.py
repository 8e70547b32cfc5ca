"""What a run takes, and what its jobs ask for."""

from __future__ import annotations

import pandas as pd
import pytest

from ldae.config.load import Config, load_config
from ldae.data.volumes import MEMORY_LIMIT_BYTES
from ldae.planning.measurements import Sides, list_measurements
from ldae.planning.plan import CUDA_MB, HELD_BYTES, expected_scans, expected_sides, plan_run, plan_stage
from ldae.planning.resources import count_sides, jobs_of, memory_mb, runtime_min
from ldae.planning.trainings import list_trainings
from tests.rules import ROOT

DEMO = load_config(ROOT / "config.yaml")
PAPER = load_config(ROOT / "config.yaml", ROOT / "presets/paper.yaml")
ADNI = Sides(10_000, 1_400, 2_900)


def changed(config: Config, place: str, value: object) -> Config:
    """The configuration with one setting changed."""
    content = config.model_dump()
    *outer, last = place.split(".")
    node = content
    for name in outer:
        node = node[name]
    node[last] = value
    return Config.model_validate(content)


@pytest.mark.parametrize(
    "stage, counted", [("autoencoder", 33), ("ldm", 1.86), ("representation", 4.83)], ids=lambda value: str(value)
)
def test_one_scan_of_one_step_takes_what_was_counted_of_the_networks(stage, counted):
    training = list_trainings(PAPER)[stage]
    flop = training.step_flop - (training.settings.activation_checkpointing * training.trained.flop)
    assert flop / 1e12 == pytest.approx(counted, rel=0.1)


def test_what_is_known_of_the_papers_size_stands_in_the_plan():
    works = {work.stage: work for work in plan_run(PAPER, ADNI)}
    assert works["ldm"].parameters == pytest.approx(475e6, rel=0.01)
    assert works["ldm"].disk_mb == pytest.approx(16 / 4 * 7600, rel=0.01)  # of a state 4 in 16 parts
    assert works["latents"].disk_mb == pytest.approx(ADNI.all * 4 * 3 * 16 * 20 * 16 / 1e6)
    assert works["measure_generation"].host_mb > 1000 * 4 * 128 * 160 * 128 / 1e6
    assert all(work.hours > 0 and work.gpu_mb > CUDA_MB for work in works.values() if work.flop)


@pytest.mark.parametrize("preset", [24, 40, 80])
def test_the_preset_of_a_gpu_fits_on_it(preset):
    config = load_config(
        *(ROOT / name for name in ("config.yaml", "presets/paper.yaml", f"presets/gpu_{preset}gb.yaml"))
    )
    largest = max(plan_run(config, ADNI), key=lambda work: work.gpu_mb)
    assert largest.gpu_mb < 0.95 * preset * 1000, largest.stage


@pytest.mark.parametrize("place", ["autoencoder.training.batch_size", "evaluation.batch_size"])
def test_more_scans_at_once_take_more_memory(place):
    larger = changed(DEMO, place, 64)
    stage = "autoencoder" if "training" in place else "measure_reconstruction"
    before, after = (plan_stage(config, stage, Sides(60, 20, 20)).host_mb for config in (DEMO, larger))
    assert after > 1.3 * before


def test_checkpointing_takes_less_memory_and_more_time():
    kept = changed(DEMO, "autoencoder.training.activation_checkpointing", True)
    before, after = (plan_stage(config, "autoencoder", Sides(60, 20, 20)) for config in (DEMO, kept))
    assert after.host_mb < before.host_mb and after.hours > before.hours


def test_every_rule_that_measures_has_its_counts():
    measured = {path.stem for path in (ROOT / "workflow_scripts").glob("measure_*.py")}
    assert measured <= set(list_measurements(DEMO, Sides(60, 20, 20)))


def test_twice_the_scans_take_twice_the_time_where_scans_count():
    small, large = (plan_stage(DEMO, "measure_reconstruction", Sides(60, 20, tests)) for tests in (20, 40))
    assert large.hours == pytest.approx(2 * small.hours, rel=0.1)


def test_a_failed_job_asks_for_more_and_never_for_more_time_than_the_cluster_allows():
    work = plan_stage(PAPER, "autoencoder", ADNI)
    assert memory_mb(work.host_mb, 2) == 2 * memory_mb(work.host_mb, 1)
    assert runtime_min(work, PAPER, 1) == runtime_min(work, PAPER, 2) == 60 * PAPER.plan.longest_job_h
    assert jobs_of(work, PAPER) > work.hours / PAPER.plan.longest_job_h
    short = plan_stage(DEMO, "latents", Sides(60, 20, 20))
    assert runtime_min(short, DEMO, 2) == pytest.approx(2 * runtime_min(short, DEMO, 1), abs=1)


def test_the_sides_are_counted_where_the_split_stands(tmp_path):
    table = tmp_path / "scans.csv"
    table.write_text("subject,split\n" + "".join(f"s{i},{side}\n" for i, side in enumerate(["train"] * 3 + ["test"])))
    assert count_sides(table) == Sides(3, 0, 1)


def test_scans_that_are_kept_in_memory_count():
    assert HELD_BYTES == MEMORY_LIMIT_BYTES
    few, more, many = (plan_stage(PAPER, "autoencoder", Sides(scans, 10, 10)).host_mb for scans in (10, 150, 10_000))
    assert few + 1400 < more < many


def test_before_the_split_its_shares_tell():
    assert expected_sides(expected_scans(DEMO.phantom), DEMO.split).all == pytest.approx(131, rel=0.1)


def test_the_plan_of_the_demo_is_what_its_jobs_took():
    """On the two cores that benchmarks/demo.csv was measured on; other machines differ, so the bounds are wide."""
    demo = pd.read_csv(ROOT / "benchmarks" / "demo.csv")
    assert {"autoencoder", "ldm", "representation", "measure_reconstruction"} <= set(demo["stage"])
    for row in demo.itertuples():
        work = plan_stage(DEMO, row.stage, Sides(row.train, row.validation, row.test))
        assert 1 / 3 < row.measured_s / (3600 * work.hours) < 3, row.stage
        assert row.peak_mb < memory_mb(work.host_mb, attempt=1) < 4 * row.peak_mb, row.stage
