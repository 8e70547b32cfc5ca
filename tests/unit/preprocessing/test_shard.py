"""The shard's bookkeeping, with a stand-in for the slow preprocessing of one scan."""

import sys

import numpy as np
import pandas as pd
import pytest

from ldae.errors import UserError
from ldae.files import hash_file, read_json, write_json
from ldae.pool import Outcome
from ldae.preprocessing import brain_mask, scan, shard
from ldae.preprocessing.volume import write_volume

GOOD = {
    "brain_volume_ml": 1500.0,
    "dice": 0.96,
    "outside": 0.0,
    "missing": 0.01,
    "mutual_information": 0.5,
    "ncc": 0.5,
    "upright": 0.3,
    "white_grey_ratio": 1.4,
    "border": 0.0,
    "volume_scale": 1.1,
}


def in_this_process(function, items, **_):
    for item in items:
        try:
            yield Outcome(item, function(item))
        except UserError as error:
            yield Outcome(item, error=f"UserError: {error}")


@pytest.fixture
def shop(tmp_path, monkeypatch, config, qc):
    """Three converted scans and one failed conversion; `run()` preprocesses, `done` lists what was really worked on."""
    sources = [tmp_path / f"sub-{name}_T1w.nii.gz" for name in "ABC"]
    for value, source in enumerate(sources):
        source.write_bytes(bytes([value]))
    rows = [
        {"subject": n, "session": "M000", "status": "converted", "path": str(s)}
        for n, s in zip("ABC", sources, strict=True)
    ]
    rows.append({"subject": "D", "session": "M000", "status": "failed", "path": ""})
    pd.DataFrame(rows).to_csv(tmp_path / "conversion.csv", index=False)
    done = []

    def stand_in(source, files, config, key):
        done.append(files.image.name[4])
        files.remove()
        if files.image.name[4] == "C":
            raise UserError(source, "a head", "a banana", "drop it")
        write_volume(files.image, np.ones((2, 2, 2), np.float32), np.eye(4))
        write_volume(files.mask, np.ones((2, 2, 2), np.uint8), np.eye(4))
        hashes = {"ImageSHA256": hash_file(files.image), "MaskSHA256": hash_file(files.mask)}
        settings = {"Transform": config.transform, "BrainExtraction": {"name": config.brain_extraction}}
        sidecar = hashes | settings | {"Key": key, "QC": GOOD}
        write_json(files.sidecar, sidecar)
        return sidecar

    monkeypatch.setattr(scan, "preprocess_scan", stand_in)
    monkeypatch.setattr(shard, "run_items", in_this_process)

    def run(config=config, qc=qc, code="1"):
        done.clear()
        manifest = tmp_path / "manifest.csv"
        shard.preprocess_shard(
            tmp_path / "conversion.csv", manifest, tmp_path / "out", config, qc, code=code, workers=1
        )
        return pd.read_csv(manifest).set_index("subject")

    return run, done, sources


def test_one_row_a_converted_scan_and_errors_stop_nobody(shop):
    run, _, _ = shop
    table = run()
    assert list(table.index) == ["A", "B", "C"]
    assert table["status"].tolist() == ["pass", "pass", "error"]
    assert "a banana" in table.loc["C", "reason"] and "\n" not in table.loc["C", "reason"]
    assert table.loc["A", "image_sha256"] == hash_file(table.loc["A", "path"])
    assert table.loc["A", "dice"] == GOOD["dice"]


def test_finished_scans_are_kept(shop):
    run, done, _ = shop
    first = run()
    second = run()
    assert done == ["C"]
    pd.testing.assert_frame_equal(first, second)


@pytest.mark.parametrize("change", ["source", "image", "mask", "config", "code"])
def test_whatever_changes_is_done_again(shop, config, change):
    run, done, sources = shop
    table = run()
    if change == "source":
        sources[0].write_bytes(b"other")
    elif change in ("image", "mask"):
        image = table.loc["A", "path"]
        path = image if change == "image" else image.replace("desc-preproc_T1w", "desc-brain_mask")
        write_volume(path, np.zeros((2, 2, 2), np.float32), np.eye(4))
    run(
        config=config.model_copy(update={"grid_spacing_mm": 7.0}) if change == "config" else config,
        code="2" if change == "code" else "1",
    )
    assert done == (["A", "B", "C"] if change in ("config", "code") else ["A", "C"])


@pytest.mark.parametrize(("setting", "value"), [("transform", "syn"), ("brain_extraction", "template")])
def test_transforms_and_engines_are_never_mixed(shop, config, setting, value, tmp_path):
    run, done, _ = shop
    first = run()
    other = config.model_copy(update={setting: value})
    table = run(config=other)
    assert done == ["A", "B", "C"]
    assert set(first[setting].dropna()) == {getattr(config, setting)} and set(table[setting].dropna()) == {value}
    sidecars = [read_json(path) for path in (tmp_path / "out").rglob("*.json")]
    assert len(sidecars) == 2
    assert {(s["Transform"], s["BrainExtraction"]["name"]) for s in sidecars} == {
        (other.transform, other.brain_extraction)
    }


def test_another_version_of_the_engine_does_all_again(shop, monkeypatch):
    run, done, _ = shop
    run()
    monkeypatch.setattr(brain_mask, "engine_record", lambda config: {"name": "deepbet", "version": "2"})
    run()
    assert done == ["A", "B", "C"]


def test_an_engine_that_is_not_usable_stops_the_shard_at_once(shop, config, monkeypatch):
    run, done, _ = shop
    monkeypatch.setitem(sys.modules, "antspynet", None)
    with pytest.raises(UserError, match="pip install antspynet"):
        run(config=config.model_copy(update={"brain_extraction": "antspynet"}))
    assert done == []


def test_other_thresholds_judge_anew_without_work(shop, qc):
    run, done, _ = shop
    run()
    table = run(qc=qc.model_copy(update={"min_dice": (0.99, 0.97)}))
    assert done == ["C"]
    assert table.loc["A", "status"] == "fail" and "dice" in table.loc["A", "reason"]


def test_a_shard_without_scans_has_a_header(shop, tmp_path):
    run, _, _ = shop
    (tmp_path / "conversion.csv").write_text("subject,session,status,path\nD,M000,failed,\n")
    table = run()
    assert table.empty and "dice" in table.columns
