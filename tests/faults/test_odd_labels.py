"""Subjects and sessions called like numbers, missing values or truth values, from their files to the dataset."""

from __future__ import annotations

import pytest

from ldae.cohort.bids.index import write_index
from ldae.cohort.bids.labels import write_labels, write_strata
from ldae.cohort.dataset import build_dataset
from ldae.cohort.scans import write_scans
from ldae.cohort.strata import split_cohort
from ldae.config.load import load_config
from ldae.data.labels import join_labels, read_dataset
from ldae.data.scans import read_scans
from ldae.files import read_table, write_table
from ldae.preprocessing.qc_table import build_qc
from tests.bids_dataset import COLUMNS, DIAGNOSES, ROOT, describe, write_image, write_tsv
from tests.unit.preprocessing.test_qc_table import RECORD, scan

CONFIG = load_config(ROOT / "config.yaml")
ODD = ["NA", "null", "nan", "None", "001", "1", "1e5", "True", "inf", "0x10", "N", "+x", "+2", "20100101"]


@pytest.fixture(scope="module")
def places(tmp_path_factory):
    """A BIDS dataset whose subjects and sessions have odd labels, taken to dataset.csv; only images are made up."""
    out = tmp_path_factory.mktemp("odd")
    root = describe(out / "bids")
    for index, label in enumerate(ODD):
        write_image(root, f"sub-{label}_ses-{ODD[-index]}_T1w")
    lines = [f"sub-{label} {60 + index}.5 CN" for index, label in enumerate(ODD)]
    write_tsv(root / "participants.tsv", "participant_id age diagnosis", *lines)
    names = (
        "conversion",
        "quarantine",
        "findings",
        "strata",
        "qc",
        "effects",
        "split",
        "scans",
        "dataset",
        "exclusions",
    )
    at = {name: out / f"{name}.csv" for name in names}
    shards = [str(out / f"{shard}.csv") for shard in range(3)]
    write_index(root, "bids", [], shard_tables=shards, findings=at["findings"])
    told = {name: at[name] for name in ("conversion", "quarantine", "findings")}
    write_labels(shards, root, COLUMNS, DIAGNOSES, prefer=[], set_aside=[], **told)
    write_strata(shards, root, COLUMNS, DIAGNOSES, at["strata"])
    manifests = []
    for shard in shards:
        rows = read_table(shard)
        made = [scan(row.subject, row.session) for row in rows.itertuples()]
        manifests.append(f"{shard}.manifest.csv")
        write_table(manifests[-1], rows.head(0).assign(**dict.fromkeys(RECORD))[RECORD])
        write_table(manifests[-1], type(rows)(made, columns=RECORD))
    description = out / "derivatives" / "dataset_description.json"
    judged = {name: at[name] for name in ("qc", "effects")} | {"description": description}
    build_qc(manifests, CONFIG.qc, overrides=None, **judged, max_lost_fraction=0.2)
    split_cohort(at["strata"], at["qc"], CONFIG.split, at["split"], seed=3)
    write_scans(at["qc"], at["split"], at["scans"])
    written = {name: at[name] for name in ("dataset", "exclusions")}
    told = (at["scans"], at["conversion"], at["qc"], at["quarantine"])
    build_dataset(*told, overrides=None, latents_dir="results/latents", **written)
    return at


def test_all_reach_the_dataset_with_their_own_facts(places):
    scans, dataset = read_scans(places["scans"]), read_dataset(places["dataset"])
    keys = {(label, ODD[-index]) for index, label in enumerate(ODD)}
    assert set(zip(dataset["subject"], dataset["session"], strict=True)) == keys
    joined = join_labels(scans, dataset)
    assert dict(zip(joined["subject"], joined["age"], strict=True)) == {
        label: 60.5 + index for index, label in enumerate(ODD)
    }
    assert read_table(places["exclusions"]).empty


def test_each_is_on_one_side_of_the_split(places):
    split = read_table(places["split"])
    assert sorted(split["subject"]) == sorted(ODD)


def test_labels_that_differ_in_capitals_or_signs_alone_are_named_before_any_work(tmp_path):
    root = describe(tmp_path / "bids")
    for label in ("NA", "na", "+1", "1", "01"):
        write_image(root, f"sub-{label}_T1w")
    write_index(root, "bids", [], shard_tables=[str(tmp_path / "0.csv")], findings=tmp_path / "findings.csv")
    rows = read_table(tmp_path / "0.csv").set_index("subject")
    status = rows["status"].to_dict()
    assert status == {"NA": "broken", "na": "broken", "+1": "broken", "1": "broken", "01": "converted"}
    assert "sub-NA" in rows.loc["na", "reason"] and "rename" in rows.loc["na", "cure"]
