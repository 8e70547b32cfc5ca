"""The shard's bookkeeping, with a stand-in for the slow preprocessing of one scan."""

import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from ldae.code_hash import import_closure
from ldae.errors import UserError
from ldae.files import hash_file, read_json, write_json
from ldae.pool import Outcome
from ldae.preprocessing import brain_mask, scan, shard
from ldae.preprocessing.volume import write_volume
from tests.unit.preprocessing.conftest import ROOT

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
    "start_pitch_deg": 31.5,
    "start_roll_deg": -4.0,
    "start_yaw_deg": 2.0,
    "starts_tried": 2,
    "extractions": 1,
}


def in_this_process(function, items, **_):
    for item in items:
        try:
            yield Outcome(item, function(item))
        except UserError as error:
            yield Outcome(item, error=f"UserError: {error}")


@pytest.fixture
def shop(tmp_path, monkeypatch, config, limits):
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

    def stand_in(source, files, config, limits, key):
        done.append(files.image.name[4])
        files.remove()
        if files.image.name[4] == "C":
            raise UserError(source, "a head", "a banana", "drop it")
        write_volume(files.image, np.ones((2, 2, 2), np.float32), np.eye(4))
        write_volume(files.mask, np.full((2, 2, 2), 2, np.uint8), np.eye(4))
        write_volume(files.qc_image, np.full((2, 2, 2), 3, np.uint8), np.eye(4))
        settings = {"Transform": config.transform, "BrainExtraction": {"name": config.brain_extraction}}
        notes = ["skull already removed", "blocks averaged"] if files.image.name[4] == "B" else []
        sidecar = (
            files.hashes
            | settings
            | {"Key": key, "Notes": notes, "QC": GOOD | {"dice": 0.9 + 0.01 * ord(files.image.name[4])}}
        )
        write_json(files.sidecar, sidecar)
        files.montage.parent.mkdir(exist_ok=True)
        files.montage.touch()
        return sidecar

    monkeypatch.setattr(scan, "preprocess_scan", stand_in)
    monkeypatch.setattr(shard, "finish_items", in_this_process)

    def run(config=config, code="1", limits=limits):
        done.clear()
        images, manifest = tmp_path / "conversion.csv", tmp_path / "manifest.csv"
        shard.preprocess_shard(images, manifest, tmp_path / "out", config, limits, code=code, workers=1)
        return pd.read_csv(manifest).set_index("subject")

    return run, done, sources


def test_one_row_per_converted_scan_and_errors_stop_no_other(shop):
    run, _, sources = shop
    table = run()
    assert list(table.reset_index().columns) == list(shard.MANIFEST_COLUMNS)
    assert list(table.index) == ["A", "B", "C"] and table["source"].tolist() == [str(path) for path in sources]
    assert table["status"].tolist() == ["done", "done", "error"]
    assert "a banana" in table.loc["C", "reason"] and "\n" not in table.loc["C", "reason"]
    assert table["reason"].isna().tolist() == [True, True, False]
    assert table["path"].isna().tolist() == table["dice"].isna().tolist() == [False, False, True]


def test_a_row_says_what_was_recorded_of_its_own_scan(shop):
    run, _, _ = shop
    table = run()
    for name in "AB":
        row = table.loc[name]
        assert f"sub-{name}" in row["path"] and row["image_sha256"] == hash_file(row["path"])
        assert row["qc_image_sha256"] == hash_file(row["path"].replace("desc-preproc", "desc-qc"))
        assert row["image_sha256"] != row["qc_image_sha256"]
        assert row["dice"] == pytest.approx(0.9 + 0.01 * ord(name))
        assert row["notes"] == "skull already removed; blocks averaged" if name == "B" else pd.isna(row["notes"])
        assert {key: row[key] for key in GOOD if key != "dice"} == {k: v for k, v in GOOD.items() if k != "dice"}


def test_finished_scans_are_kept(shop):
    run, done, _ = shop
    first = run()
    second = run()
    assert done == ["C"]
    pd.testing.assert_frame_equal(first, second)


def test_a_kept_scan_that_a_new_limit_refuses_is_removed_with_its_picture_and_made_again_for_the_old_one(
    shop, limits, tmp_path
):
    run, done, _ = shop
    first = run()
    narrow = replace(limits, max_brain_volume_ml=(1300, GOOD["brain_volume_ml"] - 1))
    table = run(limits=narrow)
    assert done == ["C"] and set(table["status"]) == {"error"} and table["path"].isna().all()
    assert table["reason"].str.contains("brain_volume_ml 1500 is above 1499").sum() == 2
    assert not [path for path in (tmp_path / "out").rglob("*") if path.is_file()]
    pd.testing.assert_frame_equal(run(), first)
    assert done == ["A", "B", "C"]


