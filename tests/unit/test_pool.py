import logging
import os
import time

import pytest

from ldae.pool import run_items


def work(item):
    """Square a number, or do what the word says."""
    if item == "raise":
        raise ValueError("a bad scan")
    if item == "crash":
        os._exit(3)
    if item == "hang":
        time.sleep(600)
    return item * item


@pytest.fixture(scope="module")
def outcomes():
    items = [2, "raise", "crash", "hang", 3]
    return {outcome.item: outcome for outcome in run_items(work, items, workers=2, timeout_s=3, label="test")}


def test_good_items_are_done_whatever_befalls_the_others(outcomes):
    assert len(outcomes) == 5
    assert (outcomes[2].result, outcomes[3].result) == (4, 9)
    assert (outcomes[2].error, outcomes[3].error) == ("", "")


def test_an_exception_is_its_items_own_error(outcomes):
    assert outcomes["raise"].error == "ValueError: a bad scan"


def test_a_dead_process_is_its_items_own_error(outcomes):
    assert "ProcessExpired" in outcomes["crash"].error


def test_a_hanging_item_is_stopped(outcomes):
    assert outcomes["hang"].error == "took longer than 3 s"


def test_progress_names_the_time_left(caplog):
    with caplog.at_level(logging.INFO, logger="ldae.pool"):
        list(run_items(work, [1, 2], workers=1, timeout_s=60, label="squares"))
    assert "squares: 1 of 2 items done, about" in caplog.text
    assert "squares: 2 of 2 items done" in caplog.text


def meet(folder_and_name):
    """Say that this one is here, and wait for the other."""
    folder, name = folder_and_name
    (folder / name).touch()
    for _ in range(300):
        if len(list(folder.iterdir())) == 2:
            return name
        time.sleep(0.1)
    raise TimeoutError


def test_as_many_items_as_workers_are_in_work_at_once(tmp_path):
    outcomes = run_items(meet, [(tmp_path, "a"), (tmp_path, "b")], workers=2, timeout_s=60, label="pair")
    assert sorted(outcome.result for outcome in outcomes) == ["a", "b"]


def test_nothing_to_do_is_fine():
    assert list(run_items(work, [], workers=4, timeout_s=1, label="none")) == []
