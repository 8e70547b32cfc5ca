"""The typed configuration: one frozen model a section of config.yaml; every default stands in that file alone."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Annotated, Literal, get_args

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from ldae.errors import UserError

Fraction = Annotated[float, Field(ge=0, le=1)]
Positive = Annotated[float, Field(gt=0)]
Count = Annotated[int, Field(ge=1)]
Limits = tuple[float, float]
Shape = tuple[Count, Count, Count]
PHANTOM_IMAGES = "results/phantom/images"


class Section(BaseModel):
    """A frozen section without unknown keys."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Columns(Section):
    """Columns of participants.tsv and sessions.tsv: a name must be there, of a list any may, null is not looked for."""

    age: str | list[str] | None
    sex: str | list[str] | None
    diagnosis: str | list[str] | None
    months: str | list[str] | None
    field_strength_t: str | list[str] | None
    site: str | list[str] | None


class Cohort(Section):
    """Where the cohort comes from, where it lies and how it is cut into jobs."""

    source: Literal["adni", "bids", "aibl", "genfi", "habs", "ixi", "nifd", "oasis", "oasis2", "oasis3", "ukb"]
    dicom_dir: str
    clinical_dir: str
    bids_dir: str | None
    shards: Count
    conversion_timeout_s: Positive
    columns: Columns
    diagnoses: dict[str, Literal["CN", "MCI", "AD"]]
    converter_arguments: dict[str, list[str]]

    @property
    def is_converted(self) -> bool:
        """Whether one of Clinica's converters other than ADNI's makes the BIDS dataset."""
        return self.source not in ("adni", "bids")

    @property
    def folders(self) -> list[str]:
        """Keys of the user's folders that the source reads."""
        if self.source == "bids":
            return ["bids_dir"]
        reads_tables = self.source == "adni" or "{clinical}" in " ".join(self.arguments)
        return ["dicom_dir", "clinical_dir"] if reads_tables else ["dicom_dir"]

    @property
    def is_phantom(self) -> bool:
        """Whether the download is the fabricated one."""
        return self.source == "adni" and self.dicom_dir == PHANTOM_IMAGES

    @property
    def arguments(self) -> list[str]:
        """Argument template of the source's converter."""
        return self.converter_arguments.get(self.source, self.converter_arguments["default"])

    @model_validator(mode="after")
    def _source_has_its_folders(self) -> Cohort:
        if (self.source == "bids") != (self.bids_dir is not None):
            raise ValueError("source: bids and bids_dir, the path of the dataset, belong together")
        if self.is_converted and self.dicom_dir == PHANTOM_IMAGES:
            raise ValueError(f"source {self.source} needs dicom_dir, the folder of the download")
        return self

    @model_validator(mode="after")
    def _converters_get_their_arguments(self) -> Cohort:
        known = {*get_args(type(self).model_fields["source"].annotation), "default"} - {"adni", "bids"}
        if "default" not in self.converter_arguments or set(self.converter_arguments) - known:
            raise ValueError(f"converter_arguments must have default, and may have {', '.join(sorted(known))}")
        for name, arguments in self.converter_arguments.items():
            placeholders = re.findall(r"\{.*?\}", " ".join(arguments))
            if not {"{dataset}", "{bids}"} <= set(placeholders) <= {"{dataset}", "{bids}", "{clinical}"}:
                raise ValueError(
                    f"converter_arguments.{name} must have {{dataset}} and {{bids}}, and may have {{clinical}}"
                )
        return self


class Phantom(Section):
    """The fabricated ADNI download."""

    naming: Literal["legacy", "loni2024"]
    subjects: Annotated[int, Field(ge=6, le=1800)]
    visit_codes: Annotated[list[Annotated[str, Field(pattern=r"^(bl|m(0[1-9]|[1-9]\d))$")]], Field(max_length=10)]
    visits_per_subject: list[Fraction]
    missing_scan_fraction: Fraction
    voxel_size_mm: Limits
    atrophy_effect: Annotated[float, Field(ge=0)]
    seed: int

    @model_validator(mode="after")
    def _visits_and_sizes_fit(self) -> Phantom:
        if self.visit_codes[:1] != ["bl"] or self.visit_codes != sorted(set(self.visit_codes)):
            raise ValueError("visit_codes must start with bl and rise, each once")
        if not 1 <= self.voxel_size_mm[0] <= self.voxel_size_mm[1] <= 6:
            raise ValueError("voxel_size_mm must be two rising numbers between 1 and 6")
        if abs(sum(self.visits_per_subject) - 1) > 1e-6:
            raise ValueError("visits_per_subject must add up to 1")
        if len(self.visits_per_subject) > len(self.visit_codes):
            raise ValueError("visits_per_subject has more entries than visit_codes")
        return self


class Split(Section):
    """Shares of the subjects."""

    seed: int
    validation_fraction: Fraction
    test_fraction: Fraction

    @model_validator(mode="after")
    def _training_has_a_share(self) -> Split:
        if self.validation_fraction + self.test_fraction >= 1:
            raise ValueError("validation_fraction and test_fraction must add up to less than 1")
        return self


