"""What the rules make of encoders from outside."""

from types import SimpleNamespace

import pytest
from snakemake.rules import Rule

from tests.rules import parse_rules

ENCODER = SimpleNamespace(encoder="theirs")


@pytest.fixture
def parse(tmp_path):
    """A function of what the encoder's file holds that gives the rules."""

    def run(content: str | None, name: str = "theirs.ts") -> dict[str, Rule]:
        if content is not None:
            (tmp_path / name).write_text(content, encoding="utf-8")
        encoder = {"name": "theirs", "file": str(tmp_path / name), "input_shape": [8, 9, 10], "output": "flatten"}
        return parse_rules({"evaluation": {"external_encoders": [encoder]}}, tmp_path)

    return run


def params(rule: Rule) -> dict:
    return dict(rule.params.items())


def test_it_is_a_row_of_both_tables_and_of_those_of_the_leaks(parse):
    rules, made = parse("weights"), "results/embeddings/external_theirs.npz"
    for table in ("table_downstream", "table_downstream_paper"):
        files = [str(file) for file in dict(rules[table].input.items())["embeddings"]]
        assert dict(zip(params(rules[table])["encoders"], files, strict=True))["theirs"] == made
    for table in ("table_leakage", "table_leakage_paper"):
        read = dict(rules[table].input.items())
        assert [str(file) for file in [read["external"]]] == [made]
        assert made not in map(str, read["embeddings"])


def test_another_content_is_another_encoder_and_another_place_is_not(parse):
    told = [
        params(parse(content, name)["external_embeddings"])["contents"](ENCODER)
        for content, name in (("weights", "theirs.ts"), ("weights", "moved.ts"), ("others", "theirs.ts"))
    ]
    assert told[0] == told[1] != told[2]


def test_a_file_that_is_not_there_stops_before_anything_runs(parse, tmp_path):
    with pytest.raises(Exception, match=r"evaluation.external_encoders: theirs: .*absent.ts"):
        parse(None, "absent.ts")
