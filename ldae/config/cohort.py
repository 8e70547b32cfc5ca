"""Where the cohort comes from, the phantom, and the split."""

from __future__ import annotations

import re
from typing import Annotated, Literal, get_args

from pydantic import Field, model_validator

from ldae.config.base import Count, Fraction, Limits, Positive, Section

PHANTOM_IMAGES = "results/phantom/images"


class ColumnsConfig(Section):
    """Columns of participants.tsv and sessions.tsv: a name must be there, of a list any may, null is not looked for."""

    age: str | list[str] | None
    sex: str | list[str] | None
    diagnosis: str | list[str] | None
    months: str | list[str] | None
    field_strength_t: str | list[str] | None
    site: str | list[str] | None


class CohortConfig(Section):
    """Where the cohort comes from, where it lies and how it is cut into jobs."""

    source: Literal["adni", "bids", "aibl", "genfi", "habs", "ixi", "nifd", "oasis", "oasis2", "oasis3", "ukb"]
    dicom_dir: str
    clinical_dir: str
    bids_dir: str | None
    shards: Count
    conversion_timeout_s: Positive
    columns: ColumnsConfig
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
    def _source_has_its_folders(self) -> CohortConfig:
        if (self.source == "bids") != (self.bids_dir is not None):
            raise ValueError("source: bids and bids_dir, the path of the dataset, belong together")
        if self.is_converted and self.dicom_dir == PHANTOM_IMAGES:
            raise ValueError(f"source {self.source} needs dicom_dir, the folder of the download")
        return self

    @model_validator(mode="after")
    def _converters_get_their_arguments(self) -> CohortConfig:
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


class PhantomConfig(Section):
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
    def _visits_and_sizes_fit(self) -> PhantomConfig:
        if self.visit_codes[:1] != ["bl"] or self.visit_codes != sorted(set(self.visit_codes)):
            raise ValueError("visit_codes must start with bl and rise, each once")
        if not 1 <= self.voxel_size_mm[0] <= self.voxel_size_mm[1] <= 6:
            raise ValueError("voxel_size_mm must be two rising numbers between 1 and 6")
        if abs(sum(self.visits_per_subject) - 1) > 1e-6:
            raise ValueError("visits_per_subject must add up to 1")
        if len(self.visits_per_subject) > len(self.visit_codes):
            raise ValueError("visits_per_subject has more entries than visit_codes")
        return self


class SplitConfig(Section):
    """Shares of the subjects."""

    seed: int
    validation_fraction: Fraction
    test_fraction: Fraction

    @model_validator(mode="after")
    def _training_has_a_share(self) -> SplitConfig:
        if self.validation_fraction + self.test_fraction >= 1:
            raise ValueError("validation_fraction and test_fraction must add up to less than 1")
        return self
