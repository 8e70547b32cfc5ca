"""Imports in the package point downwards, and it knows nothing of Snakemake."""

import ast

import pytest

from tests.unit.sources import PACKAGE, ROOT, imported_modules, imported_names

LAYERS = [
    {
        "__init__",
        "checksums",
        "code_hash",
        "device",
        "discretion",
        "errors",
        "files",
        "job_environment",
        "lazy",
        "lock",
        "pool",
        "precision",
        "progress",
        "scratch",
        "seeds",
        "signals",
        "subprocesses",
        "torchvision_ops",
        "weights",
    },
    {"config"},
    {"planning"},
    {"data"},
    {"phantom"},
    {"cohort"},
    {"preprocessing"},
    {"diffusion"},
    {"models"},
    {"networks"},
    {"training"},
    {"systems"},
    {"evaluation"},
    {"report"},
    {"use"},
    {"cli", "__main__"},
]
FILES = sorted(PACKAGE.rglob("*.py"))


def layer(file):
    """Position of the file's layer, from the bottom."""
    top = file.relative_to(PACKAGE).parts[0].removesuffix(".py")
    positions = [i for i, names in enumerate(LAYERS) if top in names]
    assert positions, f"{file}: not in a layer of {__name__}; add it where it belongs"
    return positions[0]


@pytest.mark.parametrize("file", FILES, ids=lambda f: str(f.relative_to(PACKAGE)))
def test_imports_point_downwards(file):
    above = [str(other.relative_to(PACKAGE)) for other in imported_modules(file) if layer(other) > layer(file)]
    assert not above, f"imports a higher layer: {above}"


@pytest.mark.parametrize(
    "file", [f for f in FILES if f.parent.name in ("diffusion", "models")], ids=lambda f: str(f.relative_to(PACKAGE))
)
def test_networks_and_diffusion_know_no_configuration_and_no_files(file):
    pure = {"models", "diffusion", "torchvision_ops.py", "errors.py", "__init__.py"}
    others = {str(other.relative_to(PACKAGE)) for other in imported_modules(file)}
    assert not {other for other in others if other.split("/")[0] not in pure}
    assert not {"json", "os", "pathlib", "yaml"} & {name.split(".")[0] for name in imported_names(file)}


@pytest.mark.parametrize("file", FILES, ids=lambda f: str(f.relative_to(PACKAGE)))
def test_the_package_knows_nothing_of_snakemake(file):
    assert not [name for name in imported_names(file) if name.split(".")[0] == "snakemake"]


def test_no_import_cycles():
    graph = {file: imported_modules(file) - {file} for file in FILES}
    while free := [file for file, imports in graph.items() if not imports & set(graph)]:
        for file in free:
            del graph[file]
    assert not graph, sorted(str(file.relative_to(PACKAGE)) for file in graph)


@pytest.mark.parametrize("file", sorted(PACKAGE.rglob("__init__.py")), ids=lambda f: str(f.relative_to(PACKAGE)))
def test_package_files_hold_no_logic(file):
    body = ast.parse(file.read_text(encoding="utf-8")).body
    assert all(isinstance(node, ast.Expr | ast.Assign | ast.Import | ast.ImportFrom) for node in body)


@pytest.mark.parametrize("script", sorted((ROOT / "workflow_scripts").glob("[a-z]*.py")), ids=lambda f: f.name)
def test_scripts_put_their_own_checkout_on_the_path_first(script):
    """A job's own environment has no ldae: `import _rule` makes it importable."""
    imports = [node for node in ast.parse(script.read_text(encoding="utf-8")).body if isinstance(node, ast.ImportFrom)]
    first_use = min(node.lineno for node in imports if node.module.startswith("ldae"))
    lines = script.read_text(encoding="utf-8").splitlines()
    assert any(line.startswith("import _rule") for line in lines[: first_use - 1])
