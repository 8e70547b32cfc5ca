import pytest

from ldae.preprocessing.brain_extraction import deepbet, template
from ldae.preprocessing.precheck import load_scan
from ldae.preprocessing.registration import use_one_thread


@pytest.mark.slow
def test_it_finds_nearly_the_brain_that_deepbet_finds(head, config):
    use_one_thread()
    scan = load_scan(head)
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
