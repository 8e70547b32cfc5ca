"""Tables, their uncertainty, and figures."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, field_validator

from ldae.config import names
from ldae.config.base import Count, Different, RisingCounts, RisingNumbers, RisingPositives, Section, Shape, Share, Text

OutputForm = Literal["flatten", "average"]


class BootstrapConfig(Section):
    """The bootstrap over subjects that every interval comes from."""

    draws: Annotated[int, Field(ge=100, description="resamples of the subjects")]
    confidence: Share = Field(description="share of the resamples that an interval covers")


class ProbesConfig(Section):
    """The linear probes on each encoder's features."""

    c_grid: RisingPositives = Field(
        description="inverse strengths of the logistic regression's L2 penalty; the validation subjects choose one"
    )
    alpha_grid: RisingPositives = Field(
        description="strengths of the ridge regression's L2 penalty; the validation subjects choose one"
    )
    redraws: Annotated[int, Field(ge=0, description="validation sets redrawn for the spread of a probe's scores")]


class ReconstructionConfig(Section):
    """The table of reconstructions."""

    steps: RisingCounts = Field(description="numbers of sampler steps, each below diffusion.timesteps")


class ComparisonConfig(Section):
    """The table that compares the systems."""

    steps: RisingCounts = Field(
        description="numbers of sampler steps, each below diffusion.timesteps; "
        "each system's best is chosen on validation scans"
    )
    validation_scans: Count | None = Field(
        description="validation scans at most that this number is chosen on, drawn by the seed, none of a subject that "
        "has one before every subject has one; null: all"
    )


class EfficiencyConfig(Section):
    """How time and memory are measured."""

    batch_size: Count = Field(description="scans per batch")
    repeats: Count = Field(description="measurements of each operation")


class CounterfactualConfig(Section):
    """How far test scans are edited."""

    log_odds: RisingNumbers = Field(description="strengths of an edit towards AD (below 0: towards CN), with 0")
    years: RisingNumbers = Field(description="strengths of an edit of the age, with 0")

    @field_validator("log_odds", "years")
    @classmethod
    def _holds_zero_and_both_sides(cls, values: list[float]) -> list[float]:
        if not values[0] < 0 < values[-1] or 0 not in values:
            raise ValueError("must hold 0, and numbers on both sides of it")
        return values


class GenerationConfig(Section):
    """Scans sampled from noise, and what their features come from."""

    samples: Annotated[
        int, Field(ge=2, description="scans to sample; a Fréchet distance wants more of them than it has features")
    ]
    medicalnet_weights: Text | None = Field(
        description="MedicalNet's resnet_10_23dataset.pth; null: that in weights_dir, else y_sem is the only extractor"
    )


class ExternalEncoderConfig(Section):
    """An encoder from outside: frozen, and a row in the tables of probes."""

    name: Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$")] = Field(description="what the tables call it")
    file: Text = Field(description="TorchScript, as torch.jit.save writes it; a MONAI bundle's model.ts is one")
    input_shape: Shape = Field(description="voxels it takes, right-left, posterior-anterior, inferior-superior")
    output: OutputForm = Field(
        description="flatten: every number it puts out is one of the code; average: means over all axes behind the "
        "channels'"
    )


class EvaluationConfig(Section):
    """Tables and their uncertainty."""

    batch_size: Count = Field(description="scans per batch, wherever a table or an encoder reads scans")
    figure_scans: Count = Field(description="scans shown in a figure of examples")
    bootstrap: BootstrapConfig
    probes: ProbesConfig
    progression_months: Count = Field(
        description="months after a scan within which MCI that becomes AD is progressive, and seen to the end stable"
    )
    reconstruction: ReconstructionConfig
    comparison: ComparisonConfig
    efficiency: EfficiencyConfig
    generation: GenerationConfig
    counterfactual: CounterfactualConfig
    lpips_nets: Annotated[list[Literal["alex", "squeeze", "vgg"]], Different] = Field(
        description="backbones of LPIPS, a column each; the paper's is squeeze. Where the weights are not at hand the "
        "column is empty, with the reason and the cure (docs/weights.md)"
    )
    supervised_tasks: Annotated[list[Literal["ad_cn", "age"]], Different] = Field(
        description="labels a supervised encoder is trained for; leave out what the cohort lacks"
    )
    external_encoders: list[ExternalEncoderConfig] = Field(
        description="encoders from outside to compare with, given each scan (0..1, RAS axes) stretched to their size"
    )

    @field_validator("external_encoders")
    @classmethod
    def _has_names_of_its_own(cls, encoders: list[ExternalEncoderConfig]) -> list[ExternalEncoderConfig]:
        given = [encoder.name for encoder in encoders]
        taken = {*names.ENCODERS.values(), *names.slow_encoders(list(names.SUPERVISED)).values()}
        if len(set(given)) < len(given) or taken & set(given):
            raise ValueError("must have names that differ from each other and from those of the tables' own rows")
        return encoders


class ReportConfig(Section):
    """Figures of quality control."""

    montage_scans: Count = Field(description="scans in the montage, the riskiest ones")
