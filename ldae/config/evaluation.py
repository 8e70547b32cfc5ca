"""Tables, their uncertainty, and figures."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from ldae.config.base import Count, Positive, Section


class EvaluationConfig(Section):
    """Tables and their uncertainty."""

    reconstruction_steps: list[Count]
    batch_size: Count
    lpips_net: Literal["alex", "squeeze", "vgg"]
    lpips_weights: str | None
    comparison_steps: Annotated[list[Count], Field(min_length=1)]
    efficiency_batch: Count
    efficiency_repeats: Count
    generation_samples: Count
    medicalnet_weights: str | None
    bootstrap_draws: Annotated[int, Field(ge=100)]
    confidence: Annotated[float, Field(gt=0, lt=1)]
    probe_c_grid: list[Positive]
    probe_alpha_grid: list[Positive]
    probe_redraws: Annotated[int, Field(ge=0)]
    supervised_tasks: list[Literal["ad_cn", "age"]]
    figure_scans: Count


class ReportConfig(Section):
    """Figures."""

    montage_scans: Count
