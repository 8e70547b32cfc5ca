"""Which saved state a training goes on from."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

import torch
from lightning.pytorch.callbacks import EarlyStopping

from ldae.training.checkpoints import BEST, STATE, UnreadableError, checkpoint_path, load_mapped, saved_steps
from ldae.training.course import Course, best_step
from ldae.training.stage import Stage
from ldae.training.state import is_main_process

logger = logging.getLogger(__name__)


class MisfitError(Exception):
    """A state is whole, but that of an earlier code."""


def take_up(course: Course, stop: EarlyStopping, module: Stage, folder: Path) -> tuple[Path | None, bool]:
    """The state to go on from, if there is one, whose history `course` takes over; and whether that is the end.

    A state that is damaged, whose best weights are, or that an earlier code left for another network, is said and
    removed, and the one before takes its place.

    Raises
    ------
    UserError
        The state belongs to another training.
    """
    steps = saved_steps(folder, STATE)
    for step in steps:
        path = checkpoint_path(folder, STATE, step)
        try:
            state = _read(path, module, (course.state_key, stop.state_key))
        except (UnreadableError, MisfitError) as error:
            logger.warning("%s: this saved state is removed, for %s", path, error)
            if is_main_process():
                path.unlink(missing_ok=True)
            continue
        course.load_state_dict(state[course.state_key])
        waited, validated = state[stop.state_key]["wait_count"], course.rows[-1]["step"] if course.rows else 0
        return path, validated >= module.settings.steps or waited >= module.settings.patience
    if steps:
        logger.warning("%s: no saved state is left; the training starts anew", course.history.stem)
    return None, False


def _read(path: Path, module: Stage, callbacks: tuple[str, str]) -> dict[str, Any]:
    """What these two callbacks, the course first, saved in a state that fits the module, as do its best weights."""
    state, network = load_mapped(path), module.state_dict()
    missing = [key for key in callbacks if key not in state["callbacks"]]
    if missing:
        raise MisfitError(f"it lacks {missing[0]}")
    _compare(network, state["state_dict"])
    best = best_step(state["callbacks"][callbacks[0]]["rows"], module.monitor)
    if best is not None:
        file = checkpoint_path(path.parent, BEST, best)
        try:
            _compare(network, load_mapped(file)["state_dict"])
        except UnreadableError as error:
            raise UnreadableError(f"its best weights, {file.name}, cannot be read: {error}") from None
    return state["callbacks"]


def _compare(network: dict[str, torch.Tensor], stored: dict[str, torch.Tensor]) -> None:
    """Refuse weights that differ from a network's in the name or the shape of a tensor."""
    for name in sorted(network.keys() | stored.keys()):
        now, then = (str(list(part[name].shape)) if name in part else "absent" for part in (network, stored))
        if now != then:
            raise MisfitError(f"{name} is {then} there and {now} in the network")
