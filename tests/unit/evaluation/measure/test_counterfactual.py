"""Edited scans: which are made, and what is measured on them."""

from __future__ import annotations

import nibabel as nib
import numpy as np
import pandas as pd
import pytest
import torch

from ldae.config.evaluation import CounterfactualConfig
from ldae.config.partial import partial_config
from ldae.data.volumes import read_volumes
from ldae.evaluation.features.morphometry import REGIONS, measure_regions
from ldae.evaluation.measure.counterfactual import EDITED, SCAN, WAYS, edit_scans, list_edits, other_scans
from ldae.preprocessing.grid import Grid
from ldae.systems.probe import Probe
from tests.unit.evaluation.conftest import rehash

SHAPE, SPACING, CENTER = (16, 20, 16), 10.0, (0.0, -17.0, 5.0)
GRID = Grid(SHAPE, SPACING, CENTER)
CONFIG = partial_config(
    {
        "preprocessing": {"grid_shape": list(SHAPE), "grid_spacing_mm": SPACING, "grid_center_mm": list(CENTER)},
        "sampling": {"solver": "2m", "steps": 4},
        "evaluation": {"batch_size": 2, "counterfactual": {"log_odds": [-4.0, 0.0, 2.0], "years": [-10.0, 0.0, 10.0]}},
    }
)


def make_probe(task: str, positive: str) -> Probe:
    return Probe(
        task=task,
        positive=positive,
        mean=[0.3, 0.0],
        scale=[0.01, 1.0],
        weights=[2.0, 0.0],
        intercept=0.5,
        regularisation=1.0,
        threshold=0.5,
        calibration=None,
        pattern=[1.0, 0.0],
        difference=[0.5, 0.2],
        training_subjects=3,
    )


PROBES = {"ad_cn": make_probe("AD vs CN", "AD"), "age": make_probe("age", "")}


@pytest.fixture
def brains(scans):
    """The table's scans on a grid that covers a brain."""
    rng = np.random.default_rng(6)
    inside = np.linalg.norm(np.indices(SHAPE).T - (np.array(SHAPE) - 1) / 2, axis=-1).T < 7.5
    for number, path in enumerate(scans["path"]):
        tissue = np.choose(rng.integers(0, 3, SHAPE), [0.2, 0.5, 0.8]) + 0.01 * number + rng.normal(0, 0.02, SHAPE)
        nib.save(nib.Nifti1Image(np.where(inside, tissue, 0).astype(np.float32), GRID.affine), path)
    return rehash(scans)


@pytest.fixture
def measured(fake_ldae, brains):
    return edit_scans(fake_ldae, brains, PROBES, CONFIG)


def test_every_edit_of_every_probe_and_no_edit_once():
    edits = list_edits(PROBES, [-4.0, 0.0, 2.0], [-10.0, 0.0, 10.0])
    assert len(edits) == 2 * len(WAYS) * 2
    assert {edit.strength for edit in edits if edit.probe.positive} == {-4.0, 2.0}
    assert {edit.strength for edit in edits if not edit.probe.positive} == {-10.0, 10.0}


def test_the_first_scan_of_each_test_subject_in_every_way(measured, scans):
    test = scans[scans["split"] == "test"].drop_duplicates("subject")
    assert set(zip(measured["subject"], measured["session"], strict=True)) == set(
        zip(test["subject"], test["session"], strict=True)
    )
    counts = measured.groupby(["subject", "edit", "along"]).size()
    assert len(counts) == 6 * 2 * 3
    assert (counts == 4).all()  # the scan, and three strengths
    assert not measured.duplicated(["subject", "edit", "along", "image", "strength"]).any()


def test_an_edit_adds_its_strength_to_what_the_probe_reads_again(measured):
    """The stand-in's y_sem is the mean intensity, which its decoder puts into the image."""
    edited = measured[(measured["image"] == EDITED) & (measured["along"] == "weights")]
    for _, rows in edited.groupby(["subject", "edit"]):
        own = rows.loc[rows["strength"] == 0, "score"].item()
        np.testing.assert_allclose(rows["score"] - own, rows["strength"], atol=0.02)


def test_regions_are_those_of_the_image_within_the_scans_own_brain(measured, brains):
    row = measured[(measured["image"] == SCAN) & (measured["edit"] == "age")].iloc[0]
    path = brains.set_index(["subject", "session"])["path"][row["subject"], row["session"]]
    scan = read_volumes([path])[0, 0].numpy()
    expected = measure_regions(scan, GRID, scan > 0)
    np.testing.assert_allclose([row[name] for name in REGIONS], [expected[name] for name in REGIONS], rtol=1e-4)
    edited = measured[(measured["image"] == EDITED) & (measured["subject"] == row["subject"])]
    assert edited["semiovale_level"].nunique() > 3


def test_distances_are_to_the_own_other_visit_and_to_another_subject(measured, brains):
    unedited = measured[(measured["image"] == SCAN) & (measured["edit"] == "age") & (measured["along"] == "pattern")]
    unedited = unedited.set_index("subject")
    test = brains[brains["split"] == "test"]
    visits = test.groupby("subject")["path"].agg(list)
    for subject, paths in visits.items():
        volumes = read_volumes(paths)
        if len(paths) == 1:
            assert np.isnan(unedited.loc[subject, "own_mse"])
        else:
            expected = (volumes[0] - volumes[1]).square().mean().item()
            assert unedited.loc[subject, "own_mse"] == pytest.approx(expected, rel=1e-4)
    first, second = visits.index[:2]
    expected = (read_volumes(visits[first][:1]) - read_volumes(visits[second][:1])).square().mean().item()
    assert unedited.loc[first, "other_mse"] == pytest.approx(expected, rel=1e-4)


def test_a_single_test_subject_has_no_other(scans):
    test = scans[scans["split"] == "test"]
    alone = test[test["subject"] == test["subject"].iloc[0]]
    chosen = alone.drop_duplicates("subject").reset_index(drop=True)
    others = other_scans(alone, chosen)
    assert others["other_mse"].tolist() == [""]
    assert others["own_mse"].tolist() == [alone["path"].iloc[1]]


def test_the_batch_changes_nothing(fake_ldae, brains, measured):
    evaluation = CONFIG.evaluation.model_copy(update={"batch_size": 5})
    again = edit_scans(fake_ldae, brains, PROBES, CONFIG.model_copy(update={"evaluation": evaluation}))
    pd.testing.assert_frame_equal(again, measured, rtol=1e-4)


def test_strengths_need_no_edit_and_both_sides():
    for wrong in ([1.0, 2.0], [-1.0, 1.0], [0.0, 1.0], [1.0, 0.0, -1.0]):
        with pytest.raises(ValueError, match="log_odds"):
            CounterfactualConfig(log_odds=wrong, years=[-1.0, 0.0, 1.0])


def test_without_probes_nothing_is_edited(fake_ldae, brains):
    table = edit_scans(fake_ldae, brains, {}, CONFIG)
    assert table.empty
    assert isinstance(torch.tensor(table.to_numpy(dtype=float)), torch.Tensor)
