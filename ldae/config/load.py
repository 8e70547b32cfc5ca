"""The typed configuration: one frozen model a section of config.yaml; every default stands in that file alone."""

from __future__ import annotations

import json
from pathlib import Path

import yaml
from pydantic import Field, ValidationError, ValidationInfo, field_validator

from ldae.config.base import Fault, Section, Seed, Text, refuse
from ldae.config.cohort import CohortConfig, PhantomConfig, SplitConfig
from ldae.config.evaluation import EvaluationConfig, ReportConfig
from ldae.config.models import (
    AutoencoderConfig,
    DAEConfig,
    DiffusionConfig,
    EncoderConfig,
    LatentsConfig,
    LDMConfig,
    RepresentationConfig,
    SamplingConfig,
    SupervisedConfig,
)
from ldae.config.preprocessing import PreprocessingConfig, QCConfig
from ldae.errors import UserError


class Config(Section):
    """All sections."""

    seed: Seed = Field(description="of every random number; another seed gives another phantom, split and training")
    cohort: CohortConfig
    phantom: PhantomConfig
    split: SplitConfig
    preprocessing: PreprocessingConfig
    qc: QCConfig
    qc_overrides: Text | None = Field(
        description="TSV of a person's verdicts, which win over the numbers (results/qc.html)"
    )
    autoencoder: AutoencoderConfig
    latents: LatentsConfig
    diffusion: DiffusionConfig
    ldm: LDMConfig
    encoder: EncoderConfig
    representation: RepresentationConfig
    dae: DAEConfig
    supervised: SupervisedConfig
    sampling: SamplingConfig
    evaluation: EvaluationConfig
    report: ReportConfig

    @field_validator("ldm")
    @classmethod
    def _grid_fits_the_nets(cls, ldm: LDMConfig, info: ValidationInfo) -> LDMConfig:
        grid, autoencoder = info.data.get("preprocessing"), info.data.get("autoencoder")
        if grid and autoencoder:
            factor = autoencoder.downsampling * ldm.downsampling
            if any(size % factor for size in grid.grid_shape):
                raise ValueError(
                    f"preprocessing.grid_shape {list(grid.grid_shape)} must be divisible by {factor}, the "
                    f"downsampling of the autoencoder ({autoencoder.downsampling}) times the denoiser's"
                )
        return ldm

    @field_validator("sampling")
    @classmethod
    def _sampler_fits_the_schedule(cls, sampling: SamplingConfig, info: ValidationInfo) -> SamplingConfig:
        refuse(_steps_beyond(info, ("steps",), [sampling.steps]))
        return sampling

    @field_validator("evaluation")
    @classmethod
    def _tables_fit_the_schedule(cls, evaluation: EvaluationConfig, info: ValidationInfo) -> EvaluationConfig:
        refuse(
            _steps_beyond(info, ("reconstruction", "steps"), evaluation.reconstruction.steps)
            + _steps_beyond(info, ("comparison", "steps"), evaluation.comparison.steps)
        )
        return evaluation


def _steps_beyond(info: ValidationInfo, keys: tuple[str, ...], steps: list[int]) -> list[Fault]:
    diffusion = info.data.get("diffusion")
    if diffusion is None or max(steps) < diffusion.timesteps:
        return []
    return [Fault(keys, f"must be fewer than diffusion.timesteps, {diffusion.timesteps}", steps)]


def parse_config(content: dict, source: str = "config.yaml") -> Config:
    """Check a nested dict and return the typed configuration.

    Raises
    ------
    UserError
        Unknown keys, missing keys, wrong types or impossible values; all of them in one message.
    """
    try:
        return Config.model_validate_json(json.dumps(content, default=str), strict=True)
    except ValidationError as error:
        faults = [_describe(line) for line in error.errors()]
    raise UserError(source, "the keys, types and bounds of docs/configuration.md", "; ".join(faults), CURE)


CURE = "correct these keys"
# What YAML makes of a word or a number that was meant otherwise, by pydantic's type of error and the type of the value.
YAML_TRAPS = {
    ("float_type", str): "a number with an exponent needs its point and is not quoted: 1.0e-4, not 1e-4",
    ("string_type", bool): "YAML reads no, off, yes and on as a truth value: quote the word",
}


def _describe(line: dict) -> str:
    """One fault: where, what, the value, and what YAML may have done to it."""
    place = ".".join(map(str, line["loc"])) or "the configuration"
    said = line["msg"].removeprefix("Value error, ")
    trap = YAML_TRAPS.get((line["type"], type(line["input"])))
    return f"{place}: {said} (got {line['input']!r:.80})" + (f" [{trap}]" if trap else "")


def load_config(*paths: str | Path) -> Config:
    """Read YAML files, later ones laid over earlier ones key by key, and check the result."""
    merged: dict = {}
    for path in paths:
        _overlay(merged, yaml.safe_load(Path(path).read_text(encoding="utf-8")) or {})
    return parse_config(merged, " + ".join(map(str, paths)))


def _overlay(base: dict, top: dict) -> None:
    for key, value in top.items():
        if isinstance(value, dict) and isinstance(base.get(key), dict):
            _overlay(base[key], value)
        else:
            base[key] = value
