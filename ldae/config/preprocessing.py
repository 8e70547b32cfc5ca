"""From a raw image to the model grid, and the limits of its quality control."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, ValidationInfo, field_validator

from ldae.config.base import Counts, Fraction, NonNegative, Percentile, Positive, Section, Shape, Text

# Outer faces of the voxels of nilearn 0.13's load_mni152_brain_mask(resolution=1), along right-left,
# posterior-anterior and inferior-superior, in MNI152 millimetres.
MNI_BRAIN_MM = ((-72.5, 72.5), (-107.5, 73.5), (-72.5, 82.5))
AXES = ("right-left", "posterior-anterior", "inferior-superior")


class PreprocessingConfig(Section):
    """From a raw T1-weighted image to the model grid."""

    brain_extraction: Literal["deepbet", "template", "antspynet", "command"] = Field(
        description="what finds the brain: deepbet, a registered template mask, ANTsPyNet or a command of your own"
    )
    brain_extraction_command: Text | None = Field(
        description="for command: the program with its arguments, {input} and {output} among them"
    )
    brain_extraction_version: Text | None = Field(description="for command: a command that prints its version")
    antspynet_dir: Text | None = Field(
        description="for antspynet: the folder with its two files; null: ~/.keras/ANTsXNet"
    )
    transform: Literal["affine", "syn"] = Field(
        description="alignment to MNI152; syn removes part of the atrophy signal"
    )
    bias_field_spacing_mm: Positive = Field(description="mm between the voxels from which N4 estimates the bias field")
    bias_field_iterations: Counts = Field(
        description="iterations at each level; one level more halves the distance of the field's knots"
    )
    registration_spacing_mm: Annotated[
        float, Field(gt=0, le=10, description="mm between the voxels on which the brain is aligned to MNI152")
    ]
    grid_shape: Shape = Field(
        description="voxels along right-left, posterior-anterior, inferior-superior; divisible by the downsampling of "
        "the autoencoder times that of the denoiser"
    )
    grid_spacing_mm: Positive = Field(description="mm from voxel to voxel")
    grid_center_mm: tuple[float, float, float] = Field(
        description="MNI152 coordinate in mm of the middle of the grid, which must hold the whole MNI152 brain"
    )
    clip_percentiles: tuple[Percentile, Percentile] = Field(
        description="rising percentiles of the brain's intensities that are mapped to 0 and 1"
    )
    timeout_s: Positive = Field(description="seconds one scan may take")

    @field_validator("brain_extraction_command")
    @classmethod
    def _command_has_its_places(cls, command: str | None, info: ValidationInfo) -> str | None:
        if command is not None and not ("{input}" in command and "{output}" in command):
            raise ValueError("must hold {input} and {output}, e.g. mri_synthstrip -i {input} -m {output}")
        if command is None and info.data.get("brain_extraction") == "command":
            raise ValueError("brain_extraction command needs it, e.g. mri_synthstrip -i {input} -m {output}")
        return command

    @field_validator("brain_extraction_version")
    @classmethod
    def _command_has_a_version(cls, version: str | None, info: ValidationInfo) -> str | None:
        if version is None and info.data.get("brain_extraction") == "command":
            raise ValueError("brain_extraction command needs it: a command that prints the program's version")
        return version

    @field_validator("grid_center_mm")
    @classmethod
    def _grid_holds_the_brain(cls, center: tuple[float, ...], info: ValidationInfo) -> tuple[float, ...]:
        shape, spacing = info.data.get("grid_shape"), info.data.get("grid_spacing_mm")
        if shape is None or spacing is None:
            return center
        cut = []
        for axis, (low, high), size, middle in zip(AXES, MNI_BRAIN_MM, shape, center, strict=True):
            first, last = middle - size * spacing / 2, middle + size * spacing / 2
            if first > low or last < high:
                cut.append(f"{axis} it reaches from {first:g} to {last:g} mm, the brain from {low:g} to {high:g} mm")
        if cut:
            raise ValueError(f"the grid cuts the MNI152 brain off: {', '.join(cut)}; more voxels, or another center")
        return center

    @field_validator("clip_percentiles")
    @classmethod
    def _percentiles_rise(cls, percentiles: tuple[float, float]) -> tuple[float, float]:
        if percentiles[0] >= percentiles[1]:
            raise ValueError("the lower percentile must come first")
        return percentiles


class QCConfig(Section):
    """Limits of each scan's numbers, as [warn, fail]: what lies beyond the first is marked, beyond the second out."""

    min_brain_volume_ml: tuple[Positive, Positive] = Field(description="millilitres of the brain mask")
    max_brain_volume_ml: tuple[Positive, Positive] = Field(description="millilitres of the brain mask")
    min_dice: tuple[Fraction, Fraction] = Field(description="Dice of the aligned brain mask and the MNI152 mask, 0..1")
    max_outside: tuple[Fraction, Fraction] = Field(description="share of the brain beyond the dilated MNI152 mask")
    max_missing: tuple[Fraction, Fraction] = Field(description="share of the MNI152 mask that is not covered")
    min_mutual_information: tuple[NonNegative, NonNegative] = Field(
        description="mutual information of the aligned brain and the MNI152 brain, nats"
    )
    min_upright: tuple[Annotated[float, Field(ge=-1, le=1)], Annotated[float, Field(ge=-1, le=1)]] = Field(
        description="likeness to the MNI152 brain against that to it turned around, -1..1"
    )
    min_white_grey_ratio: tuple[NonNegative, NonNegative] = Field(
        description="median intensity of white over that of grey matter"
    )
    max_border: tuple[NonNegative, NonNegative] = Field(
        description="square centimetres of the brain cut by the border of the image"
    )

    @field_validator("*")
    @classmethod
    def _fail_lies_beyond_warn(cls, limits: tuple[float, float], info: ValidationInfo) -> tuple[float, float]:
        warn, fail = limits
        if info.field_name.startswith("min_") and fail > warn:
            raise ValueError("of a minimum, [warn, fail], fail must not be above warn")
        if info.field_name.startswith("max_") and fail < warn:
            raise ValueError("of a maximum, [warn, fail], fail must not be below warn")
        return limits

    @field_validator("max_brain_volume_ml")
    @classmethod
    def _volumes_leave_room(cls, limits: tuple[float, float], info: ValidationInfo) -> tuple[float, float]:
        least = info.data.get("min_brain_volume_ml")
        if least is not None and (limits[0] <= least[0] or limits[1] <= least[1]):
            raise ValueError(f"must lie above min_brain_volume_ml, {list(least)}")
        return limits
