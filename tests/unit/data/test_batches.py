"""The order of the batches."""

from __future__ import annotations

import logging
import multiprocessing
import os
import signal
from collections import Counter

import numpy as np
import pytest
import torch

from ldae.data import volumes
from ldae.data.batches import InOrder, StepBatchSampler, make_loader, scan_batches
from ldae.data.scans import read_scans
from ldae.data.volumes import Aligned, Volumes, read_volume


def batches(epochs, **kwargs):
    sampler = StepBatchSampler(7, 3, 5, seed=1, **kwargs)
    found = []
    for epoch in epochs:
        sampler.set_epoch(epoch)
        found += list(sampler)
    return found


def test_every_pass_visits_every_item_once():
    flat = [index for batch in batches(range(7)) for index in batch]
    assert Counter(flat) == dict.fromkeys(range(7), 15)
    assert all(sorted(flat[start : start + 7]) == list(range(7)) for start in range(0, 105, 7))
    assert flat[:7] != flat[7:14]
    assert flat[:7] != list(range(7))


def test_a_batch_depends_on_seed_and_number_alone():
    assert batches([2]) == batches(range(3))[10:]
    other = StepBatchSampler(7, 3, 5, seed=2)
    assert list(other) != batches([0])


def test_processes_share_the_batches_of_one():
    alone = batches(range(4))
    shared = [batches(range(2), rank=rank, world_size=2) for rank in range(2)]
    assert [batch for pair in zip(*shared, strict=True) for batch in pair] == alone
    sampler = StepBatchSampler(7, 3, 5, seed=1, rank=1, world_size=2)
    sampler.set_epoch(1)
    assert alone[sampler.number(2)] == list(sampler)[2]


@pytest.mark.parametrize("done", [3, 5, 8])
def test_a_resumed_epoch_begins_after_what_was_done_and_the_next_ones_are_whole(done):
    """One of five batches, where nothing, three or all of it was done."""
    assert batches(range(done // 5, 3), done=done) == batches(range(3))[done:]
    assert batches([0], done=5) == []
    shared = [batches(range(2), rank=rank, world_size=2, done=3) for rank in range(2)]
    assert [batch for pair in zip(*shared, strict=True) for batch in pair] == batches(range(4))[6:]


def test_validation_visits_every_item_once_in_order():
    assert list(InOrder(7, 2)) == [[0, 1], [2, 3], [4, 5], [6]]
    assert list(InOrder(7, 2, 0, 2)) == [[0, 1], [4, 5]]
    assert list(InOrder(7, 2, 1, 2)) == [[2, 3], [6]]


@pytest.mark.parametrize("items, world_size", [(5, 2), (5, 4), (3, 5), (8, 3)])
def test_processes_validate_equally_many_batches_of_which_each_counts_once(items, world_size):
    shared = [InOrder(items, 2, rank, world_size) for rank in range(world_size)]
    assert len({len(part) for part in shared}) == 1
    counted = {part.numbers[index]: batch for part in shared for index, batch in enumerate(part) if part.counts(index)}
    assert [counted[number] for number in sorted(counted)] == list(InOrder(items, 2))
    assert sum(part.counts(index) for part in shared for index in range(len(part))) == len(counted)


def test_a_loader_keeps_items_together_and_leaves_the_global_randomness_alone():
    numbers = Volumes(range(7), lambda i: torch.tensor([float(i)]))
    tens = Volumes(range(7), lambda i: torch.tensor([10.0 * i]))
    torch.manual_seed(3)
    expected = torch.rand(1)
    torch.manual_seed(3)
    found = list(make_loader(Aligned(numbers, tens), InOrder(7, 3)))
    assert torch.equal(torch.rand(1), expected)
    assert torch.equal(torch.cat([first for first, _ in found]).flatten(), torch.arange(7.0))
    assert all(torch.equal(10 * first, second) for first, second in found)


def test_signals_to_all_processes_leave_the_workers_to_the_one_they_serve(monkeypatch):
    """Ctrl-C, and a cluster's time limit."""
    monkeypatch.setattr(volumes, "MEMORY_LIMIT_BYTES", 0)
    loader = make_loader(Volumes(range(40), lambda i: torch.tensor([float(i)])), InOrder(40, 1), processes=64)
    batches = iter(loader)
    next(batches)
    (worker,) = multiprocessing.active_children()
    for number in (signal.SIGINT, signal.SIGTERM):
        os.kill(worker.pid, number)
    assert torch.cat([*batches]).flatten().tolist() == list(range(1, 40))
    assert worker.is_alive()


def test_scans_come_in_the_order_of_the_table(cohort, caplog):
    table = read_scans(cohort.scans).iloc[::-1]
    with caplog.at_level(logging.INFO, logger="ldae"):
        found = list(scan_batches(table, 5, "here"))
    assert [len(rows) for rows, _ in found] == [5, 5, 2]
    assert "here: 10 of 12 scans done" in caplog.text
    assert [path for rows, _ in found for path in rows["path"]] == table["path"].tolist()
    together = torch.cat([scans for _, scans in found])
    assert together.shape == (12, 1, 16, 16, 8)
    np.testing.assert_array_equal(together[7], read_volume(table["path"].iloc[7]))
