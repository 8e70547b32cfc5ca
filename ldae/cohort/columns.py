"""Columns of the tables that pass from one stage of the cohort to the next."""

from __future__ import annotations

QUARANTINE_COLUMNS = ["subject", "session", "image_id", "table", "line", "reason", "cure"]
FINDING_COLUMNS = ["severity", "where", "expected", "found", "cure"]
INVENTORY_COLUMNS = [
    *("shard", "subject", "ptid", "image_id", "series_id", "session", "visit", "scan_date", "sequence", "source"),
    *("field_strength_t", "format", "files", "files_hash"),
]
# What a shard of the conversion says of each image: nothing of the person, and the visit by its code alone.
IMAGE_COLUMNS = [
    *("subject", "session", "image_id", "series_id", "status", "reason", "cure", "choice", "orientation"),
    *("path", "slices", "viscode", "field_strength_t", "visit", "scan_date", "sequence", "source"),
]
CONVERSION_COLUMNS = [
    *("subject", "session", "image_id", "series_id", "status", "reason", "cure", "choice", "orientation"),
    *("path", "slices"),
    *("diagnosis", "age", "sex", "months", "field_strength_t", "site", "phase"),
    *("diagnosis_bl", "age_bl", "apoe4", "education_years", "visit", "scan_date", "sequence", "source"),
]
# What subjects without a side of the split are stratified by.
STRATA_COLUMNS = ["subject", "session", "months", "diagnosis_bl", "diagnosis"]
VISIT_COLUMNS = ["subject", "session", "exam_date", "diagnosis", "images", "image_id"]
