"""One scan from the BIDS dataset to its derivative: the steps in order, and the record of what was done."""

from __future__ import annotations

from importlib import metadata
from pathlib import Path

import numpy as np

from ldae.config.preprocessing import PreprocessingConfig
from ldae.files import hash_file, write_record
from ldae.preprocessing.alignment import align
from ldae.preprocessing.bias_field import correct_bias_field
from ldae.preprocessing.brain_mask import engine_record
from ldae.preprocessing.grid import QC_GRID, model_grid
from ldae.preprocessing.intensity import scale_intensities, to_grey_levels
from ldae.preprocessing.kinds import STRIPPED, recognise_kind
from ldae.preprocessing.layout import ScanFiles
from ldae.preprocessing.mask_limits import MaskLimits
from ldae.preprocessing.precheck import check_brain, load_scan
from ldae.preprocessing.quality import measure_native
from ldae.preprocessing.registration import use_one_thread
from ldae.preprocessing.upright import find_brain
from ldae.preprocessing.volume import crop, write_volume

CROP_MARGIN_MM = 10.0
PACKAGES = ("antspyx", "nibabel", "nilearn", "numpy", "scipy", "torch")


def versions() -> dict[str, str]:
    """Versions of the packages that make the image."""
    return {name: metadata.version(name) for name in PACKAGES}


def preprocess_scan(
    source: str | Path, files: ScanFiles, config: PreprocessingConfig, limits: MaskLimits, key: str = ""
) -> dict:
    """Extract, correct, align and scale one brain, and write image, mask, QC image and, last, the sidecar.

    The bias-corrected native intensities are interpolated once onto each grid (see `resampling`). Outside the brain
    mask every image is 0: face and skull are gone. Where the mask may hold more, nothing is
    written.

    Parameters
    ----------
    source : path
        T1w NIfTI of a whole head.
    files : ScanFiles
        Where to write.
    config : PreprocessingConfig
        The section `preprocessing`.
    limits : MaskLimits
        What a mask of a brain must keep to.
    key : str
        Hash of everything the result depends on, kept in the sidecar.

    Returns
    -------
    dict
        The sidecar: ``QC`` holds the numbers of `quality` and of `alignment`, ``ImageSHA256`` the hash of the image,
        ``Notes`` what was assumed of an unusual scan.

    Raises
    ------
    UserError
        The scan cannot be worked on (see `precheck`), no brain is found, values are absent in it, or its mask may hold
        a face (see `mask_limits`).
    """
    use_one_thread()
    files.remove()
    raw = load_scan(source)
    mask, start, extractions = find_brain(raw.volume, config)
    absent = check_brain(source, raw, mask)
    scan, mask, kind = recognise_kind(raw.volume, mask)
    numbers = measure_native(scan, mask, cut_out=STRIPPED in kind)
    limits.check(source, numbers)
    scan, mask = crop(scan, mask, CROP_MARGIN_MM)
    brain = correct_bias_field(scan, mask, config.bias_field_spacing_mm, config.bias_field_iterations)
    aligned = align(brain, mask, start, config)
    numbers |= aligned.numbers | {"extractions": extractions}
    limits.check(source, numbers)
    grid = model_grid(config)
    write_volume(files.image, scale_intensities(aligned.image, aligned.mask, config.clip_percentiles), grid.affine)
    write_volume(files.mask, aligned.mask.astype(np.uint8), grid.affine)
    write_volume(files.qc_image, to_grey_levels(aligned.qc_image, aligned.qc_mask), QC_GRID.affine)
    sidecar = _sidecar(source, files, config, key) | {"Notes": [*raw.notes, *absent, *kind]}
    sidecar |= {"QC": {name: round(v, 6) for name, v in numbers.items()}}
    write_record(files.sidecar, sidecar)
    return sidecar


def _sidecar(source: str | Path, files: ScanFiles, config: PreprocessingConfig, key: str) -> dict:
    return {
        "Description": "Bias-corrected brain in MNI152 space, intensities 0..1, background 0",
        "Sources": [Path(source).as_posix()],
        "SourceSHA256": hash_file(source),
        **files.hashes,
        "SkullStripped": True,
        "SpatialReference": "MNI152 2009a symmetric, as shipped by nilearn",
        "Transform": config.transform,
        "BrainExtraction": engine_record(config),
        "Parameters": config.model_dump(mode="json"),
        "Versions": versions(),
        "Key": key,
    }
