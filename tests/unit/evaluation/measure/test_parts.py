"""A measurement that is killed goes on where it was, and ends as if it had never been."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pytest

from ldae.config.partial import partial_config
from ldae.evaluation.measure.parts import NOT_KEPT, Part, Parts, describe_inputs, join_records, kept_parts
from tests.unit.evaluation.kept import write_sidecars

ITEMS = pd.DataFrame({"subject": [f"S{i}" for i in range(7)], "value": np.arange(7) / 3})
SETTINGS = {"seed": 3, "evaluation": {"batch_size": 2}}


class KilledError(Exception):
    """Stands for a signal or a time limit."""


class Measurement:
    """Counts its batches, and is killed in the one of number `killed_in`."""

    def __init__(self, killed_in: int | None = None) -> None:
        self.killed_in, self.batches = killed_in, 0

    def __call__(self, rows: pd.DataFrame) -> Part:
        if self.batches == self.killed_in:
            raise KilledError
        self.batches += 1
        facts = {"steps": None, "note": "", "odd": float("nan")}
        records = rows.assign(third=rows["value"].astype(np.float32)).to_dict("records")
        arrays = {"row": rows.index.to_numpy(), "value": rows["value"].to_numpy()}
        return Part([record | facts for record in records], arrays)


def measure(folder, function, depends_on=SETTINGS, items=ITEMS):
    with kept_parts(folder, depends_on) as parts:
        found = parts.measure("it", "scans", items, 2, function)
    return json.dumps(join_records(found)), [part.arrays for part in found]


@pytest.mark.parametrize("killed_in", range(4))
def test_a_killed_measurement_goes_on_with_the_batch_it_was_in(tmp_path, killed_in):
    first, again, whole = Measurement(killed_in), Measurement(), Measurement()
    with pytest.raises(KilledError):
        measure(tmp_path / "parts", first)
    records, arrays = measure(tmp_path / "parts", again)
    assert (first.batches, again.batches) == (killed_in, 4 - killed_in)
    expected, expected_arrays = measure(tmp_path / "others", whole)
    assert records == expected
    for own, other in zip(arrays, expected_arrays, strict=True):
        assert list(own) == list(other)
        assert all(np.array_equal(own[name], other[name]) and own[name].dtype == other[name].dtype for name in own)
    assert not (tmp_path / "parts").exists()


def test_without_a_folder_the_same_comes_out_and_nothing_is_written(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    kept = measure(tmp_path / "parts", Measurement())[0]
    found = NOT_KEPT.measure("it", "scans", ITEMS, 2, Measurement())
    assert json.dumps(join_records(found)) == kept
    assert not list(tmp_path.iterdir())


def test_parts_of_other_inputs_are_never_taken_and_go_with_the_rest(tmp_path):
    with pytest.raises(KilledError):
        measure(tmp_path / "parts", Measurement(3))
    again = Measurement()
    measure(tmp_path / "parts", again, SETTINGS | {"seed": 4})
    assert again.batches == 4
    assert not (tmp_path / "parts").exists()


def test_parts_of_one_kind_are_not_taken_for_another(tmp_path):
    parts, function = Parts(tmp_path), Measurement()
    parts.measure("it", "scans", ITEMS, 2, function)
    parts.measure("it", "triples", ITEMS, 2, function)
    assert function.batches == 8


@pytest.mark.parametrize("damage", [b"", b"no archive", None])
def test_a_damaged_part_is_measured_again(tmp_path, damage, caplog):
    parts = Parts(tmp_path)
    before = parts.measure("it", "scans", ITEMS, 2, Measurement())
    path = sorted(tmp_path.iterdir())[1]
    path.write_bytes(path.read_bytes()[:-40] if damage is None else damage)
    again = Measurement()
    after = parts.measure("it", "scans", ITEMS, 2, again)
    assert again.batches == 1
    assert json.dumps(join_records(after)) == json.dumps(join_records(before))
    assert str(path) in caplog.text


def describe(folder, settings=SETTINGS, version="first", code="c", read="text", **columns):
    scans = {"subject": ["S0", "S1"], "session": "M000", "path": "here", "split": "test", "image_sha256": ["a", "b"]}
    rows = pd.DataFrame(scans | {"months": 0, "age": 70.0} | columns)
    models = write_sidecars(folder, "dae", version=version)
    (folder / "probes.json").write_text(read)
    files = {"probes": folder / "probes.json", "vgg": None}
    return describe_inputs(partial_config(settings), models, ["ldm", "dae"], rows, files, code=code)


@pytest.mark.parametrize(
    "change",
    [
        {"settings": SETTINGS | {"seed": 4}},
        {"settings": SETTINGS | {"evaluation": {"batch_size": 3}}},
        {"version": "second"},
        {"code": "d"},
        {"read": "other"},
        {"image_sha256": ["a", "c"]},
        {"split": "validation"},
        {"subject": ["S1", "S0"]},
        {"age": 71.0},
    ],
    ids=str,
)
def test_whatever_a_part_depends_on_is_told_apart(tmp_path, change):
    assert describe(tmp_path, **change) != describe(tmp_path)


def test_where_things_lie_makes_no_difference(tmp_path):
    (tmp_path / "moved").mkdir()
    assert describe(tmp_path / "moved", path="elsewhere") == describe(tmp_path)
