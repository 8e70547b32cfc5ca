import itertools

import numpy as np
import pandas as pd
import pytest

from ldae.config.evaluation import BootstrapConfig
from ldae.config.names import LDAE
from ldae.evaluation.measure.interpolation import (
    BLEND,
    INTERPOLATION_COLUMNS,
    LDAE_LERP,
    PREDICTORS,
    RECONSTRUCTION,
    SCAN,
    TARGETS,
)
from ldae.evaluation.tables.interpolation import nearest_bin, read_interpolations, tabulate_interpolations
from ldae.files import write_table

OPTIONS = (BootstrapConfig(draws=400, confidence=0.95), 3)
TABLE = [
    *("gap_definition", "gap_months", "system", "target", "metric", "solver", "steps", "value", "low", "high"),
    *("difference", "difference_low", "difference_high", "paper", "n_subjects", "n_triples", "note"),
]


def make_scans(subjects=20, months=((0, 6, 12), (0, 6, 24)), error=None):
    """A row a triple, system and target; LDAE's MSE is 0.002 and grows with the subject, the others lie 0.001 above."""
    rows = []
    for number, times, system, target in itertools.product(range(subjects), months, PREDICTORS, TARGETS):
        first, at, last = times
        gaps = last - first, min(at - first, last - at)
        mse = 0.002 + 0.0001 * number + 0.001 * (system != LDAE)
        sampler = ("2m", 20) if system in (LDAE, LDAE_LERP) else ("", None)
        sessions = [f"M{time:03d}" for time in times]
        rows.append((f"S{number}", *sessions, 0.5, *gaps, system, target, *sampler, 1 - mse, 1 - 2 * mse, mse, ""))
    return pd.DataFrame(rows, columns=list(INTERPOLATION_COLUMNS)).astype({"steps": "Int64"})


def select(table, definition, gap, system=LDAE, target=SCAN, metric="mse"):
    months = table["gap_months"].isna() if gap is None else table["gap_months"] == gap
    keys = {"gap_definition": definition, "system": system, "target": target, "metric": metric}
    chosen = table[months.fillna(False) & (table[list(keys)] == pd.Series(keys)).all(axis=1)]
    assert len(chosen) == 1
    return chosen.iloc[0]


def test_the_table_keeps_its_contract_through_the_file(tmp_path):
    write_table(tmp_path / "scans.csv", make_scans())
    table = tabulate_interpolations(read_interpolations(tmp_path / "scans.csv"), *OPTIONS)
    assert list(table.columns) == TABLE
    assert len(table) == 9 * len(PREDICTORS) * 2 * 3  # all gaps, and four bins of each definition
    assert set(table["metric"]) == {"ssim", "ssim_win4", "mse"}
    full = table[table["n_triples"] > 0]
    assert ((full["low"] <= full["value"]) & (full["value"] <= full["high"])).all()
    assert set(table.loc[table["system"] == LDAE, "steps"]) == {20}


def test_a_subject_counts_once_however_many_triples_it_has():
    """Value and interval are those of one triple per subject that holds the mean of the subject's own."""
    few, many = make_scans(5), make_scans(6, [(0, at, 24) for at in range(2, 24, 2)])
    scans = pd.concat([few, many[many["subject"] == "S5"].assign(mse=0.3)], ignore_index=True)
    scans.loc[scans["session"] == "M002", "mse"] += 0.11  # one of eleven triples of S5
    row = select(tabulate_interpolations(scans, *OPTIONS), "all", None)
    own = scans[(scans["system"] == LDAE) & (scans["target"] == SCAN)].groupby("subject")["mse"].mean()
    assert own["S5"] == pytest.approx(0.31)
    assert row["value"] == pytest.approx(own.mean())
    assert (row["n_subjects"], row["n_triples"]) == (6, 5 * 2 + 11)
    single = scans.drop_duplicates(["subject", "system", "target"]).copy()
    means = scans.groupby(["subject", "system", "target"])["mse"].mean()
    single["mse"] = means.loc[list(zip(single["subject"], single["system"], single["target"], strict=True))].to_numpy()
    alone = select(tabulate_interpolations(single, *OPTIONS), "all", None)
    cells = ["value", "low", "high"]
    assert row[cells].tolist() == pytest.approx(alone[cells].tolist())


def test_values_are_means_over_the_subjects_of_a_bin():
    table = tabulate_interpolations(make_scans(), *OPTIONS)
    everything = select(table, "all", None)
    assert everything["value"] == pytest.approx(0.002 + 0.0001 * 9.5)
    assert (everything["n_subjects"], everything["n_triples"]) == (20, 40)
    assert select(table, "between the given scans", 12)["n_triples"] == 20
    assert select(table, "between the given scans", 24)["n_triples"] == 20
    assert select(table, "nearer given scan to the target", 6)["n_triples"] == 40


