"""Every caption of the report says which cohort it is of."""

import pytest
from jinja2 import Environment

from tests.unit.sources import ROOT

CAPTIONS = sorted((ROOT / "rules" / "captions").glob("*.rst"))


@pytest.mark.parametrize("caption", CAPTIONS, ids=lambda path: path.stem)
def test_a_caption_names_the_cohort(caption):
    snakemake = {"config": {"told": "Cohort: a pilot."}}
    said = Environment().from_string(caption.read_text(encoding="utf-8")).render(snakemake=snakemake)
    assert said.rstrip().endswith("\n\nCohort: a pilot.")
