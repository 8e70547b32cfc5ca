"""The typed configuration: one frozen model a section of config.yaml; every default stands in that file alone."""

from __future__ import annotations

import json
from collections.abc import Iterator
from difflib import get_close_matches
from pathlib import Path
from typing import Literal

from pydantic import Field, ValidationError
from pydantic_core import ErrorDetails

from ldae.config.base import Section, Seed, Text, section_in
from ldae.config.cohort import CohortConfig, PhantomConfig, SplitConfig
from ldae.config.duplicates import read_settings
from ldae.config.evaluation import EvaluationConfig, ReportConfig
from ldae.config.misfits import list_misfits
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
from ldae.config.plan import PlanConfig
from ldae.config.preprocessing import PreprocessingConfig, QCConfig
from ldae.errors import UserError

CURE = "correct these keys, in your own file or on the command line"


class Config(Section):
    """All sections."""

    seed: Seed = Field(description="of every random number; another seed gives another phantom, split and training")
    device: Literal["auto", "cpu", "cuda"] = Field(
        description="what networks compute on: cuda, a GPU, and an error where there is none; cpu; auto, the GPU where "
        "there is one, else the CPU"
    )
    cohort: CohortConfig
    phantom: PhantomConfig
    split: SplitConfig
    preprocessing: PreprocessingConfig
    qc: QCConfig
    qc_overrides: Text | None = Field(
        description="TSV of a person's verdicts, which win over the numbers (results/qc.html)"
    )
    models_from: Text | None = Field(
        description="folder of a trained LDAE (results/models of a finished run, or what `ldae export` wrote) to "
        "evaluate on this cohort; nothing is trained then; null: train one"
    )
    weights_dir: Text = Field(
        description="folder of the published weights of others, where `ldae fetch-weights` puts them; what is not "
        "there is looked for in torch hub's cache (docs/weights.md)"
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
    plan: PlanConfig


def parse_config(content: dict, source: str = "config.yaml") -> Config:
    """Check a nested dict and return the typed configuration.

    Raises
    ------
    UserError
        Unknown keys, missing keys, wrong types or impossible values; all of them in one message.
    """
    faults = list(_describe_words(content))
    try:
        config = Config.model_validate_json(json.dumps(content, default=str), strict=True)
    except ValidationError as error:
        faults += [_describe(line) for line in error.errors()]
    faults += [f"{place}: {text} (got {value!r:.80})" for place, text, value in list_misfits(content)]
    if faults:
        raise UserError(source, "the keys, types and bounds of docs/configuration.md", "\n    ".join(faults), CURE)
    return config


def load_config(*paths: str | Path) -> Config:
    """Read YAML files, later ones laid over earlier ones key by key, and check the result."""
    merged: dict = {}
    for path in paths:
        overlay(merged, read_settings(path))
    return parse_config(merged, " + ".join(map(str, paths)))


def _describe(line: ErrorDetails) -> str:
    """One fault: where, what, the value, and what may have happened to it."""
    place = ".".join(map(str, line["loc"])) or "the configuration"
    text = line["msg"].removeprefix("Value error, ")
    hint = _hint(line["type"], line["loc"], line["input"])
    return f"{place}: {text} (got {line['input']!r:.80})" + (f" [{hint}]" if hint else "")


def _hint(kind: str, place: tuple, value: object) -> str:
    if kind == "extra_forbidden":
        near = get_close_matches(str(place[-1]), _known_keys(place[:-1]), n=1)
        return f"did you mean {near[0]}?" if near else ""
    if isinstance(value, bool):
        return "YAML reads no, off, yes and on as truth values: quote the word"
    if kind in ("float_type", "int_type") and isinstance(value, str):
        return "YAML reads 1e-4 and 1e3 as text: write 1.0e-4 and 1000, without quotes"
    if kind == "model_type" and value is None:
        return "a section whose keys are all commented out is null: remove its line, too"
    return ""


def _known_keys(place: tuple) -> list[str]:
    """Keys of the section at a place."""
    model: type[Section] | None = Config
    for name in place:
        model = section_in(model.model_fields[name].annotation) if model else None
    return list(model.model_fields) if model else []


def _describe_words(content: object, place: str = "") -> Iterator[str]:
    """Keys that YAML turned into truth values or null; as text they would be taken for names of the user's."""
    for key, value in content.items() if isinstance(content, dict) else ():
        if key is None or isinstance(key, bool):
            yield f"{place}{key}: YAML reads the words no, off, yes, on, null so: quote the key"
        yield from _describe_words(value, f"{place}{key}.")


def overlay(base: dict, top: dict) -> None:
    """Lay nested settings over others, key by key, in place."""
    for key, value in top.items():
        if isinstance(value, dict) and isinstance(base.get(key), dict):
            overlay(base[key], value)
        else:
            base[key] = value
