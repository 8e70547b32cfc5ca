"""The part of the configuration that a rule was given."""

from __future__ import annotations

from ldae.config.base import Section
from ldae.config.load import Config


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


def _construct(model: type[Section], values: dict) -> Section:
    parts = {}
    for name, value in values.items():
        kind = model.model_fields[name].annotation
        is_section = isinstance(kind, type) and issubclass(kind, Section)
        parts[name] = _construct(kind, value) if is_section else value
    return model.model_construct(**parts)
