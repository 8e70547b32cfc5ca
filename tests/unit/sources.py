"""What the sources import, read from their syntax trees without running them."""

from __future__ import annotations

import ast
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PACKAGE = ROOT / "ldae"


def imported_names(source: Path) -> set[str]:
    """Dotted names a file imports when it runs, in functions too; ``from a import b`` gives ``a`` and ``a.b``."""
    names = set()
    tree = ast.parse(source.read_text(encoding="utf-8"))
    for_annotations = [n for n in tree.body if isinstance(n, ast.If) and ast.unparse(n.test) == "TYPE_CHECKING"]
    tree.body = [node for node in tree.body if node not in for_annotations]
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{source}: relative import"
            names.add(node.module)
            names.update(f"{node.module}.{alias.name}" for alias in node.names)
    return names


def module_file(name: str) -> Path | None:
    """The file of a dotted `ldae` name, or of a helper beside the scripts (``_model``); None for other names."""
    path = ROOT.joinpath(*name.split("."))
    candidates = [path.with_suffix(".py"), path / "__init__.py"] if name.split(".")[0] == "ldae" else []
    if name.startswith("_"):
        candidates.append(ROOT / "workflow_scripts" / f"{name}.py")
    return next((candidate for candidate in candidates if candidate.is_file()), None)


def imported_modules(source: Path) -> set[Path]:
    """The files of this project that a file imports directly."""
    return {file for name in imported_names(source) if (file := module_file(name))}


def all_imported_modules(source: Path) -> set[Path]:
    """The `ldae` files that a script imports, directly or through others."""
    seen: set[Path] = set()
    waiting = imported_modules(source)
    while waiting:
        file = waiting.pop()
        seen.add(file)
        waiting |= imported_modules(file) - seen
    return {file for file in seen if file.is_relative_to(PACKAGE)}
