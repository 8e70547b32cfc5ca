"""The brain in a raw head: one interface over the engines of `brain_extraction`."""

from __future__ import annotations

import numpy as np

from ldae.config.preprocessing import PreprocessingConfig
from ldae.errors import UserError
from ldae.preprocessing.brain_extraction import antspynet, command, deepbet, template
from ldae.preprocessing.volume import Volume

ENGINES = {"deepbet": deepbet, "template": template, "antspynet": antspynet, "command": command}


def extract_brain(volume: Volume, config: PreprocessingConfig) -> np.ndarray:
    """Whole-brain mask of a raw head by the configured engine.

    Parameters
    ----------
    volume : Volume
        RAS axes, any voxel size.
    config : PreprocessingConfig
        The section `preprocessing`.

    Returns
    -------
    ndarray
        Boolean, on the voxels of `volume`.

    Raises
    ------
    UserError
        No brain was found, or the engine is not usable.
    """
    mask = np.asarray(ENGINES[config.brain_extraction].extract(volume, config), dtype=bool)
    if not mask.any():
        raise UserError("brain extraction", "a T1w image of a head", "no brain in it", "look at the scan, then drop it")
    return mask


def engine_record(config: PreprocessingConfig) -> dict[str, str]:
    """Name, version and hashes of the engine, for the sidecar and for the key that decides whether a scan is kept.

    Parameters
    ----------
    config : PreprocessingConfig
        The section `preprocessing`.

    Raises
    ------
    UserError
        The engine, or something it needs, is absent.
    """
    return {"name": config.brain_extraction, **ENGINES[config.brain_extraction].record(config)}
