"""Parameters, operations and memory of the layers that the networks are made of.

A multiplication and an addition are two operations. Memory is counted in numbers; mixed precision keeps some of them in
two bytes instead of four.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True)
class Block:
    """One block of a network, for one scan.

    Attributes
    ----------
    parameters : int
    flop : int
        Operations of a forward pass.
    given : int
        Numbers it is given; activation checkpointing keeps these alone.
    saved : int
        Numbers it saves for the backward pass, those it is given among them.
    live : int
        Numbers that are there at once in a forward pass without gradients.
    """

    parameters: int
    flop: int
    given: int
    saved: int
    live: int

    def times(self, count: int) -> Block:
        """The block on `count` inputs at once, such as slices; its parameters are the same."""
        return Block(self.parameters, count * self.flop, count * self.given, count * self.saved, count * self.live)


class Network(tuple[Block, ...]):
    """Blocks that follow each other."""

    @property
    def parameters(self) -> int:
        """Of all blocks."""
        return sum(block.parameters for block in self)

    @property
    def flop(self) -> int:
        """Operations of a forward pass of one scan."""
        return sum(block.flop for block in self)

    @property
    def saved(self) -> int:
        """Numbers saved for the backward pass of one scan."""
        return sum(block.saved for block in self)

    @property
    def checkpointed(self) -> int:
        """The same with activation checkpointing: what all blocks are given, and what one saves while it is redone."""
        return sum(block.given for block in self) + max((block.saved for block in self), default=0)

    @property
    def live(self) -> int:
        """Numbers that are there at once in a forward pass of one scan without gradients."""
        return max((block.live for block in self), default=0)

    def __add__(self, others: Iterable[Block]) -> Network:  # type: ignore[override]  # a tuple's gives a tuple
        return Network([*self, *others])


def convolution(inputs: int, outputs: int, kernel: int, before: int, after: int, bias: bool = True) -> Block:
    """From `inputs` channels on `before` voxels to `outputs` on `after`; `kernel` counts its voxels."""
    given, made = inputs * before, outputs * after
    weights = inputs * outputs * kernel
    return Block(weights + bias * outputs, 2 * weights * after, given, given, given + made)


def linear(inputs: int, outputs: int, rows: int = 1) -> Block:
    """On `rows` vectors."""
    return convolution(inputs, outputs, 1, rows, rows)


def residual(
    inputs: int, outputs: int, voxels: int, *, resized: float = 1.0, time: int = 0, semantic: int = 0
) -> Block:
    """Twice GroupNorm, SiLU and a convolution over 3 x 3 x 3 voxels, and what goes past them.

    Parameters
    ----------
    voxels : int
        Of what it is given; what it makes has `resized` times as many.
    time, semantic : int
        Lengths of the vectors that enter by a linear layer each, where they do: the time's is added after the first
        convolution, y_sem scales and shifts after the second GroupNorm.
    """
    after = int(voxels * resized)
    first, second = inputs * voxels, outputs * after
    enter = linear(time, outputs).parameters if time else 0
    enter += linear(semantic, 2 * outputs).parameters if semantic else 0
    past = inputs * outputs + outputs if inputs != outputs else 0
    convolutions = 27 * (inputs * outputs + outputs * outputs)
    parameters = convolutions + 2 * outputs + 2 * (inputs + outputs) + enter + past
    flop = 2 * (convolutions + past) * after + 2 * (time + 2 * semantic) * outputs
    resampled = 2 * inputs * after if resized > 1 else first + inputs * after if resized < 1 else first
    saved = 2 * first + resampled + (4 if semantic else 3) * second
    return Block(parameters, flop, first, saved, max(3 * first, first + 3 * inputs * after, first + 3 * second))


def attention(channels: int, voxels: int) -> Block:
    """GroupNorm and self-attention over the voxels, none of whose weights is kept (flash attention)."""
    numbers = channels * voxels
    parameters = 4 * (channels * channels + channels) + 2 * channels
    flop = 8 * channels * channels * voxels + 4 * channels * voxels * voxels
    return Block(parameters, flop, numbers, 7 * numbers, 5 * numbers)


def normalised_convolution(inputs: int, outputs: int, voxels: int, activation: bool) -> Block:
    """GroupNorm, SiLU perhaps, and a convolution over 3 x 3 x 3 voxels."""
    bare = convolution(inputs, outputs, 27, voxels, voxels)
    given = inputs * voxels
    return Block(bare.parameters + 2 * inputs, bare.flop, given, (2 + activation) * given, 2 * given + outputs * voxels)
