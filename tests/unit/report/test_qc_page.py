import re
from html.parser import HTMLParser
from pathlib import Path

import pandas as pd
import pytest

from ldae.report.qc_page import EFFECTS, write_qc_page
from tests.unit.report.conftest import GOOD, scan


class Elements(HTMLParser):
    """All start tags with their attributes, and that every tag is closed."""

    def __init__(self, text):
        super().__init__()
        self.tags, self.open = [], []
        self.feed(text)
        assert not self.open

    def handle_starttag(self, tag, attributes):
        self.tags.append((tag, dict(attributes)))
        if tag not in ("meta", "input", "img"):
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def of(self, tag):
        return [attributes for name, attributes in self.tags if name == tag]


@pytest.fixture
def make(qc_table, qc_config):
    def run(overrides=()):
        effects = qc_table.with_name("effects.csv")
        pd.DataFrame(list(overrides), columns=EFFECTS).to_csv(effects, index=False)
        write_qc_page(qc_table, effects, qc_config, "results/qc.html")
        return Path("results/qc.html").read_text(encoding="utf-8")

    return run


def test_every_scan_has_a_card_the_riskiest_first(make):
    cards = Elements(make()).of("article")
    assert [card["data-subject"] for card in cards] == ["NONE", "BAD", "OUT", "WARN", "BACK", "NEAR", "PASS"]
    assert [card["class"] for card in cards] == ["error", "fail", "fail", "warn", "pass", "pass", "pass"]


def test_pictures_are_lazy_and_linked_relative_to_the_page(make):
    elements = Elements(make())
    pictures = elements.of("img")
    assert len(pictures) == 6 and {picture["loading"] for picture in pictures} == {"lazy"}
    assert pictures[0]["src"] == "derivatives/preproc/sub-BAD/figures/sub-BAD_ses-M000_desc-qc_T1w.png"
    assert [link["href"] for link in elements.of("a")] == [picture["src"] for picture in pictures]


def test_nothing_comes_from_elsewhere(make):
    page = make()
    assert not re.search(r"https?:|//[a-z]|@import|url\(", page)
    assert not Elements(page).of("link") and all("src" not in script for script in Elements(page).of("script"))


def test_verdicts_are_counted_and_reasons_shown(make):
    page = make()
    words = re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", page))
    assert re.search(r"error 1 fail 2 warn 1 pass 3 ", words)
    assert "no brain found" in page and "dice 0.94 is below 0.945" in page
    assert "judged fail by AB: motion &lt;b&gt;" in page, "text of a person must be escaped"
    assert "fail OUT M000" in words and words.count("by the numbers: pass") == words.count("by the numbers: fail") == 1


def test_numbers_beyond_their_limits_are_marked(make):
    page = make()
    marked = re.findall(r'<span class="(warn|fail)">(\w+)&nbsp;([\d.]+)</span>', page)
    assert marked == [("fail", "dice", "0.9"), ("warn", "dice", "0.94"), ("fail", "dice", "0.91")]


def test_a_scan_without_numbers_shows_none(make, qc_table):
    none = scan("NONE", "error", reason="no brain found", path="") | dict.fromkeys(GOOD, float("nan"))
    pd.DataFrame([none]).to_csv(qc_table, index=False)
    page = make()
    assert "no brain found" in page
    assert "brain_volume_ml&nbsp;" not in page


@pytest.mark.parametrize("volume, level", [(2200.0, "fail"), (2000.0, "warn"), (1000.0, "warn"), (1500.0, "pass")])
def test_a_number_with_two_limits_takes_the_worse(make, qc_table, volume, level):
    pd.DataFrame([scan("A", level, brain_volume_ml=volume)]).to_csv(qc_table, index=False)
    assert f'<span class="{level}">brain_volume_ml&nbsp;{volume:.4g}</span>' in make()


def test_overrides_without_effect_are_said(make):
    row = dict(zip(EFFECTS, ("X", "M000", "pass", "why", "AB", "4", "none: there is no such scan"), strict=True))
    page = make([row, row | {"subject": "Y", "effect": "confirmed"}])
    assert re.search(r"line 4, sub-X\s+ses-M000, pass by AB: none: there is no such scan", page)
    assert "sub-Y" not in page


def test_the_page_offers_rows_that_the_reader_of_overrides_takes(make, tmp_path):
    from ldae.cohort.overrides import read_overrides

    header = re.search(r"<textarea[^>]*>\n(.*)\n", make())[1]
    (tmp_path / "o.tsv").write_text(f"{header}\nBAD\tM000\tpass\tlarge\tAB\n")
    assert read_overrides(tmp_path / "o.tsv")["subject"].tolist() == ["BAD"]


def test_thousands_of_scans_are_one_page_of_lazy_cards(make, qc_table):
    """Chromium opens 16,000 (14 MB) in 3 s and 0.5 GB: it lays out and loads only the cards near the screen."""
    pd.DataFrame([scan(f"S{number}") for number in range(1000)]).to_csv(qc_table, index=False)
    page = make()
    assert page.count('loading="lazy"') == page.count("<article") == 1000
    assert "content-visibility: auto" in page and len(page) < 1000 * 1250
