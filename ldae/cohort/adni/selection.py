"""Which series of a visit is converted, and why: Clinica's own choice among the sound images, retold from its source.

Clinica converts one series per visit of ADNIMERGE. It matches MPRAGEMETA's visit names with the visits, by name where
the name is the usual one, else by the nearest date, and then narrows the series of that visit step by step:

1. ADNI1, ADNIGO and ADNI2: series that ADNI's MRIQUALITY did not pass are dropped.
2. There, a processed series ("…Scaled", else "…N3m") is preferred to the originals. ADNI3 has originals only.
3. Originals are taken by name: in ADNI1, ADNIGO and ADNI2 MP-RAGE without a "2" in its name (SENSE2 and GRAPPA2 are
   accelerated) and SPGR without "acc"; in ADNI3 "accel" without a trailing "_ND".
4. Of two field strengths, 1.5 T is taken in ADNI1, 3 T from ADNIGO on.
5. Of 3 T originals the one that the Mayo Clinic's quality control selected, else the best rated.
6. A series not named "repeat" is preferred to its repeat; the first of what is then left is taken.

What Clinica is shown is prepared so that nothing is lost that could be converted:

- Only images whose files are on disk and sound, so a missing or broken preferred series gives way to the next one.
- Visits are those of `timeline`, which has one near every scan. A scan whose visit's name belongs to a visit more than
  `MAX_DAYS_FROM_VISIT` days away is shown under the name of the visit that is nearest in time.
- A scan of a phase that Clinica does not know, by the date, is left out, with its reason.
- Series that the Mayo Clinic rejected are left out (Clinica crashes where a visit has no other).
- LONI has processed series that Clinica takes by no name: "…Scaled_2", "…N3", "…B1 Correction", "…GradWarp". Where a
  visit has nothing else, the best of them, in this order, is shown as "… as Scaled". So processed-only downloads
  convert.

Two scans nearest one visit: Clinica takes the one dated first. A visit without a scan, with or without a diagnosis, is
a row without image in `visits.csv`.
"""

from __future__ import annotations

import re
from collections.abc import Generator, Iterator
from importlib.metadata import version
from typing import NamedTuple

import pandas as pd

from ldae.cohort.adni.adapters import looked_up_name
from ldae.cohort.adni.names import CHOICE_COLUMNS, MAYO, MERGE, QUALITY, session_of
from ldae.cohort.adni.row_rules import converter_phases
from ldae.cohort.adni.timeline import MAX_DAYS_FROM_VISIT

REJECTED_QUALITY = 4  # Mayo's series_quality of a scan not to be used; 1 is best, -1 not rated
UNRATED = -1
IGNORED_VISIT = "ADNI Baseline"
PREFERRED = ("Scaled", "N3m")
ALIASED = (r"Scaled_\d+", r"N3", r"B1.Correction", r"GradWarp")
ALIAS = " as Scaled"
TOLD_ALIAS = f"shown to Clinica as '…{ALIAS}', for it takes no processed series of its own name"
ONE_PER_VISIT = "none: one series per visit is converted"


class Step(NamedTuple):
    """One step of Clinica's choice: the series it keeps and why, and what is wrong with the others, if anything is."""

    kept: list[dict]
    why: str
    fault: str = ""
    cure: str = ONE_PER_VISIT


def selection_tables(tables: dict[str, pd.DataFrame]) -> dict[str, pd.DataFrame]:
    """Everything of one subject's clinical tables on which the choice of images depends, and nothing else.

    MRIQUALITY's PASS becomes 1 or 0; a row without a mark says nothing. Of the Mayo Clinic's table the T1 rows stay; a
    rating that is no positive number becomes -1 (not rated) and a selected series counts as not rejected, for Clinica
    crashes on both.
    """
    quality = tables[QUALITY].drop_duplicates("LONIUID")
    marks = pd.to_numeric(quality["PASS"], errors="coerce")
    quality, passed = quality[marks.ge(0)], marks[marks.ge(0)].eq(1).astype(int)
    mayo = tables[MAYO][tables[MAYO]["series_type"] == "T1"]
    selected = pd.to_numeric(mayo["series_selected"], errors="coerce").eq(1).astype(int)
    rating = pd.to_numeric(mayo["series_quality"], errors="coerce")
    rating = rating.where(rating > 0, UNRATED)
    rating = rating.mask(selected.eq(1) & rating.ge(REJECTED_QUALITY), REJECTED_QUALITY - 1)
    return {
        MERGE: tables[MERGE][CHOICE_COLUMNS[MERGE]],
        QUALITY: quality[["RID", "LONIUID"]].assign(PASS=passed),
        MAYO: mayo[["RID", "loni_image", "series_type"]].assign(series_selected=selected, series_quality=rating),
    }


