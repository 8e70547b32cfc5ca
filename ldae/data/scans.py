"""The table of scans: all that a training may know of a cohort. It has no labels. And the manifest of their latents."""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from ldae.data.leaks import refuse_torn_subjects
from ldae.errors import UserError
from ldae.files import hash_file, read_table

SCAN_KEY = ["subject", "session"]
TEXTS = dict.fromkeys(("subject", "session", "image_sha256", "latent_sha256"), str)
SCAN_COLUMNS = ("subject", "session", "path", "split", "image_sha256")
LATENT_COLUMNS = (
    *("subject", "session", "split", "latent_path", "latent_sha256"),
    "image_sha256",  # what the latent was made from
)


def read_scans(path: str | Path) -> pd.DataFrame:
    """Read `scans.csv`, columns `SCAN_COLUMNS` and no other.

    Raises
    ------
    UserError
        The table is absent or empty, lacks a column, or has a subject on two sides of the split.
    """
    table = read_table(path, SCAN_COLUMNS, dtype=TEXTS)[list(SCAN_COLUMNS)]
    if table.empty:
        raise UserError(path, "one row per scan", "no row", "see results/tables/exclusions.csv for the reasons")
    refuse_torn_subjects(table, path)
    return table


def latent_path(folder: str | Path, subject: str, session: str) -> str:
    """Where the latent of a scan lies, with forward slashes."""
    return (Path(folder) / f"sub-{subject}_ses-{session}.npz").as_posix()


def join_latents(rows: pd.DataFrame, manifest_csv: str | Path) -> pd.DataFrame:
    """Rows of scans, in their order, with the columns latent_path and latent_sha256 of the manifest.

    Raises
    ------
    UserError
        The manifest is absent or lacks a column, a scan has no latent or more than one, its latent was encoded when
        the scan was in another split or from another image, or a file is absent or not the one that was encoded.
    """
    cure = "run the rule latents again (snakemake --forcerun latents)"
    manifest = read_table(manifest_csv, LATENT_COLUMNS, dtype=TEXTS)
    renamed = {"split": "encoded_split", "image_sha256": "encoded_image"}
    manifest = manifest[list(LATENT_COLUMNS)].rename(columns=renamed)
    if manifest.duplicated(["subject", "session"]).any():
        raise UserError(manifest_csv, "one row per scan", "a scan twice", cure)
    joined = rows.merge(manifest, on=["subject", "session"], how="left")
    scans = ("sub-" + joined["subject"] + "_ses-" + joined["session"]).tolist()
    for scan, row in zip(scans, joined.itertuples(index=False), strict=True):
        if pd.isna(row.latent_path):
            raise UserError(manifest_csv, "a latent of every scan", f"none of {scan}", cure)
        if row.encoded_split != row.split:
            found = f"{scan} in the split {row.encoded_split}"
            raise UserError(manifest_csv, f"the splits of the scans, {row.split}", found, cure)
        if row.encoded_image != row.image_sha256:
            raise UserError(manifest_csv, f"the latent of the image of {scan}", "that of another image", cure)
        if not Path(row.latent_path).is_file():
            raise UserError(row.latent_path, "the latent that the manifest names", "no such file", cure)
        if hash_file(row.latent_path) != row.latent_sha256:
            raise UserError(row.latent_path, f"the latent that {manifest_csv} describes", "other content", cure)
    return joined.drop(columns=["encoded_split", "encoded_image"])
