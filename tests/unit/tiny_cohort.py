"""Ten subjects on disk: images and latents of noise, and the tables that describe them."""

from __future__ import annotations

from pathlib import Path

import nibabel as nib
import numpy as np
import pandas as pd

from ldae.data.scans import LATENT_COLUMNS, SCAN_COLUMNS, latent_path
from ldae.files import hash_file
from ldae.training.normalizer import hash_latents

GRID = (16, 16, 8)
LATENT = (2, 4, 4, 4)
SPLITS = ["train"] * 5 + ["validation"] * 3 + ["test"] * 2
AGES = [61.0, 70.0, 79.0, 66.0, np.nan, 63.0, 77.0, 72.0, 60.0, 80.0]
DIAGNOSES = ["AD", "CN", "CN", "CN", "MCI", "AD", "CN", "", "AD", "CN"]


class TinyCohort:
    """Subjects S0 to S9, S0 and S5 with a second visit: 5 train, 3 validation, 2 test.

    Attributes
    ----------
    scans, dataset, manifest : Path
        The table of scans, that with labels, and the manifest of the latents. S4 has no age, S7 no diagnosis.
    """

    def __init__(self, folder: Path) -> None:
        self.scans, self.dataset = folder / "scans.csv", folder / "dataset.csv"
        self.manifest = folder / "latents" / "manifest.csv"
        self.manifest.parent.mkdir()
        rng = np.random.default_rng(0)
        rows = []
        for number, split in enumerate(SPLITS):
            for months in (0, 6) if number in (0, 5) else (0,):
                subject, session = f"S{number}", f"M{months:03}"
                image = folder / f"{subject}_{session}.nii.gz"
                nib.save(nib.Nifti1Image(rng.random(GRID, dtype=np.float32), np.eye(4)), image)
                latent = latent_path(folder / "latents", subject, session)
                np.savez(latent, data=rng.standard_normal(LATENT, dtype=np.float32))
                known = {"diagnosis": DIAGNOSES[number], "age": AGES[number], "sex": "FM"[number % 2], "months": months}
                scan = {"subject": subject, "session": session, "path": str(image), "split": split}
                rows.append({**scan, "latent_path": latent, **known})
        table = pd.DataFrame(rows)
        table["image_sha256"] = [hash_file(path) for path in table["path"]]
        table["latent_sha256"] = [hash_file(path) for path in table["latent_path"]]
        table[list(SCAN_COLUMNS)].to_csv(self.scans, index=False)
        table[list(LATENT_COLUMNS)].to_csv(self.manifest, index=False)
        table.drop(columns="latent_sha256").to_csv(self.dataset, index=False)

    def statistics_of_latents(self) -> dict:
        """What the sidecar of statistics says that were fitted to the training latents."""
        manifest = pd.read_csv(self.manifest)
        return {"latents_sha256": hash_latents(manifest[manifest["split"] == "train"])}

    def plant_test_subject(self) -> None:
        """Give a test subject another scan, in the training split."""
        for path in (self.scans, self.dataset):
            table = pd.read_csv(path)
            planted = table[table["split"] == "test"].iloc[[0]].assign(split="train", session="M048")
            pd.concat([table, planted]).to_csv(path, index=False)
