"""Names of what is derived from one scan."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from ldae.files import hash_file, image_sidecar, read_record


@dataclass(frozen=True)
class ScanFiles:
    """Where the derivative of one scan lies.

    Attributes
    ----------
    image, mask : Path
        On the model grid.
    qc_image : Path
        On `QC_GRID`, for the picture.
    sidecar : Path
        The record of all of them.
    montage : Path
        The picture, drawn later from `qc_image`.
    """

    image: Path
    mask: Path
    qc_image: Path
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
            qc_image=image.with_name(f"{stem}_space-MNI152_desc-qc_T1w.nii.gz"),
            sidecar=image_sidecar(image),
            montage=home / "figures" / f"{stem}_desc-qc_T1w.png",
        )

    @property
    def hashes(self) -> dict[str, str]:
        """SHA-256 of each image, by its key in the sidecar; empty for one that is absent."""
        images = {"ImageSHA256": self.image, "MaskSHA256": self.mask, "QCImageSHA256": self.qc_image}
        return {key: hash_file(path) if path.is_file() else "" for key, path in images.items()}

    def kept(self, key: str) -> dict | None:
        """The sidecar, if it has this key and describes the very files that lie there; else None."""
        record = read_record(self.sidecar)
        described = self.hashes | {"Key": key}
        return record if record and described == {name: record.get(name) for name in described} else None

    def remove(self) -> None:
        """Delete what an earlier run left, the sidecar first, so that nothing stale is ever taken for a result."""
        for path in (self.sidecar, self.image, self.mask, self.qc_image, self.montage):
            path.unlink(missing_ok=True)
