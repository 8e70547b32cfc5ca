import numpy as np
import pandas as pd
import pytest

from ldae.config.names import DAE, LDAE, LDDIM
from ldae.evaluation.measure.efficiency import DECODE, EFFICIENCY_COLUMNS, ENCODE, EQUAL, OWN, RECONSTRUCT
from ldae.evaluation.tables.efficiency import tabulate_efficiency

BATCH = 4


@pytest.fixture
def table():
    """Seconds per batch: DAE takes 24, LDAE 6 and LDDIM 3 at equal T, half of it at the own one; decoding is free."""
    rows = []
    for at, share in ((EQUAL, 1.0), (OWN, 0.5)):
        for system, seconds in ((LDAE, 6.0), (LDDIM, 3.0), (DAE, 24.0 if at == EQUAL else 96.0)):
            for operation, part in ((ENCODE, 1.0), (DECODE, 0.1), (RECONSTRUCT, 2.0)):
                spent = [seconds * share * part * noise for noise in (1.2, 0.9, 1.6, 1.0, 0.95)]
                facts = (at, system, operation, "2m", 20, "a GPU", BATCH)
                rows += [(*facts, i, second, 1.5, 0.8 * part) for i, second in enumerate(spent, start=1)]
    return tabulate_efficiency(pd.DataFrame(rows, columns=list(EFFICIENCY_COLUMNS)))


def row(table, at, system, operation):
    chosen = table[(table["at"] == at) & (table["system"] == system) & (table["operation"] == operation)]
    assert len(chosen) == 1
    return chosen.iloc[0]


def test_the_columns_are_the_contract(table):
    assert list(table) == [
        *("at", "system", "operation", "solver", "steps", "device", "batch_size", "repeats"),
        *("seconds_per_scan", "seconds_per_scan_low", "seconds_per_scan_high", "scans_per_hour"),
        *("peak_memory_gb", "tflop_per_scan", "faster_than_dae", "paper_faster_than_dae"),
    ]
    assert len(table) == 18


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
    assert (table.loc[table.system == DAE, "faster_than_dae"] == 1).all()


def test_the_published_ratio_stands_where_it_belongs(table):
    published = table[table["paper_faster_than_dae"].notna()]
    assert set(published["system"]) == {LDAE}
    assert set(published["operation"]) == {RECONSTRUCT}
    assert (published["paper_faster_than_dae"] == 20).all()
    assert np.isnan(row(table, EQUAL, DAE, RECONSTRUCT).paper_faster_than_dae)
