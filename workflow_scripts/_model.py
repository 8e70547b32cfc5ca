"""Load the trained LDAE with the config sections a rule was given."""

from __future__ import annotations

from pathlib import Path

from ldae.config import Config
from ldae.inference import LDAE


def load_ldae(weights: list[str], sections: dict[str, dict]) -> LDAE:
    """The trained model of the folder of `weights`."""
    parts = {name: Config.model_fields[name].annotation(**values) for name, values in sections.items()}
    return LDAE.load(Path(weights[0]).parent, Config.model_construct(**parts))
