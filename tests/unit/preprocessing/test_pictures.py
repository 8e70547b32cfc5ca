"""The pictures of a shard: drawn from the recorded images, kept while image and code are the same."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from ldae.code_hash import import_closure
from ldae.errors import UserError
from ldae.files import hash_file
from ldae.pool import Outcome
from ldae.preprocessing import pictures
from ldae.preprocessing.grid import QC_GRID, mni_template
from ldae.preprocessing.layout import ScanFiles
from ldae.preprocessing.montage import read_key
from ldae.preprocessing.volume import write_volume
from tests.unit.preprocessing.conftest import ROOT


def in_this_process(function, items, **_):
    for item in items:
        try:
            yield Outcome(item, function(item))
        except UserError as error:
            yield Outcome(item, error=f"UserError: {error}")


@pytest.fixture
def album(tmp_path, monkeypatch):
    """Two scans of different brightness and one error; `run()` draws, `drawn` lists path, level and title of each."""
    monkeypatch.setattr(pictures, "finish_items", in_this_process)
    drawn, draw = [], pictures.draw_montage

    def keep(path, brain, outline, title, key):
        np.testing.assert_array_equal(brain.affine, QC_GRID.affine)
        np.testing.assert_array_equal(outline, mni_template(QC_GRID).brain)
        drawn.append((path.name, int(brain.data.max()), title))
        draw(path, brain, outline, title, key)

    monkeypatch.setattr(pictures, "draw_montage", keep)
    rows = []
    for subject, level in (("A", 60), ("B", 200)):
        files = ScanFiles.of(tmp_path / "out", subject, "M006")
        write_volume(files.qc_image, (mni_template(QC_GRID).brain * level).astype(np.uint8), QC_GRID.affine)
        row = {"subject": subject, "session": "M006", "path": files.image.as_posix(), "status": "done"}
        rows.append(row | {"qc_image_sha256": hash_file(files.qc_image)})
    rows.append({"subject": "C", "session": "M006", "path": "", "status": "error", "qc_image_sha256": ""})
    manifest = tmp_path / "3.csv"
    pd.DataFrame(rows).to_csv(manifest, index=False)

    def run(code="1"):
        drawn.clear()
        pictures.draw_pictures(manifest, tmp_path / "pictures.csv", tmp_path / "out", code=code, workers=1)
        return pd.read_csv(tmp_path / "pictures.csv", dtype=str)

    return run, drawn, manifest


def test_each_scan_with_an_image_has_its_picture(album):
    run, drawn, manifest = album
    table = run()
    assert list(table.columns) == list(pictures.PICTURE_COLUMNS)
    assert table["subject"].tolist() == ["A", "B"]
    assert table["qc_image_sha256"].tolist() == pd.read_csv(manifest)["qc_image_sha256"].tolist()[:2]
    assert all(read_key(path) for path in table["picture"])
    assert drawn == [
        (f"sub-{name}_ses-M006_desc-qc_T1w.png", level, f"sub-{name}_ses-M006_space-MNI152_desc-preproc_T1w.nii.gz")
        for name, level in (("A", 60), ("B", 200))
    ]


def test_a_picture_is_kept_while_image_and_code_are_the_same(album):
    run, drawn, _ = album
    first = run()
    times = [Path(path).stat().st_mtime_ns for path in first["picture"]]
    pd.testing.assert_frame_equal(run(), first)
    assert not drawn and times == [Path(path).stat().st_mtime_ns for path in first["picture"]]
    run(code="2")
    assert len(drawn) == 2
    run(code="2")
    assert not drawn


@pytest.mark.parametrize("damage", ["absent", "half", "empty", "the other's"])
def test_a_picture_that_is_not_whole_or_not_of_this_scan_is_drawn_again(album, damage):
    run, drawn, _ = album
    mine, other = (Path(path) for path in run()["picture"])
    if damage == "absent":
        mine.unlink()
    elif damage == "half":
        mine.write_bytes(mine.read_bytes()[: mine.stat().st_size // 2])
    else:
        mine.write_bytes(b"" if damage == "empty" else other.read_bytes())
    run()
    assert [name for name, *_ in drawn] == [mine.name]


def test_a_new_image_is_drawn_and_the_other_picture_kept(album):
    run, drawn, manifest = album
    run()
    files = ScanFiles.of(manifest.parent / "out", "B", "M006")
    write_volume(files.qc_image, (mni_template(QC_GRID).brain * 90).astype(np.uint8), QC_GRID.affine)
    table = pd.read_csv(manifest)
    table.loc[1, "qc_image_sha256"] = hash_file(files.qc_image)
    table.to_csv(manifest, index=False)
    run()
    assert [level for _, level, _ in drawn] == [90]


@pytest.mark.parametrize("damage", ["absent", "another"])
def test_an_image_that_is_not_the_recorded_one_is_refused_and_the_others_drawn(album, damage):
    run, drawn, manifest = album
    files = ScanFiles.of(manifest.parent / "out", "A", "M006")
    if damage == "absent":
        files.qc_image.unlink()
    else:
        write_volume(files.qc_image, np.ones(QC_GRID.shape, np.uint8), QC_GRID.affine)
    with pytest.raises(UserError, match=r"1 without, e.g. sub-A_ses-M006(.|\n)*preprocess again"):
        run()
    assert [name[:5] for name, *_ in drawn] == ["sub-B"]
    assert not (manifest.parent / "pictures.csv").exists()


def test_a_shard_without_scans_has_a_header(album):
    run, _, manifest = album
    pd.read_csv(manifest).iloc[2:].to_csv(manifest, index=False)
    table = run()
    assert table.empty and list(table.columns) == list(pictures.PICTURE_COLUMNS)


def test_the_steps_of_preprocessing_are_no_part_of_pictures():
    names = {file.stem for file in import_closure(ROOT / "workflow_scripts" / "pictures.py", ROOT)}
    assert "montage" in names and not {"scan", "shard", "bias_field", "registration", "quality", "verdict"} & names