def show(images: list[dict], facts: dict[str, pd.DataFrame]) -> tuple[list[dict], dict[str, tuple[str, str]]]:
    """What Clinica is to see of one subject's sound images.

    Parameters
    ----------
    images : rows of the inventory
    facts : `selection_tables` of the subject

    Returns
    -------
    shown : rows with the sequence and field strength, in tesla, under which Clinica sees them, in the order of scanning
    hidden : reason and cure of each image left out, by image ID
    """
    mayo = facts[MAYO]
    rejected = set(mayo.loc[mayo["series_quality"] >= REJECTED_QUALITY, "loni_image"].str.removeprefix("I"))
    shown, hidden = [], {}
    named = {looked_up_name(row.VISCODE, row.ORIGPROT): place for place, row in facts[MERGE].iterrows()}
    for image in images:
        days = _days_from_visits(image, facts[MERGE])
        phase = phase_of(image, facts)
        if image["image_id"] in rejected:
            reason = "rejected by ADNI's MRI quality control (MAYOADIRL_MRI_IMAGEQC)"
            hidden[image["image_id"]] = (reason, "none: use another series of the visit")
        elif phase not in converter_phases():
            reason = f"by its date a scan of {phase}, which Clinica {version('clinica')} cannot convert"
            hidden[image["image_id"]] = (reason, f"none until a Clinica that converts {phase} is installed")
        else:
            visit = image["visit"]
            if visit in named and days[named[visit]] > MAX_DAYS_FROM_VISIT:
                visit = next(name for name, place in named.items() if place == days.idxmin())
            shown.append(image | {"visit": visit, "field_strength_t": float(image["field_strength_t"])})
    names = _aliases(shown, facts)
    shown = [image | {"sequence": names.get(image["image_id"], image["sequence"])} for image in shown]
    return sorted(shown, key=lambda image: (image["scan_date"], _number(image["series_id"]), image["image_id"])), hidden


def explain(
    shown: list[dict], viscodes: dict[str, str], facts: dict[str, pd.DataFrame]
) -> tuple[dict[str, str], dict[str, tuple[str, str]]]:
    """Why Clinica took what it took.

    Parameters
    ----------
    shown : what `show` returned
    viscodes : the visit of ADNIMERGE for each image that Clinica selected
    facts : `selection_tables` of the subject

    Returns
    -------
    choices : why, by image ID, for the selected
    reasons : reason and cure, by image ID, for the others
    """
    choices: dict[str, str] = {}
    reasons: dict[str, tuple[str, str]] = {}
    for visit in sorted({image["visit"] for image in shown}):
        candidates = [image for image in shown if image["visit"] == visit]
        winner = next((image for image in candidates if image["image_id"] in viscodes), None)
        phase = _phase_at(viscodes[winner["image_id"]], facts) if winner else phase_of(candidates[0], facts)
        taken = f"Clinica took image {winner['image_id']} of the same visit" if winner else ""
        remaining, whys = candidates, []
        unmatched = ("", "") if winner else _unmatched(candidates[0], shown, viscodes)
        for step in narrow(candidates, phase, facts):
            lost = [image["image_id"] for image in remaining if image not in step.kept]
            beaten = (f"{taken}: {step.why}", ONE_PER_VISIT) if winner else unmatched
            reasons |= dict.fromkeys(lost, (step.fault, step.cure) if step.fault else beaten)
            whys += [step.why] if lost else []
            remaining = step.kept
        reasons |= {image["image_id"]: unmatched for image in remaining}
        if winner:
            whys += [TOLD_ALIAS] if winner["sequence"].endswith(ALIAS) else []
            told = "; ".join(whys) or "the only usable series of the visit"
            choices[winner["image_id"]] = told if winner in remaining else "Clinica's own choice, for no known reason"
    return choices, {name: reason for name, reason in reasons.items() if name not in viscodes}


def narrow(images: list[dict], phase: str, facts: dict[str, pd.DataFrame]) -> Iterator[Step]:
    """Clinica's steps through the series of one visit, as `Step`s; after the last at most one series remains."""
    if phase != "ADNI3":
        images = [image for image in images if _passed(image, facts)]
        yield Step(
            images, "the others did not pass MRIQUALITY", f"not passed by {QUALITY}, ADNI's quality control", "none"
        )
        processed, ending = _processed(images, PREFERRED)
        if processed:
            originals = [image["image_id"] for image in images if image["source"] == "original"]
            named = f" to the original {', '.join(originals)}" if originals else ""
            yield Step(processed, f"processed series '…{ending}' preferred{named}")
            processed = yield from _prefer_field(processed, phase)
            processed = sorted(processed, key=lambda image: _number(image["series_id"]))
            yield Step(processed[:1], f"the first of {len(processed)} processed series by series ID")
            return
    images = [image for image in images if _is_taken(image, phase)]
    kind = "accelerated" if phase == "ADNI3" else "unaccelerated MP-RAGE or SPGR"
    only = f"Clinica takes only {kind} series in {phase}"
    yield Step(images, only, only, f"download the {kind} series of the visit")
    images = yield from _prefer_field(images, phase)
    if images and images[0]["field_strength_t"] == 3.0:
        images = yield from _prefer_rated(images, facts[MAYO])
    images = [image for image in images if "repeat" not in image["sequence"].lower()] or images
    yield Step(images, "a first scan preferred to its repeat")
    yield Step(images[:1], f"the first of {len(images)} equal series")


