"""Columns of the tables that the cohort stages hand on."""

from __future__ import annotations

QUARANTINE_COLUMNS = ["subject", "session", "image_id", "table", "line", "reason", "cure"]
INVENTORY_COLUMNS = [
    *("shard", "subject", "ptid", "image_id", "series_id", "session", "visit", "scan_date", "sequence", "source"),
    *("field_strength_t", "folder", "format", "files", "files_hash", "clinical_hash"),
]
REPORT_COLUMNS = [
    *("subject", "session", "image_id", "series_id", "status", "reason", "cure", "choice", "orientation"),
    *("path", "slices"),
    *("diagnosis", "age", "sex", "months", "field_strength_t", "site", "phase"),
    *("diagnosis_bl", "age_bl", "apoe4", "education_years", "visit", "scan_date", "sequence", "source"),
]
VISIT_COLUMNS = ["subject", "session", "exam_date", "diagnosis", "images", "image_id"]
