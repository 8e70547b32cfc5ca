"""All scans of one shard: worked through in separate processes, kept across retries, one row each in the manifest."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from ldae.config.preprocessing import PreprocessingConfig, QCConfig
from ldae.files import hash_content, hash_file, read_json, read_table, write_table
from ldae.pool import run_items
from ldae.preprocessing.verdict import judge

logger = logging.getLogger(__name__)

NUMBERS = (
    "brain_volume_ml",
    "dice",
    "outside",
    "missing",
    "mutual_information",
    "ncc",
    "upright",
    "white_grey_ratio",
    "border",
    "volume_scale",
)
RECORD = ("image_sha256", "transform", "brain_extraction")
COLUMNS = ("subject", "session", "source", "path", "status", "reason", *RECORD, *NUMBERS)


@dataclass(frozen=True)
class Job:
    """One converted scan to preprocess."""

    subject: str
    session: str
    source: str
    output_dir: str
    config: PreprocessingConfig
    code: str
    engine: dict


def preprocess_shard(
    conversion: str | Path,
    manifest: str | Path,
    output_dir: str | Path,
    config: PreprocessingConfig,
    qc: QCConfig,
    *,
    code: str,
    workers: int,
) -> None:
    """Preprocess every converted scan of a shard and write one manifest row a scan, columns `COLUMNS`.

    A scan whose source, parameters, engine and code are unchanged is kept; any other is made again, so that a folder
    never mixes transforms or engines. The verdict is made here from the recorded numbers,
    so other QC thresholds cost no preprocessing. A scan that cannot be processed is a row with status ``error`` and its
    reason, and stops nobody.

    Parameters
    ----------
    conversion : report of the BIDS conversion, columns subject, session, status, path
    manifest : CSV to write
    output_dir : root of the derivative
    config, qc : the sections `preprocessing` and `qc`
    code : hash of the modules that preprocess
    workers : processes, one thread each

    Raises
    ------
    UserError
        The brain extraction's engine, or something it needs, is absent.
    """
    from ldae.preprocessing.brain_mask import engine_record  # seconds of imports

    engine = engine_record(config)
    report = read_table(conversion, ("subject", "session", "status", "path"), dtype=str, keep_default_na=False)
    converted = report[report["status"] == "converted"]
    jobs = [
        Job(row.subject, row.session, row.path, str(output_dir), config, code, engine)
        for row in converted.itertuples(index=False)
    ]
    rows = []
    for outcome in run_items(
        preprocess_item, jobs, workers=workers, timeout_s=config.timeout_s, label=f"preprocess {Path(manifest).stem}"
    ):
        rows.append(_row(outcome.item, outcome.result, outcome.error, qc))
    table = pd.DataFrame(rows, columns=list(COLUMNS)).sort_values(["subject", "session"], ignore_index=True)
    write_table(manifest, table)
    logger.info("%s: %s", manifest, ", ".join(f"{n} {s}" for s, n in table["status"].value_counts().items()) or "empty")


def preprocess_item(job: Job) -> dict:
    """Preprocess one scan in a worker, or return the sidecar of an earlier run of the very same input."""
    from ldae.preprocessing.scan import ScanFiles, preprocess_scan, versions  # seconds of imports

    files = ScanFiles.of(job.output_dir, job.subject, job.session)
    parameters = job.config.model_dump(exclude={"timeout_s"})
    key = hash_content([hash_file(job.source), job.source, parameters, job.code, versions(), job.engine])
    kept = _kept(files.sidecar, files.image, files.mask, key)
    sidecar = kept if kept is not None else preprocess_scan(job.source, files, job.config, key)
    return {
        "path": files.image.as_posix(),
        "image_sha256": sidecar["ImageSHA256"],
        "transform": sidecar["Transform"],
        "brain_extraction": sidecar["BrainExtraction"]["name"],
        **sidecar["QC"],
    }


def _kept(sidecar: Path, image: Path, mask: Path, key: str) -> dict | None:
    """The sidecar, if it has this key and describes the very files that lie there."""
    if not (sidecar.is_file() and image.is_file() and mask.is_file()):
        return None
    record = read_json(sidecar)
    whole = record["ImageSHA256"] == hash_file(image) and record["MaskSHA256"] == hash_file(mask)
    return record if whole and record["Key"] == key else None


def _row(job: Job, result: dict | None, error: str, qc: QCConfig) -> dict:
    row = {"subject": job.subject, "session": job.session, "source": job.source}
    if error:
        return row | {"status": "error", "reason": " ".join(error.split())}
    status, reason = judge(result, qc)
    return row | result | {"status": status, "reason": reason}
