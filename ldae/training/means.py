"""Means of the training losses over an epoch and all processes; part of a state that is saved within the epoch."""

from __future__ import annotations

import torch
from torch import distributed

Sums = dict[str, list[float]]  # by the name of a loss: the weighted sum of its values, and the sum of the weights


class Means:
    """Weighted means of named losses; those of a resumed training are, to the bit, those of an undisturbed one.

    (Of what is logged within an epoch, Lightning keeps nothing in its checkpoints.)
    """

    def __init__(self) -> None:
        self.sums: dict[str, torch.Tensor] = {}

    def add(self, losses: dict[str, torch.Tensor], weight: float) -> None:
        """Take in one batch; nothing is brought from the GPU."""
        for name, loss in losses.items():
            value = loss.detach().double()
            part = torch.stack((value * weight, torch.full_like(value, weight)))
            self.sums[name] = part + self.sums[name].to(part.device) if name in self.sums else part

    def take(self) -> dict[str, float]:
        """The means over all processes, nan where no weight is, and begin anew; all must ask."""
        sums, self.sums = _total(self.state()), {}
        return {name: (sums[name][0] / sums[name][1]).item() for name in sorted(sums)}

    def state(self) -> list[Sums]:
        """The sums of each process, in their order; all must ask."""
        own = {name: part.tolist() for name, part in self.sums.items()}
        if not (distributed.is_available() and distributed.is_initialized()):
            return [own]
        each: list[Sums] = [{}] * distributed.get_world_size()
        distributed.all_gather_object(each, own)
        return each

    def load(self, state: list[Sums], rank: int, processes: int) -> None:
        """Take over what was this process's part; after a training on another number of them, the first has all."""
        if len(state) == processes:
            self.sums = _total(state[rank : rank + 1])
        else:
            self.sums = _total(state) if rank == 0 else {}


def _total(state: list[Sums]) -> dict[str, torch.Tensor]:
    names = {name for sums in state for name in sums}
    parts = {name: [sums[name] for sums in state if name in sums] for name in names}
    return {name: torch.tensor(parts[name], dtype=torch.float64).sum(0) for name in names}
