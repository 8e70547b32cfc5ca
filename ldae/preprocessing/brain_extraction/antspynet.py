"""ANTsPyNet's brain extraction for T1w images (Tustison et al., Scientific Reports 11:9068, 2021).

Neither the package nor its two files come with this project. ANTsPyNet downloads a file that is absent from its cache,
and jobs that do so at once fail (ANTsPyNet issue 171), so their presence is checked before it is called.
"""

from __future__ import annotations

from importlib import metadata
from pathlib import Path
from types import ModuleType

import numpy as np
from scipy import ndimage

from ldae.config.preprocessing import PreprocessingConfig
from ldae.errors import UserError
from ldae.files import hash_file
from ldae.preprocessing.volume import Volume

MODALITY = "t1"
FILES = ("brainExtractionRobustT1.h5", "S_template3.nii.gz")  # what ANTsPyNet 0.3.2 reads for this modality
IN_BRAIN = 0.5
FETCH = """python -c 'import antspynet as a; {where}a.get_pretrained_network("brainExtractionRobustT1"); \
a.get_antsxnet_data("S_template3")'"""


def extract(volume: Volume, config: PreprocessingConfig) -> np.ndarray:
    """Find the largest piece where the network's probability is at least one half, its holes filled."""
    package = _package(config)
    probability = package.brain_extraction(volume.to_ants(), modality=MODALITY, verbose=False).numpy()
    pieces, count = ndimage.label(probability >= IN_BRAIN)
    largest = pieces == np.argmax(np.bincount(pieces.ravel())[1:]) + 1 if count else np.zeros(pieces.shape, bool)
    return ndimage.binary_fill_holes(largest)


def record(config: PreprocessingConfig) -> dict[str, str]:
    """Versions of ANTsPyNet and TensorFlow, and SHA-256 of its two files."""
    folder = Path(_package(config).get_antsxnet_cache_directory())
    hashes = {f"{name.split('.')[0]}_sha256": hash_file(folder / name) for name in FILES}
    return {"version": metadata.version("antspynet"), "tensorflow": metadata.version("tensorflow"), **hashes}


def _package(config: PreprocessingConfig) -> ModuleType:
    """ANTsPyNet, pointed at the configured folder, with every file it will read in place."""
    try:
        import antspynet
    except ModuleNotFoundError as error:
        raise UserError(
            "preprocessing.brain_extraction: antspynet",
            "the package antspynet in this environment",
            f"no module {error.name}",
            "pip install antspynet, or take another engine",
        ) from None
    wanted = config.antspynet_dir
    folder = Path(wanted or antspynet.get_antsxnet_cache_directory())
    absent = [name for name in FILES if not (folder / name).is_file()]
    if absent:
        where = f'a.set_antsxnet_cache_directory("{wanted}"); ' if wanted else ""
        raise UserError(
            f"preprocessing.antspynet_dir: {folder}",
            f"ANTsPyNet's files {' and '.join(FILES)}",
            f"no {' and no '.join(absent)}",
            f"fetch them once, where there is internet: {FETCH.format(where=where)}",
        )
    if wanted:
        antspynet.set_antsxnet_cache_directory(wanted)
    return antspynet
