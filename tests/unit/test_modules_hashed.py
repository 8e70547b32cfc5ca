"""Editing a module reruns the stages that use it: every rule hashes the modules its script imports."""

import pytest

from tests.rules import ROOT, script_rules
from tests.unit.sources import PACKAGE, all_imported_modules

# A change of these changes no result: the values of the config are params of the rules already.
EXEMPT = {PACKAGE / f"{name}.py" for name in ("errors", "config", "torchvision_ops")}
EXEMPT |= {*(PACKAGE / "sections").glob("*.py"), *PACKAGE.rglob("__init__.py")}
ALL = {source: script_rules(source) for source in ("adni", "bids", "oasis")}
SHARED = set.intersection(*map(set, ALL.values())) - {"bids", "convert"}
RULES = [(source, rule) for source in ALL for rule in sorted(ALL[source]) if source == "adni" or rule not in SHARED]


def imported(rule):
    """The modules behind a rule's script."""
    return all_imported_modules(ROOT / "rules" / rule.script)


def files_of(name):
    """The files behind a name given to `hash_modules`."""
    single = PACKAGE / f"{name}.py"
    return {single} if single.is_file() else set((PACKAGE / name).rglob("*.py"))


@pytest.mark.parametrize("source, name", RULES)
def test_every_imported_module_is_hashed(source, name):
    rule = ALL[source][name]
    hashed = set().union(*map(files_of, rule.params["code"]))
    missing = imported(rule) - EXEMPT - hashed
    assert not missing, f"rule {rule}: add to hash_modules: {sorted(str(m.relative_to(PACKAGE)) for m in missing)}"


@pytest.mark.parametrize("source, name", RULES)
def test_nothing_else_is_hashed(source, name):
    """A name none of whose files the stage imports would rerun it for nothing."""
    rule = ALL[source][name]
    needless = [module for module in rule.params["code"] if not files_of(module) & (imported(rule) | EXEMPT)]
    assert not needless, f"rule {rule}: remove from hash_modules: {needless}"


def test_every_stage_was_seen():
    stages = {"phantom", "check", "convert", "preprocess", "dataset", "autoencoder", "ldm", "representation"}
    assert stages | {"embeddings", "reconstruct", "downstream"} <= set(ALL["adni"])
