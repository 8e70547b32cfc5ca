import numpy as np
import pytest

from ldae.preprocessing.brain_extraction import deepbet, template
from ldae.preprocessing.grid import Grid, mni_template
from ldae.preprocessing.precheck import load_scan
from ldae.preprocessing.registration import use_one_thread
from ldae.preprocessing.resampling import resample
from ldae.preprocessing.volume import Volume
from tests.unit.preprocessing.conftest import HEAD_SCALE


@pytest.mark.slow
def test_it_finds_nearly_the_brain_that_deepbet_finds(head, config):
    use_one_thread()
    scan = load_scan(head).volume
    found, expected = template.extract(scan, config), deepbet.extract(scan, config) > 0
    assert 2 * (found & expected).sum() / (found.sum() + expected.sum()) > 0.9


def test_the_record_changes_with_the_template(config, monkeypatch):
    grid = template.covering_grid(template.SPACING_MM)
    first = template.record(config)["template_sha256"]
    other = template.mni_template(grid)
    monkeypatch.setattr(
        template, "mni_template", lambda _: type(other)(other.t1 + 1, other.brain, other.grey, other.white)
    )
    assert template.record(config)["template_sha256"] != first


def test_a_coarse_template_covers_the_brain_of_a_head(head, config, monkeypatch):
    """The head is the template's brain in its own coordinates, smaller by `HEAD_SCALE`, tilted and off the middle."""
    monkeypatch.setattr(template, "SPACING_MM", 6.0)
    monkeypatch.setattr(template, "MARGIN_VOXELS", 2)
    use_one_thread()
    scan = load_scan(head).volume
    found = template.extract(scan, config)
    grid = Grid((100, 120, 100), 2.0, (0.0, -17.0, 5.0))
    brain = mni_template(grid).brain.astype(np.float32)
    native = np.diag([HEAD_SCALE] * 3 + [1.0]) @ grid.affine
    expected = resample(Volume(brain, native), scan) >= 0.5
    overlap = 2 * (found & expected).sum() / (found.sum() + expected.sum())
    assert found.dtype == bool and overlap > 0.9
    assert found.sum() == pytest.approx(expected.sum(), rel=0.08)