class Preprocessing(Section):
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
    def _engine_has_its_settings(self) -> Preprocessing:
        command = self.brain_extraction_command
        if self.brain_extraction == "command" and not (command and self.brain_extraction_version):
            raise ValueError(
                "brain_extraction command needs brain_extraction_command, e.g. mri_synthstrip -i {input} -m {output}, "
                "and brain_extraction_version, a command that prints its version"
            )
        if command and not ("{input}" in command and "{output}" in command):
            raise ValueError(f"brain_extraction_command {command!r} must hold {{input}} and {{output}}")
        return self


class QC(Section):
    """Thresholds, each as (warn, fail)."""

    min_brain_volume_ml: Limits
    max_brain_volume_ml: Limits
    min_dice: Limits
    max_outside: Limits
    max_missing: Limits
    min_mutual_information: Limits
    min_white_grey_ratio: Limits
    max_border: Limits


class Training(Section):
    """One training: `steps` are optimizer steps, `batch_size` the scans of one forward pass on one device."""

    steps: Count
    batch_size: Count
    accumulate: Count
    validate_every_steps: Count
    patience: Count
    precision: Literal["32-true", "bf16-mixed", "16-mixed"]
    gradient_clip: Annotated[float, Field(ge=0)]
    ema_decay: Annotated[float, Field(ge=0, lt=1)]
    warmup_steps: Annotated[int, Field(ge=0)]
    cooldown_fraction: Fraction

    @model_validator(mode="after")
    def _ends_with_a_validation(self) -> Training:
        if self.steps % self.validate_every_steps:
            raise ValueError(
                f"steps {self.steps} must be a multiple of validate_every_steps {self.validate_every_steps}"
            )
        return self


class Autoencoder(Section):
    """MONAI's AutoencoderKL, its discriminator and its losses."""

    channels: list[Count]
    latent_channels: Count
    residual_blocks: Count
    norm_groups: Count
    initial_log_variance: float
    kl_weight: Annotated[float, Field(ge=0)]
    perceptual_weight: Annotated[float, Field(ge=0)]
    perceptual_slice_fraction: Fraction
    perceptual_weights: str | None
    adversarial_weight: Annotated[float, Field(ge=0)]
    adversarial_start_step: Annotated[int, Field(ge=0)]
    discriminator_channels: Count
    discriminator_layers: Count
    learning_rate: Positive
    discriminator_learning_rate: Positive
    training: Training

    @model_validator(mode="after")
    def _two_optimizers_share_no_scaler(self) -> Autoencoder:
        if self.training.precision == "16-mixed":
            raise ValueError("training.precision 16-mixed cannot train two networks in turn; use bf16-mixed")
        return self


class Latents(Section):
    """How latents are centred before diffusion; they are always scaled by one standard deviation a channel."""

    center: Literal["voxel", "channel"]


class Diffusion(Section):
    """The linear noise schedule."""

    timesteps: Count
    beta_start: Positive
    beta_end: Positive


class UNet(Section):
    """A denoiser's size (MONAI's DiffusionModelUNet) and what it puts out."""

    prediction: Literal["epsilon", "v"]
    channels: list[Count]
    residual_blocks: Count
    attention_levels: list[bool]
    head_channels: Count
    norm_groups: Count

    @model_validator(mode="after")
    def _levels_agree(self) -> UNet:
        if len(self.channels) != len(self.attention_levels):
            raise ValueError("channels and attention_levels must have the same length")
        return self


class LDM(UNet):
    """The unconditional denoiser of the latents."""

    learning_rate: Positive
    training: Training


class Encoder(Section):
    """The semantic encoder."""

    semantic_dim: Count
    backbone: str
    backbone_weights: str | None
    attention_heads: Count
    center_input: bool


class Representation(Encoder):
    """The semantic encoder and the gradient estimator."""

    snr_exponent: float
    learning_rate: Positive
    training: Training

    @property
    def encoder(self) -> Encoder:
        """The encoder alone, as the systems beside LDAE take it."""
        return Encoder(**{name: getattr(self, name) for name in Encoder.model_fields})


class DAE(UNet):
    """The diffusion autoencoder on the image grid; its semantic encoder is that of `representation`."""

    grid_shape: Shape
    center_images: bool
    loss: Literal["epsilon", "v"]
    learning_rate: Positive
    training: Training

    @model_validator(mode="after")
    def _grid_fits_the_net(self) -> DAE:
        downsampling = 2 ** (len(self.channels) - 1)
        if any(size % downsampling for size in self.grid_shape):
            raise ValueError(
                f"grid_shape {self.grid_shape} must be divisible by {downsampling}, the U-Net's downsampling"
            )
        return self


class Supervised(Section):
    """The semantic encoder trained with labels."""

    learning_rate: Positive
    training: Training


class Sampling(Section):
    """The default sampler of encoding and decoding."""

    solver: Literal["2m", "ddim"]
    steps: Count


class Evaluation(Section):
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


class Report(Section):
    """Figures."""

    montage_scans: Count


class Config(Section):
    """All sections."""

    seed: int
    cohort: Cohort
    phantom: Phantom
    split: Split
    preprocessing: Preprocessing
    qc: QC
    qc_overrides: str | None
    autoencoder: Autoencoder
    latents: Latents
    diffusion: Diffusion
    ldm: LDM
    representation: Representation
    dae: DAE
    supervised: Supervised
    sampling: Sampling
    evaluation: Evaluation
    report: Report

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
