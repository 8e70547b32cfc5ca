import errno
import logging
import os
import re
import signal
import time
import warnings
from pathlib import Path

import pytest

from ldae.errors import PassingTrouble, UserError, is_passing
from ldae.files import hash_file
from ldae.pool import finish_items, run_items


def work(item):
    """Square a number, or do what the word says."""
    if item == "killed":
        os.kill(os.getpid(), signal.SIGKILL)
    if item == "full disk":
        raise OSError(errno.ENOSPC, "No space left on device")
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
    assert outcomes["raise"].error.startswith("ValueError, at ")


def test_a_dead_process_is_its_items_own_error(outcomes):
    assert outcomes["crash"].error == "its process ended by exit code 3"
    assert not outcomes["crash"].passing


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


def once(folder_and_how):
    """Meet a trouble the first time, and be done the second."""
    folder, how = folder_and_how
    seen = Path(folder, how.replace(" ", "_"))
    if not seen.exists():
        seen.touch()
        work(how)
    return how


@pytest.mark.parametrize("how", ["killed", "full disk", "crash", "hang"])
def test_a_trouble_that_passes_is_no_outcome(tmp_path, how):
    (outcome,) = run_items(once, [(tmp_path, how)], workers=2, timeout_s=5, label="test")
    assert (outcome.result, outcome.error) == (how, "")


@pytest.mark.parametrize("how, said", [("killed", "SIGKILL"), ("full disk", "No space left"), ("hang", "took longer")])
def test_a_trouble_that_persists_ends_the_work_after_the_others_and_names_its_items(how, said):
    outcomes = finish_items(work, [how, 2, 3], workers=1, timeout_s=2, label="test", name="scan {}".format)
    assert sorted([next(outcomes).result, next(outcomes).result]) == [4, 9]
    with pytest.raises(UserError, match=f"scan {how}") as raised:
        next(outcomes)
    assert said in str(raised.value) and "run the same command again" in str(raised.value)


def test_an_items_own_fault_is_its_outcome_and_not_tried_again(tmp_path):
    outcomes = finish_items(count, [tmp_path / "tries"], workers=1, timeout_s=60, label="test", name=str)
    assert [outcome.error.split(",")[0] for outcome in outcomes] == ["ValueError"]
    assert (tmp_path / "tries").read_text() == "x"


def quote(text):
    """Say a text in every way that a library has, then fail inside the package."""
    warnings.warn(f"warned {text}", stacklevel=1)
    logging.getLogger("nibabel.global").warning("logged %s", text)
    hash_file(text)


def test_what_libraries_say_in_a_worker_is_told_by_its_kind(capfd):
    (outcome,) = run_items(quote, ["Roe^Jane"], workers=1, timeout_s=60, label="test")
    assert re.fullmatch(r"FileNotFoundError: No such file or directory, at ldae/files.py:\d+", outcome.error)
    printed = "".join(capfd.readouterr())
    assert "UserWarning of test_pool.py" in printed and "a message of nibabel.global" in printed
    assert "Roe" not in printed


def count(path):
    """Leave a mark, and fail."""
    with path.open("a") as file:
        file.write("x")
    raise ValueError("a bad scan")


@pytest.mark.parametrize(
    "error", [MemoryError(), PassingTrouble("killed"), OSError(errno.EIO, ""), OSError(errno.EMFILE, "")]
)
def test_what_tells_of_the_machine(error):
    assert is_passing(error)


@pytest.mark.parametrize(
    "error", [FileNotFoundError(errno.ENOENT, ""), ValueError(), UserError("a", "b", "c", "d"), OSError()]
)
def test_what_tells_of_the_data(error):
    assert not is_passing(error)
