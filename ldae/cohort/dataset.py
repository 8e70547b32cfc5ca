"""`dataset.csv`: every scan of the download ends there, or in the table of exclusions with stage, reason and cure."""

from __future__ import annotations

import logging
from pathlib import Path

import pandas as pd

from ldae.cohort.columns import CONVERSION_COLUMNS, QUARANTINE_COLUMNS
from ldae.cohort.outlook import say_gaps
from ldae.cohort.scans import TEXT, USABLE, read_qc
from ldae.data.scans import latent_path, read_scans
from ldae.errors import UserError
from ldae.files import read_table, write_table

logger = logging.getLogger(__name__)

DATASET_COLUMNS = [
    *("subject", "session", "path", "latent_path", "diagnosis", "age", "sex", "split", "months"),
    *("field_strength_t", "site", "phase", "qc", "image_sha256"),
]
EXCLUSION_COLUMNS = ["subject", "session", "image_id", "stage", "reason", "cure"]
STAGES = {"fail": "quality control", "error": "preprocessing"}
CURES = {
    "fail": "look at the scan's montage (results/qc.html); a person's verdict in qc_overrides readmits it",
    "error": "see the reason; run again after mending the cause",
}


def build_dataset(
    scans: str | Path,
    conversion: str | Path,
    qc: str | Path,
    quarantine: str | Path,
    *,
    overrides: str | None,
    latents_dir: str | Path,
    dataset: str | Path,
    exclusions: str | Path,
) -> None:
    """Join what is known of the people to the scans that are used, and account for every other image.

    What the tables will lack, for there are few subjects or no labels, is logged.

    Parameters
    ----------
    scans, conversion, qc, quarantine
        What the stages before wrote: the scans that are used, one row per image, one per preprocessed scan, and what
        the check set aside.
    overrides
        Name of the list of a person's verdicts, for the cures; None: there is none.
    latents_dir
        Where the scans' latents will lie.
    dataset, exclusions
        The tables to write, columns `DATASET_COLUMNS` and `EXCLUSION_COLUMNS`.

    Raises
    ------
    UserError
        Conversion and quality control do not tell of the same scans.
    """
    images, judged = read_table(conversion, tuple(CONVERSION_COLUMNS), dtype=TEXT), read_qc(qc)
    converted = images[images["status"] == "converted"]
    _expect_same_scans(converted, judged)
    facts = converted.astype({"months": "Int64"}).drop(columns=["path", "status", "reason", "cure"])
    joined = judged.merge(facts, on=["subject", "session"], validate="one_to_one")
    table = label_scans(read_scans(scans), joined, latents_dir)
    excluded = list_exclusions(images, joined, read_table(quarantine, tuple(QUARANTINE_COLUMNS), dtype=str), overrides)
    logger.info("%d scans, %d set aside", len(table), len(excluded))
    say_gaps(table)
    write_table(dataset, table)
    write_table(exclusions, excluded)


def label_scans(scans: pd.DataFrame, joined: pd.DataFrame, latents_dir: str | Path) -> pd.DataFrame:
    """The rows of `dataset.csv`, columns `DATASET_COLUMNS`.

    ``qc`` is the final verdict, ``pass`` or ``warn``, or ``readmitted`` where a person overruled failing numbers.
    """
    facts = joined.drop(columns=["path", "image_sha256"])
    table = scans.merge(facts, on=["subject", "session"], how="left", validate="one_to_one")
    keys = zip(table["subject"], table["session"], strict=True)
    table["latent_path"] = [latent_path(latents_dir, *key) for key in keys]
    table["qc"] = table["verdict"].mask(table["status"].eq("fail"), "readmitted")
    return table[DATASET_COLUMNS].sort_values(["subject", "session"], ignore_index=True)


def list_exclusions(
    images: pd.DataFrame, scans: pd.DataFrame, quarantine: pd.DataFrame, overrides: str | Path | None
) -> pd.DataFrame:
    """One row for each image that is not in the dataset, columns `EXCLUSION_COLUMNS`."""
    in_quarantine = quarantine[quarantine["image_id"].notna()].assign(stage="check")
    unconverted = images[images["status"] != "converted"].assign(stage="conversion")
    failed = scans[~scans["verdict"].isin(USABLE)]
    failed = failed.assign(stage=failed["verdict"].map(STAGES), cure=failed["verdict"].map(CURES))
    by_person = failed["override"].eq("fail") & failed["status"].ne("error")
    words = "judged fail by " + failed["rater"] + ": " + failed["override_reason"]
    failed["reason"] = failed["reason"].mask(by_person, words)
    failed["cure"] = failed["cure"].mask(by_person, f"correct or remove its row in {overrides}")
    in_vain = failed["override"].isin(USABLE)
    failed["cure"] = failed["cure"].mask(in_vain, failed["cure"] + f"; {overrides} cannot readmit a scan without image")
    parts = [part[EXCLUSION_COLUMNS] for part in (in_quarantine, unconverted, failed) if len(part)]
    if not parts:
        return pd.DataFrame(columns=EXCLUSION_COLUMNS)
    table = pd.concat(parts)
    return table.sort_values(["subject", "session", "image_id"], ignore_index=True)


def _expect_same_scans(converted: pd.DataFrame, scans: pd.DataFrame) -> None:
    """Every converted scan must be in the manifests, and no other."""
    expected = set(zip(converted["subject"], converted["session"], strict=True))
    found = set(zip(scans["subject"], scans["session"], strict=True))
    if expected != found:
        first = sorted(expected ^ found)[0]
        raise UserError(
            "results/qc.csv",
            f"the {len(expected)} converted scans",
            f"{len(found)}, differing e.g. in sub-{first[0]} ses-{first[1]}",
            "run the preprocess rule again (snakemake --forcerun preprocess)",
        )
