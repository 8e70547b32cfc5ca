"""Files of settings as YAML says them; YAML itself lets the last of two equal keys win without a word."""

from __future__ import annotations

from collections.abc import Hashable
from pathlib import Path
from typing import Any

import yaml

from ldae.errors import UserError

MERGE = "tag:yaml.org,2002:merge"  # of <<, which may be there twice


class _Loader(yaml.SafeLoader):
    """A loader that refuses a key that is there twice."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Hashable, Any]:
        seen: dict[Hashable, int] = {}
        for key in (key for key, _ in node.value if key.tag != MERGE):
            name = self.construct_object(key, deep=True)
            if name in seen:
                lines = f"lines {seen[name] + 1} and {key.start_mark.line + 1}"
                raise UserError(
                    f"{self.name}: {name}", "each key once", lines, "put both blocks together under one key"
                )
            seen[name] = key.start_mark.line
        return super().construct_mapping(node, deep)


def read_settings(path: str | Path) -> dict:
    """The content of a file of settings.

    Raises
    ------
    UserError
        A key is there twice, the file is no YAML, or it holds anything but settings.
    """
    with Path(path).open(encoding="utf-8") as stream:
        loader = _Loader(stream)
        loader.name = str(path)
        try:
            content = loader.get_single_data()
        except yaml.YAMLError as error:
            found = " ".join(f"{error}".split())[:300]
            raise UserError(path, "a file of settings in YAML", found, "correct the line it names") from None
        finally:
            loader.dispose()
    if content is None:
        return {}
    if not isinstance(content, dict):
        raise UserError(path, "settings, key: value", f"a {type(content).__name__}", "see docs/configuration.md")
    return content
