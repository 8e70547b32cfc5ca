"""Conversions of tiny downloads, as the workflow runs them."""

import hashlib
from pathlib import Path

import pytest

from ldae.cohort.adni.conversion import convert_shard
from ldae.cohort.adni.merge import merge_shards, write_strata
from ldae.cohort.adni.preflight import write_check, write_inventory
from ldae.cohort.dataset import build_dataset
from ldae.cohort.scans import QC_COLUMNS, write_scans
from ldae.cohort.strata import split_cohort
from ldae.config.cohort import SplitConfig
from ldae.files import read_table
from tests.adni_download import write_unchecked_inventory
from tests.in_process import finish_items


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
    merge_shards([out / "images.csv"], download.clinical_dir, **tables, **described, max_lost_fraction=0.2)
    return read_strings(out / "conversion.csv").set_index("image_id")


def run_to_dataset(download, out, verdicts):
    """From the check to dataset.csv, as the rules run it; each table by its name, all strings.

    `verdicts`: what quality control says of each converted image, by its ID; images that are not named pass.
    """
    with pytest.MonkeyPatch.context() as patch:
        for module in ("headers", "conversion"):
            patch.setattr(f"ldae.cohort.adni.{module}.finish_items", finish_items)
        folders = (download.dicom_dir, download.clinical_dir)
        places = {name: out / f"{name}.csv" for name in ("findings", "state")}
        shards = [out / "0.csv", out / "1.csv"]
        write_inventory(*folders, inventory=out / "inventory.csv", shard_tables=shards, workers=1, **places)
        write_check(*folders, quarantine=out / "quarantine.csv", workers=1, **places)
        manifests = [out / f"converted{shard}.csv" for shard in range(2)]
        for tables in zip(shards, manifests, strict=True):
            options = {"timeout_s": 120, "code": "1", "workers": 1}
            convert_shard(*tables, *folders, out / "bids", out / "subjects", **options)
    written = {name: out / f"{name}.csv" for name in ("conversion", "visits", "participants", "description")}
    merge_shards(manifests, download.clinical_dir, **written, max_lost_fraction=0.2)
    _judge(read_strings(out / "conversion.csv"), verdicts).to_csv(out / "qc.csv", index=False)
    config = SplitConfig(validation_fraction=0.2, test_fraction=0.2, file=None)
    write_strata(manifests, download.clinical_dir, out / "strata.csv")
    split_cohort(out / "strata.csv", out / "qc.csv", config, out / "split.csv", seed=3)
    write_scans(out / "qc.csv", out / "split.csv", out / "scans.csv")
    made = [out / f"{name}.csv" for name in ("scans", "conversion", "qc", "quarantine")]
    final = {name: out / f"{name}.csv" for name in ("dataset", "exclusions")}
    build_dataset(*made, overrides=None, latents_dir="latents", **final)
    return {name: read_strings(out / f"{name}.csv") for name in ("findings", "conversion", "visits", *final)}


def _judge(conversion, verdicts):
    """The rows of qc.csv."""
    converted = conversion[conversion["status"] == "converted"]
    status = converted["image_id"].map(verdicts).fillna("pass")
    reasons = status.map({"fail": "dice 0.5", "error": "no brain found"}).fillna("")
    empty = dict.fromkeys(("override", "override_reason", "rater"), "")
    rows = converted.assign(status=status, verdict=status, reason=reasons, image_sha256="0", **empty)
    return rows[[*QC_COLUMNS, "path", "image_sha256"]]


def read_strings(path):
    return read_table(path, dtype=str, keep_default_na=False)


def fingerprint(folder):
    """Names, contents and times of everything below a folder."""
    return {
        str(path): (path.stat().st_mtime_ns, hashlib.sha256(path.read_bytes()).hexdigest() if path.is_file() else "")
        for path in sorted(Path(folder).rglob("*"))
    }
