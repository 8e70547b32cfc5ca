import logging

import pytest

from ldae.progress import Progress

logger = logging.getLogger("ldae.test")


@pytest.fixture
def clock(monkeypatch):
    """A clock that a test moves."""
    now = [100.0]
    monkeypatch.setattr("ldae.progress.time.monotonic", lambda: now[0])
    return now


def test_the_time_left_follows_from_the_pace(clock, caplog):
    with caplog.at_level(logging.INFO, logger="ldae.test"):
        progress = Progress(logger, "latents", 10)
        clock[0] += 120
        progress.advance(4)
    assert caplog.messages == ["latents: 4 of 10 scans done, about 3.0 min left"]


def test_what_was_done_before_does_not_count_for_the_pace(clock, caplog):
    with caplog.at_level(logging.INFO, logger="ldae.test"):
        progress = Progress(logger, "ldm", 100, "steps", done=80)
        clock[0] += 60
        progress.advance(10, "val_loss 0.2")
    assert caplog.messages == ["ldm: 90 of 100 steps done: val_loss 0.2, about 1.0 min left"]
