"""What every section of the configuration is made of: types with bounds, and faults that name their place."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Annotated, Any, NamedTuple

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError
from pydantic_core import InitErrorDetails, PydanticCustomError


class Section(BaseModel):
    """A frozen section without unknown keys and without nan or infinity."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


class Fault(NamedTuple):
    """A value that its neighbours forbid: the keys below the validated field that lead to it, what is wrong, and it."""

    keys: tuple[str, ...]
    text: str
    value: Any


def refuse(faults: Iterable[Fault]) -> None:
    """Raise all faults at once, each at its place below the field that is being validated.

    Raises
    ------
    pydantic.ValidationError
        There is a fault. Inside a validator, pydantic takes up its lines among those of the other fields.
    """
    lines = [
        InitErrorDetails(type=PydanticCustomError("fault", "{text}", {"text": text}), loc=keys, input=value)
        for keys, text, value in faults
    ]
    if lines:
        raise ValidationError.from_exception_data("configuration", lines)


def _rising(values: list) -> list:
    if any(later <= earlier for earlier, later in zip(values, values[1:], strict=False)):
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
Seed = Annotated[int, Field(ge=0, lt=2**32)]
Text = Annotated[str, Field(min_length=1)]
Shape = tuple[Count, Count, Count]
Counts = Annotated[list[Count], Field(min_length=1)]
RisingCounts = Annotated[Counts, Field(json_schema_extra={"uniqueItems": True}), AfterValidator(_rising)]
RisingPositives = Annotated[
    list[Positive], Field(min_length=1, json_schema_extra={"uniqueItems": True}), AfterValidator(_rising)
]
Different = AfterValidator(_different)
