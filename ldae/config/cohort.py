"""Where the cohort comes from, the phantom, and the split."""

from __future__ import annotations

import re
from typing import Annotated, Literal, get_args

from pydantic import BeforeValidator, Field, ValidationInfo, field_validator

from ldae.config.base import Count, Different, Fraction, NonNegative, Positive, Section, Share, Text

PHANTOM_IMAGES, PHANTOM_CLINICAL = "results/phantom/images", "results/phantom/clinical"
BIDS_DIR = "results/bids"
Source = Literal[
    "phantom", "adni", "bids", "aibl", "genfi", "habs", "ixi", "nifd", "oasis", "oasis2", "oasis3", "ukb"
]  # fmt: skip
CONVERTERS = tuple(name for name in get_args(Source) if name not in ("phantom", "adni", "bids"))
# The sources that read a folder of the user's; whether a converter reads tables, its arguments say.
READERS = {"dicom_dir": ("adni", *CONVERTERS), "clinical_dir": ("adni", *CONVERTERS), "bids_dir": ("bids",)}
OPTIONAL = {("clinical_dir", name) for name in CONVERTERS}


def _are_names(value: object) -> object:
    names = value if isinstance(value, list) else [value]
    if value is not None and not (names and all(isinstance(name, str) and name for name in names)):
        raise ValueError("must be the name of a column, a list of names, or null")
    return value


Column = Annotated[Text | Annotated[list[Text], Field(min_length=1)] | None, BeforeValidator(_are_names)]


def _are_labels(value: object) -> object:
    labels = value if isinstance(value, list) else [value]
    if value is not None and not (labels and all(isinstance(label, str) and label for label in labels)):
        raise ValueError("must be a list of labels (quote those of digits), the path of a file of them, or null")
    return value


def _are_subjects(value: object) -> object:
    if type(value) is int:
        if value < 1:
            raise ValueError("must be a list of labels, the path of a file of them, how many to draw, or null")
        return value
    return _are_labels(value)


Labels = Annotated[list[Text], Field(min_length=1)] | Text | None
ENTITY = r"(task|acq|ce|rec|run|echo|inv|part|chunk|space|res|desc)-[0-9A-Za-z+*]+"  # * stands for any signs
NamePattern = Annotated[str, Field(pattern=rf"^{ENTITY}(_{ENTITY})*$")]


class ColumnsConfig(Section):
    """Columns of participants.tsv and sessions.tsv: a name must be there, of a list any may, null is not looked for."""

    age: Column = Field(description="years")
    sex: Column = Field(description="M or F")
    diagnosis: Column = Field(description="values that cohort.diagnoses translates")
    months: Column = Field(description="months from baseline; else from a session label like M012")
    field_strength_t: Column = Field(description="tesla; else MagneticFieldStrength of the image's JSON file")
    site: Column = Field(description="name or number of the site")


