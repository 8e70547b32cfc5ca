"""The table of scans and the manifest of their latents."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from ldae.data.leaks import fitting_rows
from ldae.data.scans import SCAN_COLUMNS, join_latents, latent_path, read_scans
from ldae.errors import UserError


def test_a_training_is_given_no_labels(cohort):
    pd.read_csv(cohort.scans).assign(diagnosis="AD", age=70.0).to_csv(cohort.scans, index=False)
    assert tuple(read_scans(cohort.scans).columns) == SCAN_COLUMNS


def test_labels_like_numbers_stay_text(cohort):
    table = pd.read_csv(cohort.scans).assign(subject=lambda t: "00" + t["subject"].str[1:], session="001")
    table.drop_duplicates("subject").to_csv(cohort.scans, index=False)
    scans = read_scans(cohort.scans)
    assert scans["subject"][0] == "000"
    assert scans["session"][0] == "001"


@pytest.mark.parametrize(
    "change, message",
    [
        (lambda table: table.head(0), "no row"),
        (lambda table: table.drop(columns="image_sha256"), "image_sha256"),
        (lambda table: table.assign(split=["dev", *table["split"][1:]]), "dev"),
        (lambda table: table.assign(split=["test", *table["split"][1:]]), "S0 in several"),
    ],
)
def test_an_unusable_table_is_refused(cohort, change, message):
    change(pd.read_csv(cohort.scans)).to_csv(cohort.scans, index=False)
    with pytest.raises(UserError, match=message):
        read_scans(cohort.scans)


def test_latents_are_joined_in_the_order_of_the_scans(cohort):
    pd.read_csv(cohort.manifest).sample(frac=1, random_state=3).to_csv(cohort.manifest, index=False)
    rows = fitting_rows(read_scans(cohort.scans), "validation").iloc[::-1]
    joined = join_latents(rows, cohort.manifest)
    assert joined["session"].tolist() == ["M000", "M000", "M006", "M000"]
    for row in joined.itertuples():
        assert row.latent_path == latent_path(cohort.manifest.parent, row.subject, row.session)


def move(table):
    return table.assign(split=["validation", "validation", *table["split"][2:]])


def absent(table):
    return table.assign(latent_path=["nowhere.npz", *table["latent_path"][1:]])


@pytest.mark.parametrize(
    "change, message",
    [
        (lambda table: table[table["session"] == "M000"], "none of sub-S0_ses-M006"),
        (move, "sub-S0_ses-M000 in the split validation"),
        (absent, "nowhere.npz"),
        (lambda table: pd.concat([table, table.head(1)]), "a scan twice"),
        (lambda table: table.drop(columns="latent_sha256"), "latent_sha256"),
    ],
)
def test_a_manifest_of_other_scans_is_refused(cohort, change, message):
    change(pd.read_csv(cohort.manifest)).to_csv(cohort.manifest, index=False)
    with pytest.raises(UserError, match=message):
        join_latents(fitting_rows(read_scans(cohort.scans), "train"), cohort.manifest)


def test_another_file_in_a_latents_place_is_refused_where_it_is_used(cohort):
    np.savez(cohort.manifest.parent / "sub-S6_ses-M000.npz", data=np.ones((2, 4, 4, 4), np.float32))
    scans = read_scans(cohort.scans)
    join_latents(fitting_rows(scans, "train"), cohort.manifest)
    with pytest.raises(UserError, match="sub-S6_ses-M000"):
        join_latents(fitting_rows(scans, "validation"), cohort.manifest)
