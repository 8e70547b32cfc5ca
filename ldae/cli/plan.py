"""`ldae plan`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from ldae.config.load import Config
    from ldae.planning.measurements import Sides

SCANS = Path("results/scans.csv")


def plan(
    files: Annotated[
        list[Path] | None, typer.Argument(metavar="CONFIG...", help="files laid over config.yaml, in their order")
    ] = None,
    scans: Annotated[
        int | None, typer.Option(min=3, metavar="N", help="of the cohort; default: those of results/scans.csv")
    ] = None,
    device: Annotated[str | None, typer.Option(help="one of plan.tflops; default: plan.device")] = None,
    measure: Annotated[
        bool, typer.Option("--measure", help="take the speed of this machine, from a few steps")
    ] = False,
    table: Annotated[Path | None, typer.Option(metavar="CSV", help="write the plan there, too")] = None,
) -> None:
    r"""Say what a run will take, stage by stage: operations, memory, disk and hours. Nothing is run.

    \b
    Examples:
      ldae plan presets/paper.yaml presets/gpu_40gb.yaml my_adni.yaml --scans 10000 --device a100
      ldae plan --measure
    """
    from ldae.config.load import load_config
    from ldae.config.schema import DEFAULTS
    from ldae.evaluation.tables.plan import tabulate_plan
    from ldae.files import write_table

    config = load_config(DEFAULTS, *(files or []))
    if measure:
        from ldae.evaluation.measure.speed import with_measured_speed

        config = with_measured_speed(config)
    elif device:
        config = _planned_for(config, device)
    plan = tabulate_plan(config, _sides(config, scans))
    print(plan.to_string(index=False, na_rep="", float_format=lambda value: f"{value:,.3g}"))
    if table:
        write_table(table, plan)


def _planned_for(config: Config, device: str) -> Config:
    from ldae.errors import UserError

    if device not in config.plan.tflops:
        raise UserError(
            "--device", f"one of plan.tflops: {', '.join(config.plan.tflops)}", device, "add its speed there"
        )
    return config.model_copy(update={"plan": config.plan.model_copy(update={"device": device})})


def _sides(config: Config, scans: int | None) -> Sides:
    from ldae.errors import UserError
    from ldae.planning.plan import expected_scans, expected_sides
    from ldae.planning.resources import count_sides

    if scans is None and SCANS.is_file():
        return count_sides(SCANS)
    if scans is None and not config.cohort.is_phantom:
        raise UserError("ldae plan", "the number of scans", f"no --scans, and no {SCANS}", "give --scans")
    return expected_sides(scans or expected_scans(config.phantom), config.split)
