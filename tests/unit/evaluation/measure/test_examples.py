"""Which scans the figures show, and what is made of them."""

from __future__ import annotations

from types import SimpleNamespace

import nibabel as nib
import numpy as np
import pandas as pd
import pytest
import torch

from ldae.config.load import load_config
from ldae.diffusion.interpolation import lerp
from ldae.evaluation.measure import examples
from ldae.evaluation.measure.reconstruction import ENCODED, SEMANTIC
from ldae.preprocessing.grid import Grid
from ldae.systems.probe import Probe
from ldae.systems.trained import TrainedModel
from tests.unit.evaluation.conftest import SHAPE, FakeLDAE, rehash
from tests.unit.sources import ROOT

GRID = Grid(SHAPE, 5.0, (0.0, -17.0, 5.0))


class Attending(FakeLDAE):
    """The stand-in, with a shape for its noises; it attends to the second slice, then to the last but one."""

    normalizer = SimpleNamespace(mean=torch.zeros(1, *SHAPE))

    def slice_weights(self, x):
        weights = torch.zeros(len(x), SHAPE[2])
        weights[:, 1] = 1
        return weights, weights.flip(1)


@pytest.fixture(scope="module")
def model():
    config = load_config(ROOT / "config.yaml")
    settings = SimpleNamespace(
        preprocessing=config.preprocessing.model_copy(update={"grid_shape": SHAPE}),
        sampling=config.sampling,
        evaluation=SimpleNamespace(batch_size=2),
    )
    vector = [1.0, 1.0]
    probe = Probe(
        task="AD vs CN",
        positive="AD",
        mean=[0.0, 0.0],
        scale=vector,
        weights=[10.0, 0.0],
        intercept=0.0,
        regularisation=1.0,
        threshold=None,
        calibration=None,
        pattern=[1.0, 0.0],
        difference=[1.0, 0.0],
        training_subjects=9,
    )
    description = SimpleNamespace(settings=settings, phantom=True)
    return TrainedModel(Attending(), {"ad_cn": probe}, None, description)


@pytest.fixture
def test_scans(tmp_path):
    """Test scans of four subjects, the first of them with four visits; AD comes before CN in the table."""
    rng, rows = np.random.default_rng(2), []
    visits = [("S1", "MCI", (0, 6, 14, 24)), ("S2", "AD", (0, 6)), ("S3", "CN", (0,)), ("S4", "AD", (0,))]
    for subject, diagnosis, months in visits:
        for month in months:
            path = tmp_path / f"{subject}{month}.nii.gz"
            volume = (0.3 + 0.2 * rng.random(SHAPE)).astype(np.float32)
            nib.save(nib.Nifti1Image(volume, GRID.affine), path)
            rows.append((subject, f"M{month:03d}", str(path), "test", diagnosis, 70 + month / 12, float(month)))
    return rehash(pd.DataFrame(rows, columns="subject session path split diagnosis age months".split()))


def test_the_first_scan_of_each_diagnosis_is_edited_in_the_order_of_severity(test_scans):
    chosen = examples.first_of_each_diagnosis(test_scans)
    assert list(zip(chosen["subject"], chosen["diagnosis"], strict=True)) == [("S3", "CN"), ("S1", "MCI"), ("S2", "AD")]


def measured(**means):
    """Measured reconstructions: each subject's mean SSIM is told, its two scans lie around it."""
    rows = []
    for subject, mean in means.items():
        for session, aside in (("M012", 0.05), ("M000", -0.05)):
            own = {"subject": subject, "session": session}
            rows.append(own | {"start": ENCODED, "steps": 20, "ssim": mean + aside})
            rows.append(own | {"start": SEMANTIC, "steps": 20, "ssim": 1 - mean})
            rows.append(own | {"start": ENCODED, "steps": 10, "ssim": 1 - mean})
    return pd.DataFrame(rows)


@pytest.mark.parametrize(
    "means, ranked",
    [
        ({"A": 0.8, "B": 0.6, "C": 0.9, "D": 0.5, "E": 0.7}, {"best": "C", "median": "E", "worst": "D"}),
        ({"A": 0.8, "B": 0.6, "C": 0.9, "D": 0.5}, {"best": "C", "median": "A", "worst": "D"}),
        ({"A": 0.6, "B": 0.8}, {"best": "B", "worst": "A"}),
        ({"A": 0.6}, {"best": "A"}),
    ],
)
def test_subjects_are_ranked_by_their_mean_ssim_from_the_encoded_noise(means, ranked):
    found = examples.rank_subjects(measured(**means), 20)
    assert dict(zip(found["rank"], found["subject"], strict=True)) == ranked
    assert set(found["session"]) == {"M000"}
    assert found["ssim"].tolist() == pytest.approx([means[subject] for subject in ranked.values()])


