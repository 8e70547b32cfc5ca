"""A model that was trained on another cohort, taken over to be evaluated on this one."""

from __future__ import annotations

import logging
import shutil
from pathlib import Path

from ldae.config.names import LDAE, LDAE_MODELS
from ldae.data.scans import read_scans
from ldae.errors import UserError
from ldae.files import atomic_path, read_json, sidecar_path, write_json
from ldae.systems.description import FILES, MODEL
from ldae.systems.probe import Probe
from ldae.systems.trained import load

logger = logging.getLogger(__name__)

PROBE_SUBJECTS = "trained_probe_subjects.json"  # of the taken model; probe_subjects.json is of the probes fitted here


def take_models(models_from: str | Path, scans: str | Path, models_dir: str | Path) -> None:
    """Check a trained model against itself and against a cohort, and copy it.

    Parameters
    ----------
    models_from, models_dir : path
        Its folder (results/models of another run, or one of `ldae export`), and where its files are copied to, with
        their sidecars, ``model.json`` and `PROBE_SUBJECTS`: by task "subjects" or "subject_counts", as in a sidecar.
    scans : path
        The table of the cohort's scans.

    Raises
    ------
    UserError
        A file is missing, damaged or of another model than those beside it, or a subject of the cohort is among those
        that something of the model was fitted to or chosen by.
    """
    source, target = Path(models_from), Path(models_dir)
    model = load(source, "cpu")  # holds every hash, parent, tensor and setting against the others
    probe_subjects = trained_probe_subjects(source, model.probes)
    records = [read_json(source / f"{name}.json") for name in LDAE_MODELS] + list(probe_subjects.values())
    refuse_shared_subjects(records, set(read_scans(scans)["subject"]), source)
    weights = [name for name in FILES if name.endswith(".safetensors")]
    for name in (*FILES, *(sidecar_path(name).name for name in weights), MODEL):
        with atomic_path(target / name) as temporary:
            shutil.copyfile(source / name, temporary)
    write_json(target / PROBE_SUBJECTS, probe_subjects)


def trained_probe_subjects(folder: Path, probes: dict[str, Probe]) -> dict[str, dict]:
    """Whom the probes of a model were fitted to, by task, as far as its folder tells."""
    taken, own = folder / PROBE_SUBJECTS, folder / "probe_subjects.json"
    if taken.is_file():  # the folder's model was itself taken from elsewhere
        return read_json(taken)
    told = {task: seen.get(LDAE) for task, seen in read_json(own).items()} if own.is_file() else {}
    return {
        probe.task: {"subjects": told[probe.task]}
        if told.get(probe.task)
        else {"subject_counts": {"train": probe.training_subjects}}
        for probe in probes.values()
    }


def refuse_shared_subjects(records: list[dict], subjects: set[str], models_from: Path) -> None:
    """Check that none of `subjects` is named by the records ("subjects": lists by split) of what was fitted.

    Raises
    ------
    UserError
        Some are.
    """
    lists = [names for record in records for names in record.get("subjects", {}).values()]
    shared = sorted(subjects & set().union(*lists))
    if shared:
        found = f"{len(shared)} in both, such as {', '.join(shared[:3])}"
        cure = (
            "leave these subjects out of the cohort, by their rows in qc_overrides (verdict fail) or by taking their "
            "folders away, or evaluate on another cohort"
        )
        raise UserError(f"models_from: {models_from}", "a cohort of subjects that the model has not seen", found, cure)
    if any("subjects" not in record for record in records):
        logger.warning("%s names not all of its subjects: whether some are in this cohort is not known", models_from)
