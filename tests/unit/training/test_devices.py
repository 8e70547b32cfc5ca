"""A training that two devices share, played by two processes on the CPU, is that of one."""

from __future__ import annotations

import os
import pickle
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest

from ldae.files import read_table
from tests.unit.training.shared_training import train

ROOT = Path(__file__).resolve().parents[3]


@pytest.fixture
def settings(ldm_config, autoencoder_config, diffusion, make_training, tmp_path):
    """Give the settings for so many devices, and a folder with them."""

    def make(devices: int) -> Path:
        training = make_training(steps=4, accumulate=4, devices=devices, gradient_clip=0.5)
        ldm = ldm_config.model_copy(update={"training": training})
        # Two networks against each other, and Adam, make much of what is rounded in 32 bits.
        exact = training.model_copy(update={"precision": "64-true", "ema_decay": 0.0})
        autoencoder = autoencoder_config.model_copy(update={"training": exact})
        folder = tmp_path / f"devices{devices}"
        folder.mkdir()
        (folder / "settings.pickle").write_bytes(pickle.dumps((ldm, autoencoder, diffusion)))
        return folder

    return make


@pytest.fixture
def train_shared():
    """Train in processes of their own; a process that is asked to end does so in a step of the first training."""

    def run(folder: Path, *end_in: int) -> subprocess.CompletedProcess:
        command = [sys.executable, "-m", "tests.unit.training.shared_training", str(folder), *map(str, end_in)]
        environment = os.environ | {"PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}
        return subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=300)

    return run


def test_two_devices_train_as_one_and_the_state_stays_until_both_are_done(settings, train_shared):
    alone, shared = settings(1), settings(2)
    train(alone)
    done = train_shared(shared)
    assert done.returncode == 0, done.stderr[-3000:]
    for name in ("ldm", "autoencoder"):
        assert_alike(shared, alone, name)
        assert (shared / f"{name}_late.txt").read_text(encoding="utf-8") == "True"
        assert not list((shared / "checkpoints" / name).glob("*/*"))


@pytest.mark.slow
@pytest.mark.parametrize("goes_on_with", [1, 2])
def test_one_of_two_is_asked_to_end_within_an_interval_and_any_number_goes_on(settings, train_shared, goes_on_with):
    folders = {devices: settings(devices) for devices in (1, 2)}
    train(folders[1])
    shared = folders[2]
    assert train_shared(shared, 2).returncode == 143
    assert {path.name for path in shared.glob("checkpoints/ldm/*/state-*")} == {
        f"state-{step:09d}.ckpt" for step in (2, 3)
    }
    (shared / "settings.pickle").write_bytes((folders[goes_on_with] / "settings.pickle").read_bytes())
    done = train_shared(shared)
    assert done.returncode == 0, done.stderr[-3000:]
    for name in ("ldm", "autoencoder"):
        assert_alike(shared, folders[1], name)


def assert_alike(shared: Path, alone: Path, name: str) -> None:
    histories = (read_table(folder / f"{name}.csv") for folder in (shared, alone))
    pd.testing.assert_frame_equal(*histories, rtol=1e-6, check_exact=False)
