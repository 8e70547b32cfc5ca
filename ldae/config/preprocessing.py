"""From a raw image to the model grid, and the limits of its quality control."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, model_validator

from ldae.config.base import Count, Limits, Positive, Section, Shape


class PreprocessingConfig(Section):
    """From a raw T1w image to the model grid."""

    brain_extraction: Literal["deepbet", "template", "antspynet", "command"]
    brain_extraction_command: str | None
    brain_extraction_version: str | None
    antspynet_dir: str | None
    transform: Literal["affine", "syn"]
    bias_field_spacing_mm: Positive
    bias_field_iterations: Annotated[list[Count], Field(min_length=1)]
    registration_spacing_mm: Positive
    grid_shape: Shape
    grid_spacing_mm: Positive
    grid_center_mm: tuple[float, float, float]
    clip_percentiles: tuple[Annotated[float, Field(ge=0, le=100)], Annotated[float, Field(ge=0, le=100)]]
    timeout_s: Positive

    @model_validator(mode="after")
    def _engine_has_its_settings(self) -> PreprocessingConfig:
        command = self.brain_extraction_command
        if self.brain_extraction == "command" and not (command and self.brain_extraction_version):
            raise ValueError(
                "brain_extraction command needs brain_extraction_command, e.g. mri_synthstrip -i {input} -m {output}, "
                "and brain_extraction_version, a command that prints its version"
            )
        if command and not ("{input}" in command and "{output}" in command):
            raise ValueError(f"brain_extraction_command {command!r} must hold {{input}} and {{output}}")
        return self


class QCConfig(Section):
    """Thresholds, each as (warn, fail)."""

    min_brain_volume_ml: Limits
    max_brain_volume_ml: Limits
    min_dice: Limits
    max_outside: Limits
    max_missing: Limits
    min_mutual_information: Limits
    min_upright: Limits
    min_white_grey_ratio: Limits
    max_border: Limits
