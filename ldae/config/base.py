"""What every section of the configuration is made of: frozen models, and types with bounds."""

from __future__ import annotations

from itertools import pairwise
from typing import Annotated

from pydantic import AfterValidator, BaseModel, ConfigDict, Field


class Section(BaseModel):
    """A frozen section without unknown keys and without nan or infinity."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


def section_in(annotation: object) -> type[Section] | None:
    """The section that a field with this annotation holds; None where it holds a setting."""
    return annotation if isinstance(annotation, type) and issubclass(annotation, Section) else None


def _rising(values: list) -> list:
    if any(later <= earlier for earlier, later in pairwise(values)):
        raise ValueError("must rise from each value to the next")
    return values


def _different(values: list) -> list:
    if len(set(values)) < len(values):
        raise ValueError("must hold each value once")
    return values


Fraction = Annotated[float, Field(ge=0, le=1)]
Share = Annotated[float, Field(gt=0, lt=1)]
Positive = Annotated[float, Field(gt=0)]
NonNegative = Annotated[float, Field(ge=0)]
Percentile = Annotated[float, Field(ge=0, le=100)]
Count = Annotated[int, Field(ge=1)]
Seed = Annotated[int, Field(ge=0, le=2**32 - 1)]
Text = Annotated[str, Field(min_length=1)]
Shape = tuple[Count, Count, Count]
Counts = Annotated[list[Count], Field(min_length=1)]
RisingCounts = Annotated[Counts, Field(json_schema_extra={"uniqueItems": True}), AfterValidator(_rising)]
RisingPositives = Annotated[
    list[Positive], Field(min_length=1, json_schema_extra={"uniqueItems": True}), AfterValidator(_rising)
]
RisingNumbers = Annotated[
    list[float], Field(min_length=1, json_schema_extra={"uniqueItems": True}), AfterValidator(_rising)
]
Different = AfterValidator(_different)
