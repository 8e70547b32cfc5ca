"""The part of the configuration that a rule was given."""

from __future__ import annotations

from copy import deepcopy
from typing import Any, TypeVar, get_origin

from ldae.config.base import Section, section_in
from ldae.config.load import Config, overlay

SomeSection = TypeVar("SomeSection", bound=Section)


def partial_config(*parts: dict) -> Config:
    """A configuration of these sections alone, or of parts of them; the rest of it has no value.

    Nothing is checked but this: where a setting is a tuple, JSON's list becomes one.

    Parameters
    ----------
    parts : dict
        Nested dicts as `Config.model_dump` gives them, checked before; later ones are laid over earlier ones.

    Examples
    --------
    >>> partial_config({"seed": 3, "evaluation": {"bootstrap": {"draws": 100}}}).evaluation.bootstrap.draws
    100
    """
    sections: dict = {}
    for part in parts:
        overlay(sections, deepcopy(part))
    return _construct(Config, sections)


def _construct(model: type[SomeSection], values: dict[str, Any]) -> SomeSection:
    parts: dict[str, Any] = {}
    for name, value in values.items():
        annotation = model.model_fields[name].annotation
        section = section_in(annotation)
        plain = tuple(value) if get_origin(annotation) is tuple else value
        parts[name] = _construct(section, value) if section else plain
    return model.model_construct(None, **parts)
