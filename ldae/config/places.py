"""Where the files lie that settings name by their folder."""

from __future__ import annotations

from pathlib import Path


def initial_weights(place: str | Path, network: str) -> Path:
    """The file of weights of a network that a setting `init_from` names: itself, or in the folder of a trained model.

    Examples
    --------
    >>> initial_weights("theirs.pt", "autoencoder").name
    'theirs.pt'
    """
    path = Path(place)
    return path / f"{network}.safetensors" if path.is_dir() else path
