"""The content of config.yaml, and what is said of a file that is laid over it."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from ldae.config.load import load_config
from ldae.errors import UserError

ROOT = Path(__file__).resolve().parents[3]


@pytest.fixture
def content() -> dict:
    """The content of config.yaml."""
    return yaml.safe_load((ROOT / "config.yaml").read_text(encoding="utf-8"))


@pytest.fixture
def faults(tmp_path):
    """A function of YAML text that gives the lines of the one message about it; none where it is accepted."""

    def lines(overlay: str) -> list[str]:
        path = tmp_path / "mine.yaml"
        path.write_text(overlay, encoding="utf-8")
        try:
            load_config(ROOT / "config.yaml", path)
        except UserError as error:
            return error.found.split("\n    ")
        return []

    return lines
