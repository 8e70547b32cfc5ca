"""Tables, their uncertainty, and figures."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from ldae.config.base import Count, Positive, Section


class BootstrapConfig(Section):
    """The bootstrap over subjects that every interval comes from."""

    draws: Annotated[int, Field(ge=100)]
    confidence: Annotated[float, Field(gt=0, lt=1)]


class ProbesConfig(Section):
    """The linear probes: grids of their regularisation, and how often validation subjects are redrawn."""

    c_grid: Annotated[list[Positive], Field(min_length=1)]
    alpha_grid: Annotated[list[Positive], Field(min_length=1)]
    redraws: Annotated[int, Field(ge=0)]


class StepsConfig(Section):
    """Numbers of sampler steps T that are measured."""

    steps: Annotated[list[Count], Field(min_length=1)]


class EfficiencyConfig(Section):
    """How time and memory are measured."""

    batch_size: Count
    repeats: Count


class GenerationConfig(Section):
    """Scans sampled from noise, and what their features come from."""

    samples: Count
    medicalnet_weights: str | None


class LPIPSConfig(Section):
    """The backbone of LPIPS."""

    net: Literal["alex", "squeeze", "vgg"]
    weights: str | None


class EvaluationConfig(Section):
    """Tables and their uncertainty."""

    batch_size: Count
    figure_scans: Count
    bootstrap: BootstrapConfig
    probes: ProbesConfig
    reconstruction: StepsConfig
    comparison: StepsConfig
    efficiency: EfficiencyConfig
    generation: GenerationConfig
    lpips: LPIPSConfig
    supervised_tasks: list[Literal["ad_cn", "age"]]


class ReportConfig(Section):
    """Figures."""

    montage_scans: Count
