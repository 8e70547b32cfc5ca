"""One scan from the BIDS dataset to its derivative: the steps in order, and the record of what was done."""

from __future__ import annotations

from dataclasses import dataclass
from importlib import metadata
from pathlib import Path

import numpy as np

from ldae.config.preprocessing import PreprocessingConfig
from ldae.files import hash_file, write_json
from ldae.preprocessing.bias_field import correct_bias_field
from ldae.preprocessing.brain_mask import engine_record, extract_brain
from ldae.preprocessing.grid import Grid, covering_grid, mni_template
from ldae.preprocessing.intensity import scale_intensities
from ldae.preprocessing.montage import draw_montage
from ldae.preprocessing.precheck import load_scan
from ldae.preprocessing.quality import QC_SPACING_MM, measure_alignment, measure_native
from ldae.preprocessing.registration import register, use_one_thread, volume_scale
from ldae.preprocessing.resampling import resample_brain
from ldae.preprocessing.volume import crop, write_volume

CROP_MARGIN_MM = 10.0
PACKAGES = ("antspyx", "nibabel", "nilearn", "numpy", "scipy", "torch")


def versions() -> dict[str, str]:
    """Versions of the packages that make the image."""
    return {name: metadata.version(name) for name in PACKAGES}


@dataclass(frozen=True)
class ScanFiles:
    """Where the derivative of one scan lies."""

    image: Path
    mask: Path
    sidecar: Path
    montage: Path

    @classmethod
    def of(cls, output_dir: str | Path, subject: str, session: str) -> ScanFiles:
        """BIDS names under ``output_dir/sub-X/``."""
        home = Path(output_dir, f"sub-{subject}")
        stem = f"sub-{subject}_ses-{session}"
        image = home / f"ses-{session}" / "anat" / f"{stem}_space-MNI152_desc-preproc_T1w.nii.gz"
        return cls(
            image=image,
            mask=image.with_name(f"{stem}_space-MNI152_desc-brain_mask.nii.gz"),
            sidecar=image.with_name(image.name.replace(".nii.gz", ".json")),
            montage=home / "figures" / f"{stem}_desc-qc_T1w.png",
        )

    def remove(self) -> None:
        """Delete what an earlier run left, the sidecar first, so that nothing stale is ever taken for a result."""
        for path in (self.sidecar, self.image, self.mask, self.montage):
            path.unlink(missing_ok=True)


def preprocess_scan(source: str | Path, files: ScanFiles, config: PreprocessingConfig, key: str = "") -> dict:
    """Extract, correct, align and scale one brain, and write image, mask, montage and, last, the sidecar.

    The bias-corrected native intensities are interpolated once, onto the model grid (see `resampling`). Outside the
    brain mask the result is 0: face and skull are gone.

    Parameters
    ----------
    source : T1w NIfTI of a whole head
    files : where to write
    config : the section `preprocessing`
    key : hash of everything the result depends on, kept in the sidecar

    Returns
    -------
    dict
        The sidecar: ``QC`` holds the numbers of `quality`, ``ImageSHA256`` the hash of the image.

    Raises
    ------
    UserError
        The scan cannot be worked on (see `precheck`), or no brain is found.
    """
    use_one_thread()
    files.remove()
    scan = load_scan(source)
    mask = extract_brain(scan, config)
    numbers = measure_native(scan, mask)
    scan, mask = crop(scan, mask, CROP_MARGIN_MM)
    brain = correct_bias_field(scan, mask, config.bias_field_spacing_mm, config.bias_field_iterations)
    grid, qc_grid = Grid(config.grid_shape, config.grid_spacing_mm, config.grid_center_mm), covering_grid(QC_SPACING_MM)
    with register(brain, config.transform, config.registration_spacing_mm) as transforms:
        numbers["volume_scale"] = volume_scale(transforms)
        image, image_mask = resample_brain(brain, mask, grid.volume(), transforms)
        aligned, aligned_mask = resample_brain(brain, mask, qc_grid.volume(), transforms)
    image = scale_intensities(image, image_mask, config.clip_percentiles)
    template = mni_template(qc_grid)
    shown = qc_grid.volume(aligned)
    numbers |= measure_alignment(shown, aligned_mask, template)
    write_volume(files.image, image, grid.affine)
    write_volume(files.mask, image_mask.astype(np.uint8), grid.affine)
    draw_montage(files.montage, shown, template.brain, files.image.name)
    sidecar = _sidecar(source, files, config, key) | {"QC": {name: round(v, 6) for name, v in numbers.items()}}
    write_json(files.sidecar, sidecar)
    return sidecar


def _sidecar(source: str | Path, files: ScanFiles, config: PreprocessingConfig, key: str) -> dict:
    return {
        "Description": "Bias-corrected brain in MNI152 space, intensities 0..1, background 0",
        "Sources": [Path(source).as_posix()],
        "SourceSHA256": hash_file(source),
        "ImageSHA256": hash_file(files.image),
        "MaskSHA256": hash_file(files.mask),
        "SkullStripped": True,
        "SpatialReference": "MNI152 2009a symmetric, as shipped by nilearn",
        "Transform": config.transform,
        "BrainExtraction": engine_record(config),
        "Parameters": config.model_dump(mode="json"),
        "Versions": versions(),
        "Key": key,
    }