class CohortConfig(Section):
    """Where the cohort comes from, where it lies and how it is cut into jobs."""

    source: Source = Field(
        description="phantom: a fabricated ADNI download; adni: your own; bids: a BIDS dataset; "
        "else a download that Clinica has a converter for"
    )
    dicom_dir: Text | None = Field(
        description="folder of the download with one folder per subject (ADNI: LONI's layout); null: phantom, bids"
    )
    clinical_dir: Text | None = Field(description="folder with the clinical tables; null: phantom, bids")
    bids_dir: Text | None = Field(description="for bids: the dataset, whose images are read in place")
    subjects: Annotated[Labels | Count, BeforeValidator(_are_subjects)] = Field(
        description="a pilot: the subjects to use, a list of their codes or BIDS labels, a file with one per line, or "
        "how many, drawn by seed (a larger number keeps those of a smaller one); null: all"
    )
    sessions: Annotated[Labels, BeforeValidator(_are_labels)] = Field(
        description="a pilot: the sessions to use, a list of BIDS labels such as M000, or a file with one per line; "
        "null: all"
    )
    exclude: Annotated[Labels, BeforeValidator(_are_labels)] = Field(
        description="what to leave out: a list of image IDs, names of image files or of subjects, or sub-*_ses-* of a "
        "BIDS dataset, each with the reason behind a comma; or a file with one per line; null: nothing"
    )
    max_lost_fraction: Fraction = Field(
        description="share of the earlier subjects or sessions that may be gone, and what was made of them removed: "
        "more stops the run, for the disk may not be mounted. Five may always go"
    )
    shards: Count = Field(description="groups of subjects; one job per group and stage")
    conversion_timeout_s: Positive = Field(description="seconds one subject's conversion may take")
    columns: ColumnsConfig
    diagnoses: dict[str, Literal["CN", "MCI", "AD"]] = Field(
        description="not for phantom, adni: what a value of the diagnosis column means, in whatever case of letters; "
        "scans with another value have no diagnosis"
    )
    prefer: Annotated[list[NamePattern], Field(json_schema_extra={"uniqueItems": True}), Different] = Field(
        description="not for phantom, adni: of several T1w images of a session the one with these entities in its "
        "name, the first preferred, such as acq-mprage or acq-t1*_rec-norm; else by header, JSON file and name"
    )
    converter_arguments: dict[str, list[str]] = Field(
        description="arguments of `clinica convert <source>-to-bids`, default and those of sources that need their own"
    )

    @property
    def is_phantom(self) -> bool:
        """Whether the download is the fabricated one."""
        return self.source == "phantom"

    @property
    def is_adni(self) -> bool:
        """Whether the download is laid out as LONI does: ADNI's, or the phantom."""
        return self.source in ("phantom", "adni")

    @property
    def is_converted(self) -> bool:
        """Whether one of Clinica's converters other than ADNI's makes the BIDS dataset."""
        return self.source in CONVERTERS

    @property
    def folders(self) -> list[str]:
        """Keys of the user's folders that the source reads."""
        keys = [key for key, sources in READERS.items() if self.source in sources]
        if self.is_converted and "{clinical}" not in " ".join(self.arguments):
            keys.remove("clinical_dir")
        return keys

    @property
    def images_dir(self) -> str | None:
        """The download's folder of images: the user's, or the phantom's."""
        return PHANTOM_IMAGES if self.is_phantom else self.dicom_dir

    @property
    def tables_dir(self) -> str | None:
        """The download's folder of clinical tables: the user's, or the phantom's."""
        return PHANTOM_CLINICAL if self.is_phantom else self.clinical_dir

    @property
    def dataset_dir(self) -> str:
        """The BIDS dataset that is preprocessed: the user's, or what the conversion makes."""
        return self.bids_dir or BIDS_DIR

    @property
    def arguments(self) -> list[str]:
        """Argument template of the source's converter."""
        return self.converter_arguments.get(self.source, self.converter_arguments["default"])

    @field_validator(*READERS)
    @classmethod
    def _source_has_its_folders(cls, folder: str | None, info: ValidationInfo) -> str | None:
        source, key = info.data.get("source"), str(info.field_name)
        readers = READERS[key]
        if source is None:
            return folder
        if folder is None and source in readers and (key, source) not in OPTIONAL:
            raise ValueError(f"source {source} needs the path of this folder")
        if folder is not None and source not in readers:
            cure = "source: bids" if key == "bids_dir" else "source: adni, or what else the folder holds"
            raise ValueError(f"source {source} does not read it; set cohort.{cure}")
        return folder

    @field_validator("prefer")
    @classmethod
    def _the_source_leaves_a_choice(cls, prefer: list[str], info: ValidationInfo) -> list[str]:
        if prefer and info.data.get("source") in ("phantom", "adni"):
            raise ValueError(f"source {info.data['source']} does not read it: Clinica chooses; set []")
        return prefer

    @field_validator("converter_arguments")
    @classmethod
    def _converters_get_their_arguments(cls, templates: dict[str, list[str]], info: ValidationInfo) -> dict:
        known = sorted({*CONVERTERS, "default"})
        if "default" not in templates or set(templates) - set(known):
            raise ValueError(f"must have default, and may have {', '.join(known)}")
        for name, arguments in templates.items():
            places = set(re.findall(r"\{.*?\}", " ".join(arguments)))
            if not {"{dataset}", "{bids}"} <= places <= {"{dataset}", "{bids}", "{clinical}"}:
                raise ValueError(f"{name} must have {{dataset}} and {{bids}}, and may have {{clinical}}")
        arguments = templates.get(str(info.data.get("source")), templates["default"])
        tables = info.data.get("clinical_dir", "")
        if info.data.get("source") in CONVERTERS and tables is None and "{clinical}" in " ".join(arguments):
            raise ValueError("those of this source hold {clinical}, so cohort.clinical_dir must be given")
        return templates


class PhantomConfig(Section):
    """The fabricated ADNI download; with the seed, everything in it follows from this section."""

    naming: Literal["legacy", "loni2024"] = Field(
        description="names of the clinical tables; loni2024: LONI's since October 2024"
    )
    subjects: Annotated[int, Field(ge=6, le=1800, description="subjects, of CN, MCI and AD in turn")]
    visit_codes: Annotated[
        list[Annotated[str, Field(pattern=r"^(bl|m(0[1-9]|[1-9]\d))$")]],
        Field(min_length=1, max_length=10, description="visits as ADNIMERGE calls them: bl, then months, rising"),
    ]
    visits_per_subject: Annotated[list[Fraction], Field(min_length=1)] = Field(
        description="shares of the subjects with 1, 2, … visits, which add up to 1"
    )
    missing_scan_fraction: Annotated[float, Field(ge=0, lt=1, description="share of the visits without an image")]
    voxel_size_mm: tuple[Annotated[float, Field(ge=1, le=6)], Annotated[float, Field(ge=1, le=6)]] = Field(
        description="mm, range of the in-plane and slice spacing"
    )
    atrophy_effect: NonNegative = Field(description="factor on the effect of disease and age on the anatomy")

    @field_validator("visit_codes")
    @classmethod
    def _visits_rise(cls, codes: list[str]) -> list[str]:
        if codes[0] != "bl" or codes != sorted(set(codes)):
            raise ValueError("must start with bl and rise, each once")
        return codes

    @field_validator("visits_per_subject")
    @classmethod
    def _shares_add_up(cls, shares: list[float], info: ValidationInfo) -> list[float]:
        if abs(sum(shares) - 1) > 1e-6:
            raise ValueError("must add up to 1")
        if len(shares) > len(info.data.get("visit_codes", shares)):
            raise ValueError("has more entries than visit_codes")
        return shares

    @field_validator("voxel_size_mm")
    @classmethod
    def _sizes_rise(cls, sizes: tuple[float, float]) -> tuple[float, float]:
        if sizes[0] > sizes[1]:
            raise ValueError("the smaller size must come first")
        return sizes


class SplitConfig(Section):
    """Shares of the subjects; training has what validation and test leave."""

    validation_fraction: Share = Field(description="share of the subjects that models are chosen on")
    test_fraction: Share = Field(description="share of the subjects that nothing is fitted to or chosen on")
    file: Text | None = Field(description="CSV with the columns subject, split to keep to; null: the workflow's own")

    @field_validator("test_fraction")
    @classmethod
    def _training_has_a_share(cls, test: float, info: ValidationInfo) -> float:
        if test + info.data.get("validation_fraction", 0) >= 1:
            raise ValueError("validation_fraction and test_fraction must add up to less than 1")
        return test
