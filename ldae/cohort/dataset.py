"""`dataset.csv`: every scan of the download ends there, or in the table of exclusions with stage, reason and cure."""

from __future__ import annotations

import logging
import shutil
from pathlib import Path

import pandas as pd

from ldae.cohort.adni.merge import describe
from ldae.cohort.columns import QUARANTINE_COLUMNS, REPORT_COLUMNS
from ldae.cohort.overrides import apply_overrides, read_overrides
from ldae.config.cohort import SplitConfig
from ldae.data.leaks import refuse_torn_subjects
from ldae.data.split import SPLITS, split_subjects
from ldae.errors import UserError
from ldae.files import read_table, write_json, write_table

logger = logging.getLogger(__name__)

DATASET_COLUMNS = [
    *("subject", "session", "path", "latent_path", "diagnosis", "age", "sex", "split", "months"),
    *("field_strength_t", "site", "qc", "image_sha256"),
]
EXCLUSION_COLUMNS = ["subject", "session", "image_id", "stage", "reason", "cure"]
MANIFEST_COLUMNS = ("subject", "session", "source", "path", "status", "reason", "image_sha256")
QC_COLUMNS = ["subject", "session", "verdict", "status", "reason", "override", "override_reason", "rater"]
TEXT = dict.fromkeys(("subject", "session", "image_id", "site"), str)  # labels such as 01 are no numbers
USABLE = ("pass", "warn")
STAGES = {"fail": "quality control", "error": "preprocessing"}
LONI_TIME = r"(?<=_)(?:19|20)\d{6,}(?=_)"  # date and time of the scan in the names of LONI's files
CURES = {
    "fail": "look at the scan's montage (results/qc.html); a person's verdict in qc_overrides readmits it",
    "error": "see the reason; run again after mending the cause",
}


def build_dataset(
    conversion: str | Path,
    quarantine: str | Path,
    manifests: list[str],
    config: SplitConfig,
    *,
    seed: int,
    overrides: str | Path | None,
    dataset: str | Path,
    qc: str | Path,
    effects: str | Path,
    exclusions: str | Path,
    description: str | Path,
    latents_dir: str | Path,
) -> None:
    """Join conversion, preprocessing and a person's verdicts, split by subject, and account for every scan.

    Parameters
    ----------
    conversion, quarantine, manifests
        What the stages before wrote: one row an image.
    config, seed
        The split.
    overrides
        TSV of a person's verdicts (see `overrides`); None: the numbers alone decide.
    dataset, qc, effects, exclusions, description
        The tables to write, `effects` with a row an override, and the derivative's `dataset_description.json`.
    latents_dir
        Where the scans' latents will lie.

    Raises
    ------
    UserError
        No scan passed, a converted scan is missing from the preprocessing manifests, or the overrides are unusable.
    """
    images = read_table(conversion, tuple(REPORT_COLUMNS), dtype=TEXT)
    parts = [read_table(path, MANIFEST_COLUMNS, dtype=TEXT) for path in manifests]
    scans = pd.concat([part for part in parts if len(part)] or parts[:1], ignore_index=True)
    scans = scans.sort_values(["subject", "session"], ignore_index=True)
    converted = images[images["status"] == "converted"]
    _expect_same_scans(converted, scans)
    scans, effect_table = apply_overrides(scans, read_overrides(overrides))
    facts = converted.astype({"months": "Int64"}).drop(columns=["path", "status", "reason", "cure"])
    joined = scans.merge(facts, on=["subject", "session"], validate="one_to_one")
    table = build_table(joined[joined["verdict"].isin(USABLE)], config, seed, latents_dir)
    set_aside = read_table(quarantine, tuple(QUARANTINE_COLUMNS), dtype=str)
    excluded = list_exclusions(images, joined, set_aside, overrides)
    counts = table.drop_duplicates("subject")["split"].value_counts().reindex(SPLITS, fill_value=0)
    logger.info("%d scans, %d set aside; subjects: %s", len(table), len(excluded), counts.to_dict())
    write_table(dataset, table)
    write_table(qc, scans[QC_COLUMNS + [name for name in scans.columns if name not in QC_COLUMNS]])
    write_table(effects, effect_table)
    write_table(exclusions, excluded)
    write_json(description, describe("derivative", "T1-weighted images on the model grid", "antspyx", "deepbet"))
    remove_stale(Path(description).parent, scans)


def remove_stale(derivative: Path, scans: pd.DataFrame) -> None:
    """Remove what the derivative's folder holds of sessions that are no longer among `scans`, and say so."""
    kept = {f"sub-{row.subject}_ses-{row.session}" for row in scans.itertuples(index=False)}
    for folder in sorted(derivative.glob("sub-*/ses-*")):
        name = f"{folder.parent.name}_{folder.name}"
        if name not in kept:
            logger.warning("%s is no longer in the dataset and is removed", folder)
            shutil.rmtree(folder)
            for picture in folder.parent.glob(f"figures/{name}_*"):
                picture.unlink()
    for subject in derivative.glob("sub-*"):
        if not any(path.is_file() for path in subject.rglob("*")):
            shutil.rmtree(subject)


def build_table(scans: pd.DataFrame, config: SplitConfig, seed: int, latents_dir: str | Path) -> pd.DataFrame:
    """The rows of `dataset.csv` for the scans that passed quality control, columns `DATASET_COLUMNS`.

    ``qc`` is the final verdict, ``pass`` or ``warn``, or ``readmitted`` where a person overruled failing numbers.

    Raises
    ------
    UserError
        There is no scan.
    """
    if scans.empty:
        cure = "see results/tables/exclusions.csv and results/qc.csv for the reasons"
        raise UserError("the dataset", "at least one scan that passed quality control", "none", cure)
    baseline = scans.sort_values(["subject", "months"]).drop_duplicates("subject")
    diagnosis = baseline["diagnosis_bl"].fillna(baseline["diagnosis"])
    split = split_subjects(pd.DataFrame({"subject": baseline["subject"], "diagnosis": diagnosis}), config, seed)
    names = "sub-" + scans["subject"] + "_ses-" + scans["session"] + ".npz"
    table = scans.assign(
        split=scans["subject"].map(split),
        qc=scans["verdict"].mask(scans["status"].eq("fail"), "readmitted"),
        latent_path=f"{Path(latents_dir).as_posix()}/" + names,
    )
    refuse_torn_subjects(table)
    return table[DATASET_COLUMNS].sort_values(["subject", "session"], ignore_index=True)


def list_exclusions(
    images: pd.DataFrame, scans: pd.DataFrame, quarantine: pd.DataFrame, overrides: str | Path | None
) -> pd.DataFrame:
    """One row for each image that is not in the dataset, columns `EXCLUSION_COLUMNS`; no reason tells a date."""
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
    table["reason"] = table["reason"].str.replace(LONI_TIME, "…", regex=True)
    return table.sort_values(["subject", "session", "image_id"], ignore_index=True)


def _expect_same_scans(converted: pd.DataFrame, scans: pd.DataFrame) -> None:
    """Every converted scan must be in the manifests, and no other."""
    expected = set(zip(converted["subject"], converted["session"], strict=True))
    found = set(zip(scans["subject"], scans["session"], strict=True))
    if expected != found:
        first = sorted(expected ^ found)[0]
        raise UserError(
            "the preprocessing manifests",
            f"the {len(expected)} converted scans",
            f"{len(found)}, differing e.g. in sub-{first[0]} ses-{first[1]}",
            "run the preprocess rule again (snakemake --forcerun preprocess)",
        )
