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


def test_two_devices_train_as_one_and_the_state_stays_until_both_are_done(settings):
    alone, shared = settings(1), settings(2)
    train(alone)
    command = [sys.executable, "-m", "tests.unit.training.shared_training", str(shared)]
    environment = os.environ | {"PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr[-3000:]
    for name in ("ldm", "autoencoder"):
        pd.testing.assert_frame_equal(
            read_table(shared / f"{name}.csv"), read_table(alone / f"{name}.csv"), rtol=1e-6, check_exact=False
        )
        assert (shared / f"{name}_late.txt").read_text(encoding="utf-8") == "True"
        assert not list((shared / "checkpoints" / name).glob("*/*"))
