"""cohort.csv: who is in the study, by split and diagnosis (the paper's Table 1)."""

from __future__ import annotations

from itertools import product

import pandas as pd

from ldae.data.sides import SPLITS

DIAGNOSES = ("CN", "MCI", "AD", "unknown")


def describe_cohort(dataset: pd.DataFrame) -> pd.DataFrame:
    """Count and describe the scans of `dataset.csv`.

    Parameters
    ----------
    dataset : DataFrame
        Columns subject, diagnosis, age (years), sex, split, months, field_strength_t.

    Returns
    -------
    DataFrame
        A row per split (and "all") and diagnosis at the visit (and "all"): subjects, scans; age (mean and standard
        deviation over the subjects' first scans of that row, range over scans); female (share of the subjects whose
        sex is known); visits (scans per subject, mean and largest); follow_up_months (mean over subjects between first
        and last scan, within the row); scans by field strength. A subject whose diagnosis changes is counted under
        each of them, so the diagnoses' subjects may add up to more than all.
    """
    table = dataset.assign(diagnosis=dataset["diagnosis"].replace("", "unknown").fillna("unknown"))
    rows = []
    for split, diagnosis in product(("all", *SPLITS), ("all", *DIAGNOSES)):
        chosen = table[
            (table["split"].eq(split) | (split == "all")) & (table["diagnosis"].eq(diagnosis) | (diagnosis == "all"))
        ]
        rows.append({"split": split, "diagnosis": diagnosis, **_describe(chosen)})
    return pd.DataFrame(rows)


def _describe(scans: pd.DataFrame) -> dict[str, float]:
    by_subject = scans.sort_values(["subject", "months", "age"]).groupby("subject")
    first, visits = by_subject.first(), by_subject.size()
    known = first["sex"].isin(["F", "M"])
    months = by_subject["months"].agg(lambda values: values.max() - values.min())
    return {
        "subjects": len(first),
        "scans": len(scans),
        "age_mean": first["age"].mean(),
        "age_sd": first["age"].std(),
        "age_min": scans["age"].min(),
        "age_max": scans["age"].max(),
        "female": (first["sex"][known] == "F").mean(),
        "sex_known": int(known.sum()),
        "visits_mean": visits.mean(),
        "visits_max": visits.max(),
        "follow_up_months": months.mean(),
        "scans_1.5t": int((scans["field_strength_t"] == 1.5).sum()),
        "scans_3t": int((scans["field_strength_t"] == 3).sum()),
        "scans_other_field": int((~scans["field_strength_t"].isin([1.5, 3])).sum()),
    }
