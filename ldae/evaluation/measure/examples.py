"""Volumes for the figures: a few test scans edited, varied, interpolated and rebuilt, and what Enc_phi attends to."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd
import torch

from ldae.data.labels import join_labels, read_dataset
from ldae.data.scans import SCAN_KEY, read_scans
from ldae.data.volumes import read_images
from ldae.diffusion.interpolation import lerp
from ldae.errors import UserError
from ldae.evaluation.arrays import write_arrays
from ldae.evaluation.measure.interpolation import find_triples, scan_times
from ldae.evaluation.measure.metrics import mse, ssim
from ldae.evaluation.measure.reconstruction import ENCODED
from ldae.evaluation.measure.selection import scans_of
from ldae.files import read_table
from ldae.systems.codes import decode_codes, encode_scans
from ldae.systems.trained import TrainedModel, load

DIAGNOSES = ("CN", "MCI", "AD")
TOWARDS = "AD"
VARIANTS, VARIANTS_SHOWN = 8, 3
RANKS = ("best", "median", "worst")
Part = dict[str, np.ndarray]


def measure_examples(
    scans: str | Path,
    dataset: str | Path,
    reconstructions: str | Path,
    models_dir: str | Path,
    output: str | Path,
    *,
    strengths: Sequence[float],
    steps: Sequence[int],
    seed: int,
) -> None:
    """Write the NPZ of the figures, its arrays named like ``manipulation|edited``; a part that cannot be has a note.

    Parameters
    ----------
    scans, dataset, reconstructions, models_dir, output : path
        The table of scans, that of labels, what `measure_reconstruction` wrote, the trained model's folder, the NPZ.
    strengths : sequence of float
        Of the edits towards `TOWARDS`, in log-odds, 0 among them.
    steps : sequence of int
        Sampler steps T of the rebuilt scans.
    seed : int
        Of the noises that the scans are varied with.
    """
    model = load(models_dir)
    test = join_labels(scans_of(read_scans(scans), "test"), read_dataset(dataset))
    chosen = first_of_each_diagnosis(test)
    measured = read_table(reconstructions, (*SCAN_KEY, "start", "steps", "ssim"), dtype=dict.fromkeys(SCAN_KEY, str))
    ranked = rank_subjects(measured, model.description.settings.sampling.steps)
    parts = {
        "manipulation": edit(model, chosen, strengths),
        "variation": vary(model, chosen, seed),
        "interpolation": predict_visit(model, test),
        "reconstruction": rebuild(model, test, ranked, steps),
        "attention": attend(model, test),
    }
    arrays = {f"{part}|{name}": array for part, content in parts.items() for name, array in content.items()}
    write_arrays(output, arrays | {"affine": model.grid.affine})


def first_of_each_diagnosis(test: pd.DataFrame) -> pd.DataFrame:
    """Of every diagnosis the first scan in the table, in the order of `DIAGNOSES`."""
    firsts = test[test["diagnosis"].isin(DIAGNOSES)].drop_duplicates("diagnosis")
    return firsts.sort_values("diagnosis", key=lambda names: names.map(DIAGNOSES.index))


def rank_subjects(measured: pd.DataFrame, steps: int) -> pd.DataFrame:
    """The subjects that LDAE rebuilds best, worst and in between from the encoded z_T in `steps` steps.

    Subjects are ranked by the mean SSIM of their scans; of an even number, the better of the two in the middle is the
    median. Of each the first scan is shown.

    Returns
    -------
    DataFrame
        rank (`RANKS`, each subject once), subject, session, ssim (the subject's mean).
    """
    used = measured[(measured["start"] == ENCODED) & (measured["steps"] == steps)]
    by_subject = used.groupby("subject").agg(session=("session", "min"), ssim=("ssim", "mean")).reset_index()
    by_subject = by_subject.sort_values(["ssim", "subject"], ascending=[False, True], ignore_index=True)
    last = len(by_subject) - 1
    ranked = by_subject.iloc[[0, last // 2, last]].assign(rank=list(RANKS))
    return ranked.drop_duplicates("subject")[["rank", *SCAN_KEY, "ssim"]].reset_index(drop=True)


def edit(model: TrainedModel, chosen: pd.DataFrame, strengths: Sequence[float]) -> Part:
    """scan (n, D, H, W), edited (n, K, D, H, W), strength (K,), name (n,): towards `TOWARDS`, from each scan's z_T."""
    if chosen.empty:
        return _note(f"no test scan of {', '.join(DIAGNOSES)}")
    try:
        edited = model.manipulate(list(chosen["path"]), TOWARDS, strengths)
    except UserError as error:
        return _note(f"{error}")
    return {
        "scan": _images(chosen),
        "edited": edited[:, :, 0].transpose(0, 1).numpy(),
        "strength": np.array(strengths, dtype=float),
        "name": _names(chosen),
    }


def vary(model: TrainedModel, chosen: pd.DataFrame, seed: int) -> Part:
    """scan, mean, spread (n, D, H, W), variant (n, `VARIANTS_SHOWN`, D, H, W), count (), name (n,)."""
    if chosen.empty:
        return _note(f"no test scan of {', '.join(DIAGNOSES)}")
    varied = model.vary(list(chosen["path"]), VARIANTS, seed)
    return {
        "scan": _images(chosen),
        "variant": varied.images[:VARIANTS_SHOWN, :, 0].transpose(0, 1).numpy(),
        "mean": varied.mean[:, 0].numpy(),
        "spread": varied.spread[:, 0].numpy(),
        "count": np.array(VARIANTS),
        "name": _names(chosen),
    }


def choose_triple(test: pd.DataFrame) -> pd.Series | None:
    """Three visits of a test subject: the outer two furthest apart in time, the one between nearest to the middle.

    Returns
    -------
    Series or None
        As a row of `ldae.evaluation.measure.interpolation.find_triples`; None without a subject of three visits.
    """
    triples = find_triples(test, scan_times(test))
    if triples.empty:
        return None
    order = triples.assign(aside=(triples["t"] - 0.5).abs()).sort_values(
        ["between_months", "aside"], ascending=[False, True], kind="stable"
    )
    return order.iloc[0]


def predict_visit(model: TrainedModel, test: pd.DataFrame) -> Part:
    """A visit predicted from two others by LDAE, by their blend and by a copy of the nearer one.

    Returns
    -------
    dict
        first, true, last, ldae, blend, copy (D, H, W); months of the three visits from the first (3,); ssim and mse of
        the three predictions (3,); name ().
    """
    triple = choose_triple(test)
    if triple is None:
        return _note("no test subject has three visits at different, known times")
    rows = test.loc[[int(triple[name]) for name in ("first", "middle", "last")]]
    first, true, last = read_images(rows).split(1)
    t = torch.tensor([triple["t"]], dtype=torch.float64)
    nearer = (t > 0.5).to(t)  # midway it is the first, as in the table
    predicted = {
        "ldae": model.interpolate(rows["path"].iloc[0], rows["path"].iloc[2], [triple["t"]])[0],
        "blend": lerp(first, last, t),
        "copy": lerp(first, last, nearer),
    }
    between = triple["between_months"]
    volumes = {"first": first, "true": true, "last": last} | predicted
    return {name: image[0, 0].numpy() for name, image in volumes.items()} | {
        "months": np.array([0.0, triple["t"] * between, between]),
        "ssim": np.array([ssim(image, true).item() for image in predicted.values()]),
        "mse": np.array([mse(image, true).item() for image in predicted.values()]),
        "name": np.array(rows["subject"].iloc[0]),
    }


def rebuild(model: TrainedModel, test: pd.DataFrame, ranked: pd.DataFrame, steps: Sequence[int]) -> Part:
    """scan (n, D, H, W), rebuilt (n, T, D, H, W), steps (T,), ssim (n, T), rank and name (n,): from the encoded z_T."""
    if ranked.empty:
        return _note("no reconstruction was measured with the model's own number of steps")
    rows = ranked.merge(test, on=SCAN_KEY, validate="one_to_one")
    images = read_images(rows)
    solver, made = model.description.settings.sampling.solver, []
    for count in steps:
        parts = [encode_scans(model.system, part, count, solver) for part in images.split(model.batch_size)]
        decoded = [decode_codes(model.system, codes.z_T, codes.y_sem, count, solver) for codes in parts]
        made.append(torch.cat(decoded))
    return {
        "scan": images[:, 0].numpy(),
        "rebuilt": torch.stack(made, 1)[:, :, 0].numpy(),
        "steps": np.array(steps),
        "ssim": torch.stack([ssim(image, images) for image in made], 1).numpy(),
        "rank": rows["rank"].to_numpy(dtype=str),
        "name": _names(rows),
    }


def attend(model: TrainedModel, test: pd.DataFrame) -> Part:
    """query and pooling (subjects, W): how much each axial slice counts; diagnosis (subjects,), scan (D, H, W).

    Of every test subject the first scan; ``scan`` is the first of them.
    """
    firsts = test.drop_duplicates("subject").reset_index(drop=True)
    weights = []
    for start in range(0, len(firsts), model.batch_size):
        images = read_images(firsts.iloc[start : start + model.batch_size])
        weights.append([part.float().cpu() for part in model.system.slice_weights(images)])
    query, pooling = (torch.cat(parts).numpy() for parts in zip(*weights, strict=True))
    return {
        "query": query,
        "pooling": pooling,
        "diagnosis": firsts["diagnosis"].to_numpy(dtype=str),
        "scan": _images(firsts[:1])[0],
    }


def _note(words: str) -> Part:
    return {"note": np.array(words)}


def _images(rows: pd.DataFrame) -> np.ndarray:
    return read_images(rows)[:, 0].numpy()


def _names(rows: pd.DataFrame) -> np.ndarray:
    return (rows["subject"] + "\n" + rows["session"] + " " + rows["diagnosis"]).to_numpy(dtype=str)
