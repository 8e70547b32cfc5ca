"""All scans of one shard: worked through in separate processes, kept across retries, one manifest row per scan.

The manifest holds recorded numbers only. Whether they pass is decided where the shards are merged, so that other limits
preprocess nothing; only where a mask may hold a face is a scan refused here, for then no image of it may lie anywhere.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from ldae.config.preprocessing import PreprocessingConfig
from ldae.errors import UserError
from ldae.files import hash_content, hash_file, read_table, write_table
from ldae.lock import one_at_a_time
from ldae.pool import finish_items
from ldae.preprocessing.mask_limits import MaskLimits

logger = logging.getLogger(__name__)

MANIFEST_COLUMNS = (
    *("subject", "session", "source", "path", "status", "reason"),
    *("image_sha256", "transform", "brain_extraction", "qc_image_sha256"),
    *("brain_volume_ml", "dice", "outside", "missing", "mutual_information", "ncc", "upright", "white_grey_ratio"),
    *("border", "volume_scale", "start_pitch_deg", "start_roll_deg", "start_yaw_deg", "starts_tried", "extractions"),
    "notes",
)
DONE, ERROR = "done", "error"


@dataclass(frozen=True)
class ScanJob:
    """One converted scan to preprocess; `code` is the hash of what makes its image, `engine` what finds its brain."""

    subject: str
    session: str
    source: str
    output_dir: str
    config: PreprocessingConfig
    limits: MaskLimits
    code: str
    engine: dict[str, str]

    def __str__(self) -> str:
        return f"{self.subject} {self.session}"


def preprocess_shard(
    images: str | Path,
    manifest: str | Path,
    output_dir: str | Path,
    config: PreprocessingConfig,
    limits: MaskLimits,
    *,
    code: str,
    workers: int,
) -> None:
    """Preprocess every converted scan of a shard and write one row per scan, columns `MANIFEST_COLUMNS`.

    A scan whose source, parameters, engine and code are unchanged is kept; any other is made again, so that a folder
    never mixes transforms or engines. A scan that cannot be processed is a row with status ``error`` and the reason,
    and stops no other; all others have status ``done``.

    Parameters
    ----------
    images : path
        The shard's images, columns subject, session, status, path.
    manifest : path
        CSV to write.
    output_dir : path
        Root of the derivative.
    config : PreprocessingConfig
        The section `preprocessing`.
    limits : MaskLimits
        What a mask must keep to; a kept scan that does not any more is removed.
    code : str
        Hash of the modules that make an image.
    workers : int
        Processes, one thread each.

    Raises
    ------
    UserError
        The brain extraction's engine, or something it needs, is absent, or another process works on this shard.
    UserErrors
        A passing trouble (see `ldae.pool`) kept scans from being done; no manifest is written, what is done is kept.
    """
    from ldae.preprocessing.brain_mask import engine_record  # seconds of imports

    engine = engine_record(config)
    table = read_table(images, ("subject", "session", "status", "path"), dtype=str, keep_default_na=False)
    converted = table[table["status"] == "converted"]
    jobs = [
        ScanJob(row.subject, row.session, row.path, str(output_dir), config, limits, code, engine)
        for row in converted.itertuples(index=False)
    ]
    label = f"preprocess {Path(manifest).stem}"
    outcomes = finish_items(preprocess_item, jobs, workers=workers, timeout_s=config.timeout_s, label=label, name=str)
    with one_at_a_time(manifest):
        rows = [_row(outcome.item, outcome.result, outcome.error) for outcome in outcomes]
    table = pd.DataFrame(rows, columns=list(MANIFEST_COLUMNS)).sort_values(["subject", "session"], ignore_index=True)
    write_table(manifest, table)
    counts = table["status"].value_counts()
    logger.info("%s: %s", manifest, ", ".join(f"{n} {status}" for status, n in counts.items()) or "empty")


def preprocess_item(job: ScanJob) -> dict:
    """Preprocess one scan in a worker, or return the sidecar of an earlier run of the very same input."""
    from ldae.preprocessing.scan import ScanFiles, preprocess_scan, versions  # seconds of imports

    files = ScanFiles.of(job.output_dir, job.subject, job.session)
    parameters = job.config.model_dump(exclude={"timeout_s"})
    key = hash_content([hash_file(job.source), job.source, parameters, job.code, versions(), job.engine])
    sidecar = files.kept(key)
    if sidecar is None:
        sidecar = preprocess_scan(job.source, files, job.config, job.limits, key)
    try:
        job.limits.check(job.source, sidecar["QC"])
    except UserError:
        files.remove()
        raise
    return {
        "path": files.image.as_posix(),
        "image_sha256": sidecar["ImageSHA256"],
        "transform": sidecar["Transform"],
        "brain_extraction": sidecar["BrainExtraction"]["name"],
        "qc_image_sha256": sidecar["QCImageSHA256"],
        **sidecar["QC"],
        "notes": "; ".join(sidecar["Notes"]),
    }


def _row(job: ScanJob, result: dict, error: str) -> dict:
    row = {"subject": job.subject, "session": job.session, "source": job.source}
    if error:
        return row | {"status": ERROR, "reason": " ".join(error.split())}
    return row | result | {"status": DONE, "reason": ""}
