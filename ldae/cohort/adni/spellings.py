"""Other names of the clinical tables' columns; standard library alone, for the Snakefile reads headers with it."""

from __future__ import annotations

import re
from collections.abc import Sequence

from ldae.cohort.adni.names import APOE, DIAGNOSES, MAYO, META, QUALITY, TABLE_COLUMNS

SUBJECT_NAMES = ("ptid", "subject_id", "subjectid", "subject", "participantid", "participant_id")
# Other names of a column, the likeliest first; case, spaces and punctuation never count.
VARIANTS: dict[str, dict[str, tuple[str, ...]]] = {
    META: {
        "SubjectID": SUBJECT_NAMES,
        "Orig/Proc": ("image_type", "mri_type"),
        "Visit": ("viscode2", "image_visit", "mri_visit", "viscode"),
        "MagStrength": ("image_field_str", "mri_field_str", "field_strength", "magnetic_field_strength", "mri_field"),
        "Sequence": ("image_description", "mri_description", "series_description", "description"),
        "ScanDate": ("image_date", "mri_date", "acq_date", "study_date"),
        "StudyID": ("loni_study",),
        "SeriesID": ("loni_series", "image_series_id"),
        "ImageUID": ("image_id", "image_data_id", "loni_image"),
    },
    QUALITY: {"PTID": SUBJECT_NAMES, "LONIUID": ("loni_series", "series_id"), "PASS": ("passed",)},
    MAYO: {
        "PTID": SUBJECT_NAMES,
        "loni_image": ("image_id", "imageuid"),
        "series_selected": ("selected",),
        "series_quality": ("quality",),
    },
    APOE: {"PTID": SUBJECT_NAMES},
    DIAGNOSES: {"PTID": SUBJECT_NAMES, "VISCODE2": ("viscode",)},
}
OPTIONAL = {QUALITY: ["PTID"], MAYO: ["PTID"], APOE: ["PTID", "APGEN1", "APGEN2", "GENOTYPE"], DIAGNOSES: ["Phase"]}


def renamed_columns(columns: Sequence[str], name: str) -> dict[str, str]:
    """The legacy name of each column of a table that stands for a legacy column under another name.

    Parameters
    ----------
    columns : the header of a file
    name : which of the six tables

    Examples
    --------
    >>> renamed_columns(["rid", "loni_series", "PASS"], "MRIQUALITY")
    {'rid': 'RID', 'loni_series': 'LONIUID'}
    """
    spelled: dict[str, str] = {}
    for column in columns:
        spelled.setdefault(_spelling(column), column)
    renamed: dict[str, str] = {}
    for wanted in [column for column in TABLE_COLUMNS[name] + OPTIONAL.get(name, []) if column not in columns]:
        for variant in (wanted, *VARIANTS.get(name, {}).get(wanted, ())):
            found = spelled.get(_spelling(variant))
            if found is not None and found not in renamed and found not in TABLE_COLUMNS[name]:
                renamed[found] = wanted
                break
    return renamed


def _spelling(column: str) -> str:
    return re.sub(r"[^a-z0-9]", "", column.lower())
