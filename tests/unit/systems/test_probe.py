"""A stored probe: what it says, and how y_sem moves along it."""

from __future__ import annotations

import pytest
import torch
from pydantic import ValidationError

from ldae.errors import UserError
from ldae.files import write_json
from ldae.systems.probe import Calibration, Probe
from ldae.systems.probes import StoredProbes, read_probes

STORED = {
    "task": "AD vs CN",
    "positive": "AD",
    "mean": [1.0, -2.0],
    "scale": [2.0, 0.5],
    "weights": [0.5, -1.0],
    "intercept": 0.25,
    "regularisation": 0.1,
    "threshold": 0.4,
    "calibration": Calibration(slope=0.5, intercept=-1.0, subjects=9, covered=(-2.0, 3.0)),
    "pattern": [1.0, 0.2],
    "difference": [0.3, -0.7],
    "training_subjects": 5,
}
Y_SEM = torch.tensor([[1.0, -2.0], [3.0, -1.0]])


@pytest.fixture
def probe():
    return Probe(**STORED)


def test_the_score_is_of_standardised_features(probe):
    torch.testing.assert_close(probe.score(Y_SEM), torch.tensor([0.25, 0.25 + 0.5 - 2.0], dtype=torch.float64))
    torch.testing.assert_close(probe.probability(Y_SEM), torch.sigmoid(probe.score(Y_SEM)))


def test_calibration_acts_on_log_odds(probe):
    torch.testing.assert_close(probe.calibrated(Y_SEM), torch.sigmoid(0.5 * probe.score(Y_SEM) - 1.0))
    assert probe.model_copy(update={"calibration": None}).calibrated(Y_SEM).isnan().all()


@pytest.mark.parametrize("along", ["pattern", "weights", "difference"])
@pytest.mark.parametrize("strength", [-3.0, 0.0, 2.0])
def test_a_move_adds_its_strength_to_the_score(probe, along, strength):
    moved = probe.move(Y_SEM.double(), strength, along)
    torch.testing.assert_close(probe.score(moved), probe.score(Y_SEM) + strength)


def test_a_move_is_along_the_direction_in_standardised_space(probe):
    step = (probe.move(Y_SEM.double(), 2.0, "pattern") - Y_SEM) / torch.tensor([2.0, 0.5])
    torch.testing.assert_close(step[0] / step[0, 0], torch.tensor([1.0, 0.2], dtype=torch.float64))
    assert not torch.allclose(probe.move(Y_SEM, 2.0, "weights"), probe.move(Y_SEM, 2.0, "difference"))


def test_each_scan_may_move_by_its_own_strength(probe):
    moved = probe.move(Y_SEM.double(), torch.tensor([1.0, -2.0]))
    torch.testing.assert_close(probe.score(moved) - probe.score(Y_SEM), torch.tensor([1.0, -2.0], dtype=torch.float64))


def test_a_move_keeps_the_type(probe):
    assert probe.move(Y_SEM, 1.0).dtype == torch.float32


def test_a_scale_of_zero_is_refused():
    with pytest.raises(ValidationError, match="scale"):
        Probe(**STORED | {"scale": [1.0, 0.0]})


def test_probes_come_back_as_they_were_written(probe, tmp_path):
    write_json(
        tmp_path / "probes.json", StoredProbes(representation_sha256="abc", probes={"ad_cn": probe}).model_dump()
    )
    assert read_probes(tmp_path, "abc") == {"ad_cn": probe}


def test_probes_of_another_representation_are_refused(probe, tmp_path):
    write_json(
        tmp_path / "probes.json", StoredProbes(representation_sha256="abc", probes={"ad_cn": probe}).model_dump()
    )
    with pytest.raises(UserError, match="another"):
        read_probes(tmp_path, "def")


@pytest.mark.parametrize("text", ["", "[]", "{", '{"probes": {}}', "\ufeff\x00"])
def test_a_damaged_file_is_said(text, tmp_path):
    (tmp_path / "probes.json").write_text(text, encoding="utf-8")
    with pytest.raises(UserError, match="linear probes"):
        read_probes(tmp_path, "abc")
