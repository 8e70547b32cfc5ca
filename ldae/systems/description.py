"""What a folder of trained files is: the settings they were made with, and which files belong together."""

from __future__ import annotations

from pathlib import Path

from pydantic import Field, ValidationError

from ldae.config import names
from ldae.config.base import Section
from ldae.config.load import Config
from ldae.config.partial import partial_config
from ldae.errors import UserError
from ldae.files import hash_file, read_record, sidecar_path, write_record

MODEL, PROBES, REFERENCE = "model.json", "probes.json", "reference.safetensors"
SECTIONS = ("preprocessing", "qc", "autoencoder", "latents", "diffusion", "ldm", "encoder", "representation")
FILES = (*(f"{name}.safetensors" for name in names.LDAE_MODELS), PROBES, REFERENCE)
FORMAT = 1
CURE = "take all files from one run's results/models, or from one `ldae export`"


class ModelDescription(Section):
    """`model.json`: of a trained LDAE, its probes and the cohort it learnt from. It holds no subject's code."""

    format: int
    phantom: bool = Field(description="whether the cohort is fabricated")
    config: dict = Field(description="the sections the files were made with, sampling, and a batch size")
    files: dict[str, str] = Field(description="SHA-256 of each file of the model")
    cohort: dict[str, dict[str, int]] = Field(description="subjects and scans by split, and scans by diagnosis")

    @property
    def settings(self) -> Config:
        """The configuration; sections that no trained model needs have no value."""
        return partial_config(self.config)


def write_description(
    models_dir: str | Path, config: Config, cohort: dict[str, dict[str, int]], phantom: bool, output: str | Path
) -> None:
    """Write ``model.json`` of the files `FILES` in `models_dir`.

    Parameters
    ----------
    config : Config
        `SECTIONS`, sampling, and evaluation.batch_size.
    cohort, phantom : dict, bool
        As in `ModelDescription`.
    """
    chosen = config.model_dump(mode="json", include={*SECTIONS, "sampling"})
    chosen["evaluation"] = {"batch_size": config.evaluation.batch_size}
    files = {name: hash_file(Path(models_dir, name)) for name in FILES}
    described = ModelDescription(format=FORMAT, phantom=phantom, config=chosen, files=files, cohort=cohort)
    write_record(output, described.model_dump())


def parse_description(models_dir: str | Path) -> ModelDescription:
    """Read ``model.json`` alone.

    Raises
    ------
    UserError
        It is missing, damaged, or of another format.
    """
    path = Path(models_dir, MODEL)
    if not path.is_file():
        cure = "give the folder results/models of a finished run, or one that `ldae export` wrote"
        raise UserError(path, "the description of a trained model", "no such file", cure)
    record = read_record(path)
    if record is None:
        raise UserError(path, "the description of a trained model", "a damaged file", CURE)
    try:
        description = ModelDescription.model_validate(record)
    except ValidationError as error:
        raise UserError(path, "the description of a trained model", f"{error}"[:300], CURE) from None
    if description.format != FORMAT:
        found = f"format {description.format}"
        raise UserError(path, f"a model of format {FORMAT}", found, "use the version of ldae that wrote it")
    return description


def read_description(models_dir: str | Path) -> ModelDescription:
    """Read ``model.json`` and hold the files beside it against it.

    Weights by the hash in their sidecars, so that gigabytes are read once: `ldae.weights.load_tensors` holds each file
    against its sidecar when it loads it.

    Raises
    ------
    UserError
        A file is missing or is another than the one described.
    """
    folder, description = Path(models_dir), parse_description(models_dir)
    for name in FILES:
        file, sidecar = folder / name, sidecar_path(folder / name)
        missing = [path for path in (file, sidecar) if not path.is_file()]
        if missing:
            raise UserError(missing[0], f"a file that {MODEL} names", "no such file", CURE)
        found = hash_file(file) if file == sidecar else (read_record(sidecar) or {}).get("weights_sha256")
        if found != description.files.get(name):
            raise UserError(file, f"the file that {MODEL} describes", "another or a damaged one", CURE)
    return description