def phase_of(image: dict, facts: dict[str, pd.DataFrame]) -> str:
    """The phase of ADNI (COLPROT) at the visit nearest to a scan."""
    return facts[MERGE]["COLPROT"][_days_from_visits(image, facts[MERGE]).idxmin()]


def _prefer_field(images: list[dict], phase: str) -> Generator[Step, None, list[dict]]:
    if len({image["field_strength_t"] for image in images}) > 1:
        tesla = 1.5 if phase == "ADNI1" else 3.0
        images = [image for image in images if image["field_strength_t"] == tesla]
        yield Step(images, f"{tesla:g} T preferred in {phase}")
    return images


def _prefer_rated(images: list[dict], mayo: pd.DataFrame) -> Generator[Step, None, list[dict]]:
    """The Mayo Clinic's selection; images that it did not see lose to those that it did."""
    rated = mayo[mayo["loni_image"].isin({f"I{image['image_id']}" for image in images})]
    if rated.empty:
        return images
    if rated["series_selected"].sum() == 1:
        best, why = rated[rated["series_selected"] == 1], "selected by the Mayo Clinic's quality control"
    else:
        positive = rated.loc[rated["series_quality"] > 0, "series_quality"]
        rating = positive.min() if len(positive) else UNRATED
        best, why = rated[rated["series_quality"] == rating], f"best in the Mayo Clinic's quality control ({rating:g})"
    images = [image for image in images if f"I{image['image_id']}" in set(best["loni_image"])]
    yield Step(images, why)
    return images


def _unmatched(image: dict, shown: list[dict], viscodes: dict[str, str]) -> tuple[str, str]:
    """Why a series that Clinica would take got no visit."""
    if image["visit"] == IGNORED_VISIT:
        return f"Clinica leaves out visits named '{IGNORED_VISIT}'", "download the scan of the visit 'ADNI Screening'"
    others = [other for other in shown if session_of(viscodes.get(other["image_id"], "m9999")) == image["session"]]
    if others:
        reason = f"a second scan nearest {image['session']}, for which Clinica took image {others[0]['image_id']}"
        return reason + _quoted(others[0]["visit"], " ({})"), ONE_PER_VISIT
    which = _quoted(image["visit"], " with {}")
    reason = f"Clinica matched no visit of ADNIMERGE{which}, or knows the visit as one that fails"
    return reason, "download the current ADNIMERGE"


def _quoted(visit: str, within: str) -> str:
    """The name of a visit, if it is one that ADNI gives, put into a text; else nothing, for it may hold a date."""
    return within.format(f"'{visit}'") if re.fullmatch(r"ADNI[\w/ .-]*|[a-z]{1,2}\d{0,3}", visit) else ""


def _aliases(images: list[dict], facts: dict[str, pd.DataFrame]) -> dict[str, str]:
    """Names under which Clinica takes processed series, for visits of which it would take nothing else."""
    names: dict[str, str] = {}
    for visit in {image["visit"] for image in images}:
        passed = [image for image in images if image["visit"] == visit and _passed(image, facts)]
        if not (_processed(passed, PREFERRED)[0] or any(_is_taken(image, phase_of(image, facts)) for image in passed)):
            names |= {image["image_id"]: image["sequence"] + ALIAS for image in _processed(passed, ALIASED)[0]}
    return names


def _is_taken(image: dict, phase: str) -> bool:
    """Whether Clinica takes an original series by its name."""
    name = image["sequence"].lower()
    if image["source"] != "original":
        return False
    if phase == "ADNI3":
        return "accel" in name and not name.endswith("_nd")
    mprage = re.search("mprage|mp-rage|mp rage", name) and "2" not in name
    return bool(mprage or ("spgr" in name and "acc" not in name))


def _processed(images: list[dict], endings: tuple[str, ...]) -> tuple[list[dict], str]:
    """The processed series whose name has the first of these endings (patterns) that any has, and that ending."""
    for ending in endings:
        pattern = re.compile(f"{ending}$")
        if found := [i for i in images if i["source"] == "processed" and pattern.search(i["sequence"])]:
            return found, ending
    return [], ""


def _passed(image: dict, facts: dict[str, pd.DataFrame]) -> bool:
    quality = facts[QUALITY]
    return f"S{image['series_id']}" not in set(quality.loc[quality["PASS"] != 1, "LONIUID"])


def _phase_at(viscode: str, facts: dict[str, pd.DataFrame]) -> str:
    visits = facts[MERGE]
    return visits.loc[visits["VISCODE"] == viscode, "COLPROT"].iloc[0]


def _days_from_visits(image: dict, visits: pd.DataFrame) -> pd.Series:
    return (pd.to_datetime(visits["EXAMDATE"]) - pd.Timestamp(image["scan_date"])).dt.days.abs()


def _number(text: str) -> int:
    return int(text or 0)
