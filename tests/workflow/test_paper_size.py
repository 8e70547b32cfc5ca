"""The paper's networks on a coarser grid, through the whole DAG: every job stays within the memory that it asks for."""

from __future__ import annotations

import io
import shutil
from pathlib import Path

import pandas as pd
import pytest

from ldae.config.load import load_config
from ldae.planning.plan import plan_run
from ldae.planning.resources import count_sides, memory_mb
from tests.workflow.conftest import ROOT, Workflow, copy_sources

pytestmark = [pytest.mark.slow, pytest.mark.timeout(3 * 3600)]
OVERLAYS = (ROOT / "presets" / "paper.yaml", Path(__file__).parent / "paper_size.yaml")


@pytest.fixture(scope="module")
def finished(tmp_path_factory) -> Workflow:
    """Every table and figure, of both targets."""
    folder = tmp_path_factory.mktemp("paper_size")
    (folder / "run").mkdir()
    overlays = tuple(Path(shutil.copy2(path, folder)) for path in OVERLAYS)
    workflow = Workflow(copy_sources(folder / "checkout"), folder / "run", overlays)
    workflow.run("--cores", "2", "all", "paper_tables")
    return workflow


def test_every_table_is_there(finished):
    tables = {path.stem for path in (finished.directory / "results" / "tables").glob("*.csv")}
    wanted = {"reconstruction", "comparison", "downstream_paper", "interpolation", "generation", "efficiency", "plan"}
    assert wanted <= tables


def test_jobs_stay_within_the_memory_they_ask_for(finished):
    config = load_config(ROOT / "config.yaml", *OVERLAYS)
    taken = {}
    for work in plan_run(config, count_sides(finished.directory / "results" / "scans.csv")):
        benchmarks = finished.directory.glob(f"results/benchmarks/{work.stage}*.tsv")
        for file in benchmarks:
            peak = pd.read_csv(io.StringIO(file.read_text()), sep="\t")["max_rss"].max()
            taken[file.stem] = (peak, memory_mb(work.host_mb, attempt=1))
    print(pd.DataFrame(taken, index=["peak_mb", "asked_mb"]).T)
    assert {"autoencoder", "ldm", "representation", "dae", "measure_comparison"} <= set(taken)
    assert not {stage: both for stage, both in taken.items() if both[0] > both[1]}
