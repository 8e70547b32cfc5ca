"""A tiny trained model on disk, scans for it, and the pool of processes replaced by this one."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from ldae.cli.main import app
from ldae.pool import Outcome
from ldae.preprocessing import prepare
from tests.unit.cli.tiny_model import template_scan, tiny_config, write_model, write_scan


@pytest.fixture(scope="session")
def config():
    return tiny_config()


@pytest.fixture(scope="session")
def models(config, tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("models")
    write_model(folder, config)
    return folder


@pytest.fixture
def brain(config) -> np.ndarray:
    """A preprocessed scan."""
    return template_scan(config)


@pytest.fixture
def good(brain, config, tmp_path) -> Path:
    """A preprocessed scan on disk."""
    return write_scan(tmp_path / "in" / "good.nii.gz", brain, config)


@pytest.fixture
def turned(brain, config, tmp_path) -> Path:
    """A scan that looks preprocessed, but for its brain being upside down."""
    return write_scan(tmp_path / "in" / "turned.nii.gz", brain[:, :, ::-1], config)


@pytest.fixture
def worked(monkeypatch) -> list[str]:
    """The names of the scans that were worked on, all in this process."""
    names: list[str] = []

    def run(function, items, **_):
        for item in items:
            names.append(item.scan.name)
            try:
                yield Outcome(item, function(item))
            except Exception as error:
                yield Outcome(item, error=f"{type(error).__name__}: {error}")

    monkeypatch.setattr(prepare, "run_items", run)
    return names


@pytest.fixture
def ldae(models, worked, tmp_path) -> Callable:
    """Run a command with the model, into `tmp_path`/out."""

    def run(command, *arguments, out=tmp_path / "out", code=0):
        result = CliRunner().invoke(app, [command, *map(str, arguments), "--models", str(models), "--out", str(out)])
        assert result.exit_code == code, result.output
        assert "Traceback" not in result.output
        return result.output

    return run
