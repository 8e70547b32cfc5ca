"""The typed configuration: one frozen model a section of config.yaml; every default stands in that file alone."""

from __future__ import annotations

import json
from pathlib import Path

import yaml
from pydantic import ValidationError, model_validator

from ldae.config.base import Section
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

    seed: int
    cohort: CohortConfig
    phantom: PhantomConfig
    split: SplitConfig
    preprocessing: PreprocessingConfig
    qc: QCConfig
    qc_overrides: str | None
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

    @model_validator(mode="after")
    def _grid_fits_the_nets(self) -> Config:
        downsampling = 2 ** (len(self.autoencoder.channels) - 1) * 2 ** (len(self.ldm.channels) - 1)
        if any(size % downsampling for size in self.preprocessing.grid_shape):
            raise ValueError(
                f"preprocessing.grid_shape {self.preprocessing.grid_shape} must be divisible by {downsampling}, "
                "the product of the autoencoder's and the denoiser's downsampling"
            )
        return self


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
        found = "; ".join(
            f"{'.'.join(map(str, e['loc'])) or 'config'}: {e['msg']} (got {e['input']!r:.80})" for e in error.errors()
        )
        raise UserError(
            source,
            "the keys and types of the config.yaml in the checkout",
            found,
            "correct these keys; a small number needs its point (1.0e-4, not 1e-4), or YAML reads text",
        ) from None


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