CHANGED_IMAGES = {"image": "desc-preproc_T1w", "mask": "desc-brain_mask", "QC image": "desc-qc_T1w"}


@pytest.mark.parametrize("change", ["source", *CHANGED_IMAGES, "config", "code"])
def test_whatever_changes_is_done_again(shop, config, change):
    run, done, sources = shop
    table = run()
    if change == "source":
        sources[0].write_bytes(b"other")
    elif change in CHANGED_IMAGES:
        path = table.loc["A", "path"].replace("desc-preproc_T1w", CHANGED_IMAGES[change])
        write_volume(path, np.zeros((2, 2, 2), np.float32), np.eye(4))
    run(
        config=config.model_copy(update={"grid_spacing_mm": 7.0}) if change == "config" else config,
        code="2" if change == "code" else "1",
    )
    assert done == (["A", "B", "C"] if change in ("config", "code") else ["A", "C"])


@pytest.mark.parametrize(
    "damage", ["absent image", "absent QC image", "absent sidecar", "half a sidecar", "empty sidecar"]
)
def test_what_is_damaged_counts_as_absent(shop, damage, tmp_path):
    run, done, _ = shop
    image = Path(run().loc["B", "path"])
    sidecar = image.with_name(image.name.replace(".nii.gz", ".json"))
    if damage == "absent image":
        image.unlink()
    elif damage == "absent QC image":
        image.with_name(image.name.replace("desc-preproc", "desc-qc")).unlink()
    elif damage == "absent sidecar":
        sidecar.unlink()
    else:
        sidecar.write_text(sidecar.read_text()[:40] if damage == "half a sidecar" else "{}")
    run()
    assert done == ["B", "C"]


def test_a_scan_under_another_name_is_not_the_same_scan(shop, tmp_path):
    """The sidecar names its source; the same bytes at another place are another source."""
    run, done, sources = shop
    run()
    moved = tmp_path / "moved_T1w.nii.gz"
    sources[1].rename(moved)
    table = pd.read_csv(tmp_path / "conversion.csv")
    table["path"] = table["path"].replace(str(sources[1]), str(moved))
    table.to_csv(tmp_path / "conversion.csv", index=False)
    run()
    assert done == ["B", "C"]


def test_a_longer_timeout_keeps_what_is_done(shop, config):
    run, done, _ = shop
    run()
    run(config=config.model_copy(update={"timeout_s": 2 * config.timeout_s}))
    assert done == ["C"]


def test_another_version_of_a_package_does_all_again(shop, monkeypatch):
    run, done, _ = shop
    run()
    monkeypatch.setattr(scan, "versions", lambda: {"antspyx": "99"})
    run()
    assert done == ["A", "B", "C"]


@pytest.mark.parametrize("setting, value", [("transform", "syn"), ("brain_extraction", "template")])
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


@pytest.mark.parametrize("module", ["verdict", "montage", "pictures"])
def test_neither_limits_nor_pictures_are_part_of_preprocessing(module):
    script = ROOT / "workflow_scripts" / "preprocess.py"
    names = {file.relative_to(ROOT).as_posix() for file in import_closure(script, ROOT)}
    assert "ldae/preprocessing/scan.py" in names and f"ldae/preprocessing/{module}.py" not in names


def test_the_code_of_an_image_is_that_of_its_steps():
    """Bookkeeping of shards does not count; every step does."""
    names = {file.stem for file in import_closure(ROOT / "ldae" / "preprocessing" / "scan.py", ROOT)}
    assert {"bias_field", "brain_mask", "deepbet", "intensity", "registration", "resampling", "volume"} <= names
    assert not {"shard", "pool"} & names


def test_a_shard_without_scans_has_a_header(shop, tmp_path):
    run, _, _ = shop
    (tmp_path / "conversion.csv").write_text("subject,session,status,path\nD,M000,failed,\n")
    table = run()
    assert table.empty and "dice" in table.columns


def test_sessions_are_in_order_and_each_has_its_own_files(shop, tmp_path):
    run, _, sources = shop
    visits = [("B", "M012"), ("A", "M024"), ("B", "M006"), ("A", "M000")]
    rows = [f"{name},{session},converted,{sources['AB'.index(name)]}" for name, session in visits]
    (tmp_path / "conversion.csv").write_text("\n".join(["subject,session,status,path", *rows]) + "\n")
    table = run()
    assert list(zip(table.index, table["session"], strict=True)) == sorted(visits)
    for row in table.itertuples():
        assert Path(row.path).name.startswith(f"sub-{row.Index}_ses-{row.session}_") and Path(row.path).is_file()
