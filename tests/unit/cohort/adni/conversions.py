"""Conversions of tiny downloads, as the workflow runs them."""

import hashlib
from pathlib import Path

from ldae.cohort.adni.conversion import convert_shard
from ldae.cohort.adni.merge import merge_shards
from ldae.files import read_table
from tests.adni_download import (
    write_unchecked_inventory,
)


def convert(download, out, code="1"):
    """Run inventory and conversion of the whole download in the folder `out`; return the images."""
    write_unchecked_inventory(download, out / "0.csv")
    folders = (download.dicom_dir, download.clinical_dir, out / "bids", out / "state")
    convert_shard(out / "0.csv", out / "images.csv", *folders, timeout_s=120, code=code, workers=1)
    return read_strings(out / "images.csv").set_index("image_id")


def label(download, out):
    """Look the visits of the converted images up; return the table of the conversion."""
    tables = {name: out / f"{name}.csv" for name in ("conversion", "visits")}
    bids = out / "bids"
    described = {"participants": bids / "participants.tsv", "description": bids / "dataset_description.json"}
    merge_shards([out / "images.csv"], download.clinical_dir, **tables, **described)
    return read_strings(out / "conversion.csv").set_index("image_id")


def read_strings(path):
    return read_table(path, dtype=str, keep_default_na=False)


def fingerprint(folder):
    """Names, contents and times of everything below a folder."""
    return {
        str(path): (path.stat().st_mtime_ns, hashlib.sha256(path.read_bytes()).hexdigest() if path.is_file() else "")
        for path in sorted(Path(folder).rglob("*"))
    }