def test_the_visits_furthest_apart_with_one_in_the_middle_are_chosen(test_scans):
    triple = examples.choose_triple(test_scans)
    assert test_scans.loc[triple[["first", "middle", "last"]].astype(int), "months"].tolist() == [0, 14, 24]


def test_edits_keep_the_noise_and_move_y_sem(model, test_scans):
    chosen = examples.first_of_each_diagnosis(test_scans)
    part = examples.edit(model, chosen, [-2.0, 0.0, 4.0])
    assert part["edited"].shape == (3, 3, *SHAPE) and part["name"][0] == "S3\nM000 CN"
    np.testing.assert_allclose(part["edited"][:, 1], part["scan"], atol=1e-6)
    np.testing.assert_allclose(part["edited"][:, 2] - part["scan"], 0.4, atol=1e-5)
    np.testing.assert_allclose(part["edited"][:, 0] - part["scan"], -0.2, atol=1e-5)


def test_without_a_probe_the_figure_has_a_note(model, test_scans):
    bare = TrainedModel(model.system, {}, None, model.description)
    assert "AD" in str(examples.edit(bare, test_scans, [0.0])["note"])


def test_variants_have_the_spread_of_the_noise(model, test_scans):
    part = examples.vary(model, examples.first_of_each_diagnosis(test_scans), 3)
    assert part["variant"].shape == (3, 3, *SHAPE) and int(part["count"]) == 8
    assert part["spread"].mean() == pytest.approx(0.9, abs=0.05) and np.ptp(part["spread"]) > 0.1
    np.testing.assert_allclose(part["mean"].mean((1, 2, 3)), part["scan"].mean((1, 2, 3)), atol=0.05)
    assert not np.allclose(part["variant"][0, 0], part["variant"][0, 1])


def test_a_visit_is_predicted_from_those_around_it(model, test_scans):
    part = examples.predict_visit(model, test_scans)
    t = torch.tensor([14 / 24])
    first, last = (torch.from_numpy(part[name])[None] for name in ("first", "last"))
    np.testing.assert_allclose(part["blend"], lerp(first, last, t)[0], atol=1e-6)
    np.testing.assert_array_equal(part["copy"], part["last"])
    assert part["months"].tolist() == pytest.approx([0, 14, 24]) and str(part["name"]) == "S1"
    assert part["mse"][2] == pytest.approx(((part["copy"] - part["true"]) ** 2).mean(), rel=1e-4)
    assert not np.allclose(part["ldae"], part["blend"], atol=1e-3)


def test_without_three_visits_the_figure_has_a_note(model, test_scans):
    assert "three visits" in str(examples.predict_visit(model, test_scans[test_scans["months"] < 14])["note"])


def test_the_ranked_scans_are_rebuilt_at_each_number_of_steps(model, test_scans, monkeypatch):
    used = []
    monkeypatch.setattr(
        Attending, "decode_stochastic", lambda self, z, y, steps, solver: used.append(steps) or z + steps
    )
    ranked = pd.DataFrame({"rank": ["best", "worst"], "subject": ["S3", "S1"], "session": "M000", "ssim": [0.9, 0.5]})
    part = examples.rebuild(model, test_scans, ranked, [10, 20])
    assert used == [10, 20] and part["rebuilt"].shape == (2, 2, *SHAPE)
    np.testing.assert_allclose(part["rebuilt"][:, 1] - part["rebuilt"][:, 0], 10, atol=1e-4)
    assert part["name"].tolist() == ["S3\nM000 CN", "S1\nM000 MCI"]
    assert part["scan"][1] == pytest.approx(nib.load(test_scans["path"][0]).get_fdata(), abs=1e-6)


def test_each_subject_is_attended_to_once(model, test_scans):
    part = examples.attend(model, test_scans)
    assert part["query"].shape == (4, SHAPE[2]) and (part["query"][:, 1] == 1).all()
    assert (part["pooling"][:, -2] == 1).all() and part["diagnosis"].tolist() == ["MCI", "AD", "CN", "AD"]
