"""The JSON schema and the documentation of the configuration, both made from its typed model.

``python -m ldae.config.schema`` writes them anew into the checkout.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import yaml

from ldae.config.base import section_in
from ldae.config.load import Config

ROOT = Path(__file__).resolve().parents[2]
SCHEMA, PAGE, DEFAULTS = (ROOT / name for name in ("docs/config.schema.json", "docs/configuration.md", "config.yaml"))
DIALECT = "https://json-schema.org/draft/2020-12/schema"
SIGNS = {"minimum": "≥", "exclusiveMinimum": ">", "maximum": "≤", "exclusiveMaximum": "<"}
KINDS = {"integer": "whole number", "number": "number", "boolean": "true or false", "string": "text", "null": "null"}
HEAD = """\
# Every setting

Made from the typed model by `make schema`; edit the descriptions in `ldae/config/`, not this page.

The defaults are those of [`config.yaml`](../config.yaml). Put what you change into a file of your own, which is laid
over them key by key; the last file wins:

```bash
snakemake --configfile presets/paper.yaml my_study.yaml --cores 8
```

All values are checked before anything runs, and everything that is wrong is said in one message. A line
`# yaml-language-server: $schema=docs/config.schema.json` at the top of a file makes an editor check and complete it.
"""


def make_schema() -> dict:
    """JSON schema (draft 2020-12) of a file of settings: config.yaml, or any part of it that is laid over it."""
    return {"$schema": DIALECT, "title": "LDAE"} | _cleaned(Config.model_json_schema())


def make_page(defaults: dict) -> str:
    """The page of documentation, in Markdown: one table per section.

    Parameters
    ----------
    defaults : dict
        The content of config.yaml.
    """
    schema = Config.model_json_schema()
    sections = {name: section_in(field.annotation) for name, field in Config.model_fields.items()}
    single = {name: node for name, node in schema["properties"].items() if sections[name] is None}
    parts = [HEAD, _table(_leaves({"properties": single}, schema["$defs"], defaults))]
    for name, section in sections.items():
        if section is not None:
            node = schema["$defs"][section.__name__]
            rows = _leaves(node, schema["$defs"], defaults[name])
            parts.append(f"## `{name}`\n\n{node['description']}\n\n{_table(rows)}")
    return "\n".join(parts)


def write(folder: Path = ROOT) -> None:
    """Write the schema and the page below `folder`."""
    defaults = yaml.safe_load(DEFAULTS.read_text(encoding="utf-8"))
    texts = {SCHEMA: json.dumps(make_schema(), indent=2, ensure_ascii=False) + "\n", PAGE: make_page(defaults)}
    for path, text in texts.items():
        target = folder / path.relative_to(ROOT)
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(text, encoding="utf-8")


def _cleaned(node: dict) -> dict:
    """The node without titles, which repeat the keys, and without required keys, for a file may hold a part of them.

    Without defaults, too, for those of config.yaml count.
    """
    kept: dict = {}
    for key, value in node.items():
        if key in ("properties", "$defs"):
            kept[key] = {name: _cleaned(each) for name, each in value.items()}
        elif isinstance(value, dict):
            kept[key] = _cleaned(value)
        elif key not in ("title", "required", "default"):
            kept[key] = value
    return kept


def _leaves(node: dict, definitions: dict, defaults: dict, prefix: str = "") -> Iterator[tuple[str, object, dict]]:
    """Key, default and schema of each setting of a section, those of its own sections included."""
    for key, part in node["properties"].items():
        if "$ref" in part:
            yield from _leaves(definitions[part["$ref"].split("/")[-1]], definitions, defaults[key], f"{prefix}{key}.")
        else:
            yield prefix + key, defaults[key], part


def _table(rows: Iterator[tuple[str, object, dict]]) -> str:
    lines = ["| setting | default | meaning | allowed |", "|---|---|---|---|"]
    for key, default, node in rows:
        cells = (f"`{key}`", f"`{_flow(default)}`", node["description"], describe_values(node))
        lines.append("| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |")
    return "\n".join(lines) + "\n"


def _flow(value: object) -> str:
    """A value as one writes it in YAML, on one line."""
    return yaml.safe_dump(value, default_flow_style=True, width=10**6, sort_keys=False).split("\n...")[0].strip()


def describe_values(node: dict) -> str:
    """Which values the schema of a setting allows, in words.

    Examples
    --------
    >>> describe_values({"type": "array", "items": {"type": "integer", "minimum": 1}, "minItems": 1})
    'list of at least 1: whole number ≥ 1'
    >>> describe_values({"anyOf": [{"type": "string"}, {"type": "null"}]})
    'text or null'
    """
    if "anyOf" in node:
        return " or ".join(describe_values(each) for each in node["anyOf"])
    if "enum" in node:
        return ", ".join(f"`{value}`" for value in node["enum"])
    if node["type"] == "array":
        return _describe_list(node)
    if node["type"] == "object":
        return f"mapping of text to {describe_values(node['additionalProperties'])}"
    limits = ", ".join(f"{sign} {node[name]:.10g}" for name, sign in SIGNS.items() if name in node)
    pattern = f" like `{node['pattern']}`" if "pattern" in node else ""
    return " ".join(filter(None, (KINDS[node["type"]], limits))) + pattern


def _describe_list(node: dict) -> str:
    if "prefixItems" in node:
        kinds = [describe_values(each) for each in node["prefixItems"]]
        same = f"{len(kinds)} of: {kinds[0]}"
        return same if len(set(kinds)) == 1 else ", ".join(kinds)
    bounds = [
        f"{word} {node[name]}" for name, word in (("minItems", "at least"), ("maxItems", "at most")) if name in node
    ]
    size = f" of {' and '.join(bounds)}" if bounds else ""
    return f"list{size}: {describe_values(node['items'])}"


if __name__ == "__main__":
    write()