def test_differences_to_ldae_are_paired():
    """Each triple's difference is 0.001 however much the triples differ: no uncertainty is left."""
    table = tabulate_interpolations(make_scans(), *OPTIONS)
    row = select(table, "all", None, system=BLEND)
    assert [row["difference"], row["difference_low"], row["difference_high"]] == pytest.approx([0.001] * 3)
    assert row["high"] - row["low"] > 1e-4
    own = select(table, "all", None)
    assert own["difference"] == own["difference_high"] == 0


def test_every_cell_is_of_its_own_system_target_and_metric():
    scans = make_scans()
    place = {name: number for number, name in enumerate(PREDICTORS)}
    scans["mse"] = 0.01 * scans["system"].map(place) + 0.1 * (scans["target"] == RECONSTRUCTION)
    scans["ssim"] = 1 - scans["mse"] * 2
    table = tabulate_interpolations(scans, *OPTIONS)
    for name, number in place.items():
        for target in TARGETS:
            mse = 0.01 * number + 0.1 * (target == RECONSTRUCTION)
            row = select(table, "all", None, name, target)
            assert row["value"] == pytest.approx(mse)
            assert row["difference"] == pytest.approx(0.01 * number, abs=1e-12)
            assert select(table, "all", None, name, target, "ssim")["value"] == pytest.approx(1 - 2 * mse)
    solvers = table.drop_duplicates("system").set_index("system")["solver"]
    assert solvers[LDAE] == solvers[LDAE_LERP] == "2m"
    assert solvers[BLEND] == ""


def test_the_seed_and_the_confidence_move_the_interval_alone():
    narrow = BootstrapConfig(draws=400, confidence=0.5)
    tables = (tabulate_interpolations(make_scans(), *o) for o in (OPTIONS, (OPTIONS[0], 4), (narrow, 3)))
    first, reseeded, small = (select(table, "all", None) for table in tables)
    assert first["value"] == reseeded["value"] == small["value"]
    assert first["low"] != reseeded["low"]
    assert first["high"] - first["low"] > small["high"] - small["low"] > 0


def test_whole_subjects_are_drawn():
    """The interval of many equal triples of a few subjects is that of these subjects, not of the triples."""
    many = make_scans(4, [(0, at, 60) for at in range(5, 55, 5)])
    wide = select(tabulate_interpolations(many, *OPTIONS), "all", None)
    assert wide["high"] - wide["low"] > 1e-4
    single = select(tabulate_interpolations(make_scans(1), *OPTIONS), "all", None)
    assert np.isnan(single["low"])
    assert single["note"] == "one subject: no interval"
    assert single["value"] == 0.002
    pair = select(tabulate_interpolations(make_scans(2), *OPTIONS), "all", None)
    assert (pair["note"], pair["n_subjects"]) == ("", 2)
    assert pair["low"] < pair["high"]


def test_the_published_figures_stand_beside_ldae_against_the_reconstruction_only():
    table = tabulate_interpolations(make_scans(), *OPTIONS)
    published = table[table["paper"] != ""]
    assert set(published["system"]) == {LDAE}
    assert set(published["target"]) == {RECONSTRUCTION}
    assert len(published) == 2 * 2 * 2  # definitions, bins, metrics
    assert set(published["metric"]) == {"ssim_win4", "mse"}  # of the published window
    row = select(table, "between the given scans", 24, target=RECONSTRUCTION, metric="ssim_win4")
    assert row["paper"] == "> 0.93"


def test_an_empty_bin_is_a_row_with_its_reason():
    table = tabulate_interpolations(make_scans(), *OPTIONS)
    row = select(table, "between the given scans", 6)
    assert row["n_triples"] == 0
    assert np.isnan(row["value"])
    assert "gap of 6 months" in row["note"]


@pytest.mark.parametrize("aside", [0, 2])
def test_a_cohort_without_triples_gives_a_valid_table(tmp_path, aside):
    rows = [{"subject": f"S{i}", "session": "M000", "note": "its time is unknown"} for i in range(aside)]
    scans = pd.DataFrame(rows, columns=list(INTERPOLATION_COLUMNS)).astype({"steps": "Int64"}).fillna({"note": ""})
    write_table(tmp_path / "scans.csv", scans)
    table = tabulate_interpolations(read_interpolations(tmp_path / "scans.csv"), *OPTIONS)
    assert list(table.columns) == TABLE
    assert (table["n_triples"] == 0).all()
    assert table["value"].isna().all()
    assert table["note"].str.contains("three scans").all()
    assert table["note"].str.contains("set aside: 2 scans").all() == bool(aside)


def test_bins_are_the_nearest_multiples_of_six_months():
    assert nearest_bin(pd.Series([1.0, 6.0, 8.99, 9.0, 14.9, 15.0, 36.5])).tolist() == [6, 6, 6, 12, 12, 18, 36]
