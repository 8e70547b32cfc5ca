"""The T1w images of any BIDS dataset, as shards like those that the conversion of ADNI gives.

The images are used in place. A T1w image ends as a row: converted, unselected (another of its session is used) or
broken, with reason and cure. What the dataset's tables say of the people is read by `labels`.
"""

from __future__ import annotations

import logging
from collections import defaultdict
from dataclasses import replace
from pathlib import Path

import pandas as pd

from ldae.cohort.bids.choice import explain, order
from ldae.cohort.bids.images import Image, list_images
from ldae.cohort.bids.layout import check_dataset
from ldae.cohort.bids.notes import write_faults
from ldae.cohort.columns import IMAGE_COLUMNS
from ldae.cohort.pilot import EVERYBODY, EXCLUDE_CURE, Pilot
from ldae.cohort.shards import shard_of
from ldae.data.assignments import bare_label
from ldae.errors import UserError
from ldae.files import write_table

logger = logging.getLogger(__name__)

# What a dataset's tables may say, if only of the scanner, stays out of the shards.
SHARD_COLUMNS = [name for name in IMAGE_COLUMNS if name not in ("viscode", "field_strength_t")]
ONE_PER_SESSION = "none: one T1w image per session is used; cohort.prefer chooses by names"
_LEFT_OUT = {
    "status": "unselected",
    "reason": "not of the pilot (cohort.subjects, cohort.sessions)",
    "cure": "none, or null for both settings to use everything",
    "path": "",
    "choice": "",
}


def write_index(
    bids_dir: str | Path,
    source: str,
    prefer: list[str],
    pilot: Pilot = EVERYBODY,
    *,
    shard_tables: list[str],
    findings: str | Path,
) -> None:
    """List the T1w images of a BIDS dataset in shards of subjects.

    Parameters
    ----------
    bids_dir
        Root of the dataset; nothing in it is changed.
    source
        ``bids``, or the converter that made the dataset.
    prefer
        Patterns of names, the first preferred, where a session has several images.
    pilot
        Which subjects and sessions are used.
    shard_tables
        The tables to write, columns `SHARD_COLUMNS`.
    findings
        Table of what is wrong, written where the dataset cannot be used.

    Raises
    ------
    UserError
        The dataset cannot be used.
    """
    with write_faults(findings):
        rows = index_images(bids_dir, source, prefer, pilot)
    used = rows[rows["status"] == "converted"]
    logger.info("%d of %d T1w images are used, of %d subjects", len(used), len(rows), used["subject"].nunique())
    if others := int(rows["status"].eq("unselected").sum()):
        logger.info("%d not used: another of the session, or no pilot's; see results/cohort/conversion.csv", others)
    for reason, count in rows.loc[rows["status"] == "broken", "reason"].value_counts().items():
        logger.warning("%d not used: %s", count, reason)
    shards = rows["subject"].map(lambda subject: shard_of(subject, len(shard_tables)))
    for shard, path in enumerate(shard_tables):
        write_table(path, rows[shards == shard])


def index_images(bids_dir: str | Path, source: str, prefer: list[str], pilot: Pilot = EVERYBODY) -> pd.DataFrame:
    """A row per T1w image, columns `SHARD_COLUMNS`.

    Raises
    ------
    UserError
        No usable dataset, no T1w image that can be used, or the pilot asks for what is not there.
    """
    check_dataset(bids_dir)
    images = leave_out(refuse_twins(list_images(bids_dir)), pilot)
    subjects = pilot.choose_subjects({subject: subject for subject, _ in images})
    sessions = pilot.choose_sessions(session for subject, session in images if subject in subjects)
    rows = [
        row | {"source": source} | (_LEFT_OUT if subject not in subjects or session not in sessions else {})
        for (subject, session), of_session in images.items()
        for row in _list_session(order(of_session, prefer), prefer)
    ]
    table = pd.DataFrame(rows, columns=SHARD_COLUMNS)
    if not table["status"].eq("converted").any():
        reasons = "; ".join(f"{count} x {reason}" for reason, count in table["reason"].value_counts().head(3).items())
        raise UserError(bids_dir, "at least one T1w image that can be used", reasons, "see the reasons")
    return table.sort_values(["subject", "session", "image_id"], ignore_index=True)


def refuse_twins(images: dict[tuple[str, str], list[Image]]) -> dict[tuple[str, str], list[Image]]:
    """The images by (subject, session), with a fault where another label is the subject's in another spelling.

    They may be one person, who must not end on two sides of the split.
    """
    spellings: dict[str, set[str]] = defaultdict(set)
    for subject, _ in images:
        spellings[bare_label(subject)].add(subject)
    cure = "rename one of them; if they are one person, put the sessions together"
    refused = {}
    for (subject, session), of_session in images.items():
        if others := sorted(spellings[bare_label(subject)] - {subject}):
            fault = f"another subject is called sub-{others[0]}, which differs in capitals or signs alone"
            of_session = [replace(image, fault=image.fault or fault, cure=image.cure or cure) for image in of_session]
        refused[subject, session] = of_session
    return refused


def leave_out(images: dict[tuple[str, str], list[Image]], pilot: Pilot) -> dict[tuple[str, str], list[Image]]:
    """The images by (subject, session), with a fault where the pilot leaves them out."""
    left, known = {}, set()
    for (subject, session), of_session in images.items():
        scan = (subject, f"sub-{subject}", f"sub-{subject}_ses-{session}")
        known |= {*scan, *(image.name for image in of_session), *(image.path.name for image in of_session)}
        left[subject, session] = [
            replace(image, fault=why, cure=EXCLUDE_CURE)
            if (why := pilot.why_excluded(image.name, image.path.name, *scan))
            else image
            for image in of_session
        ]
    pilot.warn_of_unknown(known)
    return left


def _list_session(images: list[Image], prefer: list[str]) -> list[dict]:
    """Rows of one session: the image that is used, and the others with the reason why not."""
    choice, reasons = explain(images, prefer) if not images[0].fault else ("", {})
    rows = []
    for image in images:
        row = dict.fromkeys(SHARD_COLUMNS, "") | {"subject": image.subject, "session": image.session}
        row |= {"image_id": image.name, "visit": image.session}
        if image.fault:
            left_out = image.cure == EXCLUDE_CURE
            row |= {"status": "unselected" if left_out else "broken", "reason": image.fault, "cure": image.cure}
        elif image in reasons:
            row |= {"status": "unselected", "reason": reasons[image], "cure": ONE_PER_SESSION}
        else:
            row |= {"status": "converted", "path": image.path.as_posix(), "orientation": image.orientation}
            row |= {"choice": choice}
        rows.append(row)
    return rows
