"""The part of the configuration that a rule was given."""

from __future__ import annotations

from typing import Any, TypeVar

from ldae.config.base import Section, section_in
from ldae.config.load import Config

SomeSection = TypeVar("SomeSection", bound=Section)


def partial_config(sections: dict) -> Config:
    """A configuration of these sections alone, or of parts of them; the rest of it has no value.

    Parameters
    ----------
    sections : dict
        Nested dicts as `Config.model_dump` gives them, checked before.

    Examples
    --------
    >>> partial_config({"seed": 3, "evaluation": {"bootstrap": {"draws": 100}}}).evaluation.bootstrap.draws
    100
    """
    return _construct(Config, sections)


def _construct(model: type[SomeSection], values: dict[str, Any]) -> SomeSection:
    parts: dict[str, Any] = {}
    for name, value in values.items():
        section = section_in(model.model_fields[name].annotation)
        parts[name] = _construct(section, value) if section else value
    return model.model_construct(None, **parts)
