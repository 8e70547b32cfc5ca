"""Every caption of the report says which cohort it is of."""

import re

import pytest
from jinja2 import Environment

from tests.unit.sources import ROOT

CAPTIONS = sorted((ROOT / "rules" / "captions").glob("*.rst"))
TABLES = [caption for caption in CAPTIONS if not caption.stem.startswith("figure")]


@pytest.mark.parametrize("caption", CAPTIONS, ids=lambda path: path.stem)
def test_a_caption_names_the_cohort(caption):
    snakemake = {"config": {"told": "Cohort: a pilot."}}
    said = Environment().from_string(caption.read_text(encoding="utf-8")).render(snakemake=snakemake)
    assert said.rstrip().endswith("\n\nCohort: a pilot.")


@pytest.mark.parametrize("caption", TABLES, ids=lambda path: path.stem)
def test_a_table_with_intervals_says_what_they_do_not_cover(caption):
    text = " ".join(caption.read_text(encoding="utf-8").split())
    assert "interval" not in text.lower() or re.search("training seed|which seed trained", text)
