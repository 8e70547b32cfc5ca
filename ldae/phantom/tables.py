"""The phantom's six clinical tables, in the columns and formats of LONI's files."""

from __future__ import annotations

from datetime import date, timedelta

import numpy as np
import pandas as pd

from ldae.phantom.people import DIAGNOSES, Phase, Subject, Visit, months_of

SCAN_DELAY_DAYS = 2
SCORE_STREAM = 1  # of random numbers; the scans have another
PROCESSED_SEQUENCE = "MPR; GradWarp; B1 Correction; N3; Scaled"
STAGE_BL = {"ADNI1": "LMCI", "ADNI2": "EMCI", "ADNI3": "EMCI"}

MPRAGEMETA_COLUMNS = "SubjectID Orig/Proc Visit MagStrength Sequence ScanDate StudyID SeriesID ImageUID".split()
MRIQUALITY_COLUMNS = "RID VISCODE EXAMDATE LONIUID PASS".split()
MAYO_COLUMNS = "RID loni_image series_date series_type series_selected series_quality field_strength".split()


def scan_day(visit: Visit) -> date:
    """Day of a visit's scan, a little after the examination."""
    return visit.day + timedelta(days=SCAN_DELAY_DAYS)


def build_tables(subjects: list[Subject], seed: int) -> dict[str, pd.DataFrame]:
    """Build the clinical tables of a cohort.

    Parameters
    ----------
    subjects : list of Subject
        The cohort.
    seed : int
        Of the cognitive scores, which vary around what the severity suggests.

    Returns
    -------
    dict
        File stem (``ADNIMERGE``, ``MPRAGEMETA``, ``MRIQUALITY``, ``MAYOADIRL_MRI_IMAGEQC_05_07_15``, ``APOERES``,
        ``DXSUM_PDXCONV_ADNIALL``) to table. For ADNI1, MPRAGEMETA also lists LONI's corrected ("Processed") version of
        each scan, which a download of the original series does not hold.
    """
    visits = [(subject, visit) for subject in subjects for visit in subject.visits]
    scans = [(subject, visit) for subject, visit in visits if visit.scanned]
    scores = {subject.index: _baseline_scores(subject, seed) for subject in subjects}
    metadata = [row for subject, visit in scans for row in _scan_rows(subject, visit)]
    quality = [_quality_row(s, v) for s, v in scans if s.phase.field_strength_t < 3]
    mayo = [_mayo_row(s, v) for s, v in scans if s.phase.field_strength_t >= 3]
    return {
        "ADNIMERGE": pd.DataFrame([_merge_row(s, v, scores[s.index]) for s, v in visits]),
        "MPRAGEMETA": pd.DataFrame(metadata, columns=MPRAGEMETA_COLUMNS),
        "MRIQUALITY": pd.DataFrame(quality, columns=MRIQUALITY_COLUMNS),
        "MAYOADIRL_MRI_IMAGEQC_05_07_15": pd.DataFrame(mayo, columns=MAYO_COLUMNS),
        "APOERES": pd.DataFrame([_apoe_row(subject) for subject in subjects]),
        "DXSUM_PDXCONV_ADNIALL": pd.DataFrame([_diagnosis_row(s, v) for s, v in visits]),
    }


def _merge_row(subject: Subject, visit: Visit, scores: dict[str, object]) -> dict[str, object]:
    return {
        "RID": subject.rid,
        "COLPROT": subject.phase.name,
        "ORIGPROT": subject.phase.name,
        "PTID": subject.ptid,
        "SITE": subject.site,
        "VISCODE": visit.code,
        "EXAMDATE": visit.day.isoformat(),
        "EXAMDATE_bl": subject.visits[0].day.isoformat(),
        "DX_bl": _baseline_stage(subject.diagnosis, subject.phase),
        "DX": "Dementia" if visit.diagnosis == "AD" else visit.diagnosis,
        "AGE": f"{subject.age:.1f}",
        "PTGENDER": subject.sex,
        "PTEDUCAT": subject.education_years,
        "PTETHCAT": "Not Hisp/Latino",
        "PTMARRY": "Married",
        "APOE4": subject.apoe.count(4),
        "PIB": "",
        "AV45": "",
        "ABETA": "",
        "PTAU": "",
        **scores,
        "Month": months_of(visit.code),
    }


def _baseline_stage(diagnosis: str, phase: Phase) -> str:
    return STAGE_BL[phase.name] if diagnosis == "MCI" else diagnosis


def _baseline_scores(subject: Subject, seed: int) -> dict[str, object]:
    """Cognitive scores at baseline, worse with severity."""
    rng = np.random.default_rng([seed, subject.index, SCORE_STREAM])
    severity = subject.visits[0].severity

    def score(best: float, per_severity: float, sd: float, low: float, high: float) -> int:
        return round(float(np.clip(best + per_severity * severity + rng.normal(0, sd), low, high)))

    return {
        "ADAS11_bl": score(3, 5.5, 2.5, 0, 70),
        "ADAS13_bl": score(5, 8.5, 3.5, 0, 85),
        "ADASQ4_bl": score(1, 2.8, 1.2, 0, 10),
        "MMSE_bl": score(30, -2.3, 1.2, 0, 30),
        "RAVLT_immediate_bl": score(50, -10, 7, 0, 75),
        "TRABSCOR_bl": score(65, 45, 25, 20, 300),
        "mPACCdigit_bl": score(2, -5, 2.5, -30, 8),
        "mPACCtrailsB_bl": score(2, -5, 2.5, -30, 8),
        "MOCA_bl": score(28, -3.3, 2, 0, 30),
    }


def _scan_rows(subject: Subject, visit: Visit) -> list[tuple]:
    common = (subject.phase.visit_name(visit.code), subject.phase.field_strength_t)
    series_id, image_id = subject.series_id(visit), subject.image_id(visit)
    day = scan_day(visit).isoformat()
    study_id = series_id - 15_000
    rows = [(subject.ptid, "Original", *common, subject.phase.sequence, day, study_id, series_id, image_id)]
    if subject.phase.processed:
        rows.append((subject.ptid, "Processed", *common, PROCESSED_SEQUENCE, day, study_id, series_id, image_id + 1))
    return rows


def _quality_row(subject: Subject, visit: Visit) -> tuple:
    return subject.rid, visit.code, scan_day(visit).isoformat(), f"S{subject.series_id(visit)}", 1


def _mayo_row(subject: Subject, visit: Visit) -> tuple:
    day, strength = scan_day(visit).isoformat(), subject.phase.field_strength_t
    return subject.rid, f"I{subject.image_id(visit)}", day, "T1", 1, 1, strength


def _apoe_row(subject: Subject) -> dict[str, object]:
    first, second = subject.apoe
    return {
        "Phase": subject.phase.name,
        "PTID": subject.ptid,
        "RID": subject.rid,
        "VISCODE": "bl",
        "APGEN1": first,
        "APGEN2": second,
    }


def _diagnosis_row(subject: Subject, visit: Visit) -> dict[str, object]:
    return {
        "Phase": subject.phase.name,
        "PTID": subject.ptid,
        "RID": subject.rid,
        "VISCODE": visit.code,
        "VISCODE2": visit.code,
        "EXAMDATE": visit.day.isoformat(),
        "DIAGNOSIS": 1 + DIAGNOSES.index(visit.diagnosis),
    }
