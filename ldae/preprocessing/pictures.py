"""The pictures of one shard's scans, drawn from the images that preprocessing recorded for them."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import cast

import nibabel as nib
import numpy as np
import pandas as pd

from ldae.errors import UserError
from ldae.files import hash_content, hash_file, read_table, write_table
from ldae.pool import finish_items
from ldae.preprocessing.grid import QC_GRID, mni_template
from ldae.preprocessing.layout import ScanFiles
from ldae.preprocessing.montage import draw_montage, read_key

PICTURE_COLUMNS = ("subject", "session", "picture", "qc_image_sha256")
PICTURE_TIMEOUT_S = 300.0


@dataclass(frozen=True)
class PictureJob:
    """One picture: `sha256` is the hash of the image it shows, `code` that of the modules that draw it."""

    files: ScanFiles
    sha256: str
    code: str


def draw_pictures(manifest: str | Path, output: str | Path, output_dir: str | Path, *, code: str, workers: int) -> None:
    """Draw every preprocessed scan of a shard; one that was drawn of the same image by the same code is kept.

    Parameters
    ----------
    manifest : path
        The shard's manifest.
    output : path
        CSV to write, one row per picture, columns `PICTURE_COLUMNS`.
    output_dir : path
        Root of the derivative.
    code : str
        Hash of the modules that draw.
    workers : int
        Processes.

    Raises
    ------
    UserError
        A picture could not be drawn, for instance because the recorded image is not that of the manifest.
    """
    columns = ("subject", "session", "path", "qc_image_sha256")
    scans = read_table(manifest, columns, dtype=str, keep_default_na=False)
    scans = scans[scans["path"] != ""]
    jobs = [
        PictureJob(ScanFiles.of(output_dir, row.subject, row.session), row.qc_image_sha256, code)
        for row in scans.itertuples(index=False)
    ]
    label = f"pictures {Path(manifest).stem}"
    outcomes = list(
        finish_items(
            draw_picture,
            jobs,
            workers=workers,
            timeout_s=PICTURE_TIMEOUT_S,
            label=label,
            name=lambda job: job.files.montage.name,
        )
    )
    failed = sorted(f"{outcome.item.files.montage.name}: {outcome.error}" for outcome in outcomes if outcome.error)
    if failed:
        found = f"{len(failed)} without, e.g. {failed[0]}"
        raise UserError(manifest, f"pictures of {len(jobs)} scans", found, "see to this one, then run again")
    pictures = [job.files.montage.as_posix() for job in jobs]
    table = scans.assign(picture=pd.Series(pictures, index=scans.index, dtype=str))
    write_table(output, table[list(PICTURE_COLUMNS)])


def draw_picture(job: PictureJob) -> None:
    """Draw one picture, unless it lies there already.

    Raises
    ------
    UserError
        The recorded image is absent or has another hash.
    """
    key, image = hash_content([job.sha256, job.code]), job.files.qc_image
    if read_key(job.files.montage) == key:
        return
    if not image.is_file() or hash_file(image) != job.sha256:
        cure = "preprocess again (snakemake --forcerun preprocess); whatever is whole is kept"
        raise UserError(image, "the image that preprocessing recorded", "none, or another one", cure)
    brain = QC_GRID.volume(np.asarray(cast(nib.Nifti1Image, nib.load(image)).dataobj))
    draw_montage(job.files.montage, brain, mni_template(QC_GRID).brain, job.files.image.name, key)
