import numpy as np
import pandas as pd
import pytest

from ldae.config.names import DAE, LDAE, LDDIM
from ldae.evaluation.measure.arithmetic import DECODE, ENCODE, RECONSTRUCT
from ldae.evaluation.measure.efficiency import COUNTED, EFFICIENCY_COLUMNS, EQUAL, MEASURED, OWN
from ldae.evaluation.tables.efficiency import tabulate_efficiency

BATCH = 4
TFLOP = {LDAE: 0.8, LDDIM: 0.4, DAE: 2.4}


@pytest.fixture
def table():
    """Seconds per batch: DAE takes 24, LDAE 6 and LDDIM 3 at equal T, half of it at the own one; decoding is free."""
    rows = []
    for at, share in ((EQUAL, 1.0), (OWN, 0.5)):
        for system, seconds in ((LDAE, 6.0), (LDDIM, 3.0), (DAE, 24.0 if at == EQUAL else 96.0)):
            for operation, part in ((ENCODE, 1.0), (DECODE, 0.1), (RECONSTRUCT, 2.0)):
                spent = [seconds * share * part * noise for noise in (1.2, 0.9, 1.6, 1.0, 0.95)]
                facts = (MEASURED, "32x40x32", at, system, operation, "2m", 20, "a GPU", BATCH)
                tflop = TFLOP[system] * part
                rows += [(*facts, i, second, 1.5, tflop) for i, second in enumerate(spent, start=1)]
                nothing = (np.nan, 1, np.nan, np.nan, np.nan)
                rows.append((COUNTED, "128x160x128", at, system, operation, "ddim", 100, *nothing, 50 * tflop**2))
    return tabulate_efficiency(pd.DataFrame(rows, columns=list(EFFICIENCY_COLUMNS)))


def row(table, at, system, operation, basis=MEASURED):
    keys = {"basis": basis, "at": at, "system": system, "operation": operation}
    chosen = table[(table[list(keys)] == pd.Series(keys)).all(axis=1)]
    assert len(chosen) == 1
    return chosen.iloc[0]


def test_the_columns_are_the_contract(table):
    assert list(table) == [
        *("basis", "grid", "at", "system", "operation", "solver", "steps", "device", "batch_size", "repeats"),
        *("seconds_per_scan", "seconds_per_scan_low", "seconds_per_scan_high", "scans_per_hour"),
        *("peak_memory_gb", "tflop_per_scan", "faster_than_dae", "tflop_over_ldae", "paper_faster_than_dae"),
    ]
    assert len(table) == 36


def test_each_scan_has_its_share_of_the_batch(table):
    found = row(table, EQUAL, LDAE, ENCODE)
    shares = [found.seconds_per_scan_low, found.seconds_per_scan, found.seconds_per_scan_high]
    assert shares == pytest.approx([0.9 * 6 / 4, 6 / 4, 1.6 * 6 / 4])
    assert found.scans_per_hour == pytest.approx(3600 / 1.5)
    assert found.tflop_per_scan == pytest.approx(0.2)
    assert (found.peak_memory_gb, found.repeats, found.batch_size) == (1.5, 5, BATCH)


def test_the_ratio_is_to_the_voxel_dae_at_the_same_operation_and_t(table):
    assert row(table, EQUAL, LDAE, ENCODE).faster_than_dae == pytest.approx(4)
    assert row(table, EQUAL, LDDIM, DECODE).faster_than_dae == pytest.approx(8)
    assert row(table, OWN, LDAE, RECONSTRUCT).faster_than_dae == pytest.approx(16)
    assert (table.loc[(table.system == DAE) & (table.basis == MEASURED), "faster_than_dae"] == 1).all()


def test_arithmetic_is_held_against_ldaes_of_the_same_basis_operation_and_t(table):
    assert row(table, EQUAL, DAE, ENCODE).tflop_over_ldae == pytest.approx(3)
    assert row(table, OWN, LDDIM, RECONSTRUCT).tflop_over_ldae == pytest.approx(0.5)
    assert row(table, OWN, DAE, RECONSTRUCT, COUNTED).tflop_over_ldae == pytest.approx(9)
    assert row(table, EQUAL, LDDIM, DECODE, COUNTED).tflop_over_ldae == pytest.approx(0.25)
    assert (table.loc[table.system == LDAE, "tflop_over_ldae"] == 1).all()


def test_what_was_counted_was_not_timed(table):
    counted = table[table["basis"] == COUNTED]
    assert len(counted) == 18 and set(counted["grid"]) == {"128x160x128"} and set(counted["repeats"]) == {0}
    unknown = ["seconds_per_scan", "scans_per_hour", "peak_memory_gb", "faster_than_dae", "paper_faster_than_dae"]
    assert counted[[*unknown, "device"]].isna().all(axis=None)
    assert row(table, OWN, LDAE, ENCODE, COUNTED).tflop_per_scan == pytest.approx(50 * 0.64)


def test_the_published_ratio_stands_where_it_belongs(table):
    published = table[table["paper_faster_than_dae"].notna()]
    assert set(published["system"]) == {LDAE}
    assert set(published["operation"]) == {RECONSTRUCT}
    assert (published["paper_faster_than_dae"] == 20).all()
    assert np.isnan(row(table, EQUAL, DAE, RECONSTRUCT).paper_faster_than_dae)
