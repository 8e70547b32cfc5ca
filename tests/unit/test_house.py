"""The house stays one that a newcomer can walk through: short files, scripts of one shape, no re-exports."""

import ast
import re
from pathlib import Path

import pytest

from tests.rules import script_rules

ROOT = Path(__file__).resolve().parents[2]
SOURCES = sorted(
    file
    for place in ("ldae", "workflow_scripts", "benchmarks", "envs", "tests")
    for file in (ROOT / place).rglob("*.py")
)
SCRIPTS = sorted((ROOT / "workflow_scripts").glob("[a-z]*.py"))


def name(file):
    return str(file.relative_to(ROOT))


@pytest.mark.parametrize("file", [*SOURCES, *sorted((ROOT / "rules").glob("*.smk"))], ids=name)
def test_a_file_has_one_purpose_and_300_lines_at_most(file):
    assert len(file.read_text(encoding="utf-8").splitlines()) <= 300


@pytest.mark.parametrize("file", sorted((ROOT / "ldae").rglob("*.py")), ids=name)
def test_a_module_does_something_of_its_own(file):
    body = ast.parse(file.read_text(encoding="utf-8")).body
    own = [node for node in body if not isinstance(node, ast.Import | ast.ImportFrom | ast.Expr)]
    assert own or not [node for node in body if isinstance(node, ast.ImportFrom)] or file.name == "__init__.py"
    assert not [node for node in own if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "__all__"]


@pytest.mark.parametrize("script", SCRIPTS, ids=name)
def test_a_script_has_one_shape(script):
    """Docstring, imports, and under the guard one call inside the rule's job; no branch, no loop, no lint exception."""
    text = script.read_text(encoding="utf-8")
    docstring, *imports, guard = ast.parse(text).body
    assert isinstance(docstring, ast.Expr) and isinstance(guard, ast.If)
    assert all(isinstance(node, ast.Import | ast.ImportFrom) for node in imports)
    (log,) = guard.body
    assert isinstance(log, ast.With) and ast.unparse(log.items[0]) in (
        "_rule.job(snakemake)",
        "_rule.job(snakemake, private=True)",
    )
    assert not [node for node in ast.walk(log) if isinstance(node, ast.If | ast.For | ast.While | ast.IfExp | ast.Try)]
    assert "noqa" not in text
    assert len(text.splitlines()) <= 40


def test_each_script_belongs_to_a_rule_of_its_name():
    used = {
        Path(rule.script).name
        for source in ("phantom", "bids", "oasis", "taken")
        for rule in script_rules(source).values()
    }
    assert {script.name for script in SCRIPTS} == used


def test_shared_names_of_the_rules_stand_in_one_file():
    texts = {file.name: file.read_text(encoding="utf-8") for file in (ROOT / "rules").glob("*.smk")}
    for file in set(texts) - {"common.smk"}:
        defined = re.findall(r"(?m)^(\w+) = |^def (\w+)\(", texts[file])
        for own in {name for pair in defined for name in pair if name}:
            users = [other for other, text in texts.items() if other != file and re.search(rf"\b{own}\b", text)]
            assert not users, f"{own} of {file} is used in {users}: move it to common.smk"
