"""The results on the phantom cohort held against its truth file, which nothing else reads."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from ldae.config import names
from ldae.config.evaluation import BootstrapConfig
from ldae.config.load import Config
from ldae.data.batches import scan_batches
from ldae.data.labels import read_dataset
from ldae.data.scans import SCAN_KEY
from ldae.errors import UserError
from ldae.evaluation.features.embeddings import Embeddings, read_embeddings
from ldae.evaluation.measure.metrics import mse
from ldae.evaluation.measure.reconstruction import ENCODED, OTHER, SEMANTIC
from ldae.evaluation.statistics.bootstrap import Estimate, Resampler, ratio_of_means, weighted_mean
from ldae.evaluation.statistics.probes import fit_ridge
from ldae.evaluation.statistics.scores import pearson, regression_scores, roc_auc
from ldae.evaluation.tables.counterfactual import EFFECT_COLUMNS, IDENTITY
from ldae.evaluation.tables.downstream import label_embeddings
from ldae.evaluation.tables.published_probes import AD_VS_CN, AGE
from ldae.evaluation.tables.reconstruction import read_reconstructions
from ldae.files import read_table, write_table
from ldae.systems.probe import DEFAULT_ALONG

EXPECTED_TO_GROW = ((AD_VS_CN, "ventricles_share"), (AGE, "ventricles_share"))


class TruthTable:
    """Collects the rows property, value, low, high, expected, met; intervals by bootstrap over subjects."""

    def __init__(self, bootstrap: BootstrapConfig, seed: int) -> None:
        self.estimate = Resampler(bootstrap.draws, bootstrap.confidence, seed)
        self.rows: list[dict] = []

    def add(self, name: str, result: Estimate, expected: str, met: bool | None) -> None:
        """Add a row; `met` is None where nothing is expected. An undefined value meets nothing."""
        self.rows.append({"property": name, **vars(result), "expected": expected, "met": "" if met is None else met})


def write_truth_table(
    truth: str | Path,
    dataset: str | Path,
    embeddings: str | Path,
    reconstructions: str | Path,
    downstream: str | Path,
    counterfactual: str | Path,
    config: Config,
    output: str | Path,
) -> None:
    """Read the results and the truth, and write phantom_truth.csv.

    Parameters
    ----------
    truth, dataset, embeddings, reconstructions, downstream, counterfactual : path
        truth.csv, dataset.csv, y_sem of its scans, reconstruction_scans.csv, downstream.csv, counterfactual.csv.
    config : Config
        seed, sampling, and of the evaluation batch_size, bootstrap and probes.
    output : path
        The CSV to write.
    """
    settings = config.evaluation
    table = check_against_truth(
        read_truth(truth),
        read_dataset(dataset),
        read_embeddings(embeddings),
        read_reconstructions(reconstructions),
        read_table(downstream, ("encoder", "task", "scans", "metric", "value", "low", "high")),
        read_table(counterfactual, EFFECT_COLUMNS),
        steps=config.sampling.steps,
        alpha_grid=settings.probes.alpha_grid,
        batch_size=settings.batch_size,
        bootstrap=settings.bootstrap,
        seed=config.seed,
    )
    write_table(output, table)


def check_against_truth(
    truth: pd.DataFrame,
    dataset: pd.DataFrame,
    embeddings: Embeddings,
    reconstructions: pd.DataFrame,
    downstream: pd.DataFrame,
    counterfactual: pd.DataFrame,
    *,
    steps: int,
    alpha_grid: list[float],
    batch_size: int,
    bootstrap: BootstrapConfig,
    seed: int,
) -> pd.DataFrame:
    """Hold the results against the truth.

    Parameters
    ----------
    truth : DataFrame
        truth.csv: subject, session, diagnosis, age (years), ventricle_ml.
    dataset, embeddings, reconstructions, downstream, counterfactual
        dataset.csv, y_sem of its scans, reconstruction_scans.csv, downstream.csv, counterfactual.csv.
    steps : int
        Sampler steps T of the reconstructions judged.
    alpha_grid : list of float
        Ridge regularisation, chosen on validation subjects.
    batch_size, bootstrap, seed
        Scans read at once; the bootstrap over subjects.

    Returns
    -------
    DataFrame
        property, value, low, high, expected, met.
    """
    table = TruthTable(bootstrap, seed)
    _add_reconstruction(table, reconstructions, training_mean_mse(dataset, batch_size), steps)
    labelled = label_embeddings(embeddings, dataset)
    known = labelled.table.merge(truth[[*SCAN_KEY, "ventricle_ml"]], on=SCAN_KEY, how="left", validate="one_to_one")
    if known["ventricle_ml"].isna().any():
        first = known[known["ventricle_ml"].isna()].iloc[0]
        found = f"none for {first['subject']} {first['session']}"
        raise UserError("results/phantom/truth.csv", "a row for every scan", found, "run the rule phantom again")
    _add_atrophy(table, labelled, known, alpha_grid)
    _add_probe(table, downstream)
    add_edits(table, counterfactual)
    _add_reference(table, known, alpha_grid)
    return pd.DataFrame(table.rows)


def training_mean_mse(dataset: pd.DataFrame, batch_size: int) -> pd.DataFrame:
    """Mean squared error of the mean training image on each test scan: subject, session, mean_mse."""
    train, test = (dataset[dataset["split"] == split] for split in ("train", "test"))
    batches = scan_batches(train, batch_size, "training-mean image")
    total: Any = sum(scans.double().sum(0, keepdim=True) for _, scans in batches)
    errors = [mse(total / len(train), scans).numpy() for _, scans in scan_batches(test, batch_size, "its error")]
    return test[SCAN_KEY].assign(mean_mse=np.concatenate(errors))


def _add_reconstruction(table: TruthTable, scans: pd.DataFrame, mean_mse: pd.DataFrame, steps: int) -> None:
    at_steps = scans[scans["steps"] == steps]
    autoencoder = scans[scans["model"] == names.AUTOENCODER].merge(mean_mse, on=SCAN_KEY, validate="one_to_one")
    ratio = table.estimate(ratio_of_means(autoencoder["mse"], autoencoder["mean_mse"]), autoencoder["subject"])
    table.add("AutoencoderKL's MSE / training-mean image's MSE", ratio, "<= 0.5", ratio.value <= 0.5)

    encoded = at_steps[at_steps["start"] == ENCODED].merge(autoencoder, on=SCAN_KEY, suffixes=("", "_autoencoder"))
    gap = table.estimate(weighted_mean(encoded["ssim"] - encoded["ssim_autoencoder"]), encoded["subject"])
    table.add(f"SSIM, LDAE from encoded z_T (T={steps}) - AutoencoderKL", gap, ">= -0.01", gap.value >= -0.01)
    spread = table.estimate(weighted_mean(encoded["z_T_std"]), encoded["subject"])
    table.add(f"standard deviation of z_T (T={steps})", spread, "0.9 to 1.1", 0.9 <= spread.value <= 1.1)

    own, other = (at_steps[at_steps["start"] == start] for start in (SEMANTIC, OTHER))
    pairs = own.merge(other, on=SCAN_KEY, suffixes=("", "_other"), validate="one_to_one")
    share = table.estimate(ratio_of_means(pairs["mse"], pairs["mse_other"]), pairs["subject"])
    table.add("MSE from own y_sem / from another subject's, same noise", share, "interval < 1", share.high < 1)
    paired = table.estimate(weighted_mean(pairs["mse"] - pairs["mse_other"]), pairs["subject"])
    table.add("MSE from own y_sem - from another subject's, same noise", paired, "interval < 0", paired.high < 0)


def _add_atrophy(table: TruthTable, embeddings: Embeddings, known: pd.DataFrame, alpha_grid: list[float]) -> None:
    volume, test = known["ventricle_ml"].to_numpy(), (known["split"] == "test").to_numpy()
    predicted = fit_ridge(embeddings, volume, alpha_grid).predict(embeddings)
    result = table.estimate(pearson(predicted[test], volume[test]), known["subject"][test])
    table.add(
        "correlation of ventricle volume with its prediction from y_sem, test", result, "> 0.8", result.value > 0.8
    )


def _add_probe(table: TruthTable, downstream: pd.DataFrame) -> None:
    columns = {"encoder": names.LDAE, "task": AD_VS_CN, "scans": "all", "metric": "roc_auc"}
    auc = downstream[(downstream[list(columns)] == pd.Series(columns)).all(axis=1)].iloc[0]
    result = Estimate(*(float(auc[name]) for name in ("value", "low", "high")))
    table.add("AUC of AD vs CN from y_sem, test", result, "interval > 0.5", result.low > 0.5)


def add_edits(table: TruthTable, counterfactual: pd.DataFrame) -> None:
    """What the edits along the default direction must change, and whom they must leave recognisable."""
    rows = counterfactual[counterfactual["along"] == DEFAULT_ALONG].set_index(["edit", "measure"])
    for edit, measure in EXPECTED_TO_GROW:
        if (edit, measure) in rows.index:
            row = rows.loc[(edit, measure)]
            slope = Estimate(row["value"], row["low"], row["high"])
            table.add(f"{measure} {row['unit']}, scans edited: {edit}", slope, "interval > 0", slope.low > 0)
            step = Estimate(row["smallest_step"], np.nan, np.nan)
            table.add(f"{measure}, smallest step from strength to strength: {edit}", step, "> 0", step.value > 0)
    for edit in dict.fromkeys(edit for edit, _ in EXPECTED_TO_GROW):
        row = rows.loc[(edit, IDENTITY)] if (edit, IDENTITY) in rows.index else None
        if row is not None and np.isfinite(row["value"]):
            ratio = Estimate(row["value"], row["low"], row["high"])
            table.add(f"{IDENTITY}, scans edited most: {edit}", ratio, "interval < 1", ratio.high < 1)


def _add_reference(table: TruthTable, known: pd.DataFrame, alpha_grid: list[float]) -> None:
    """What the true ventricle volume itself tells: the ceiling of the probes."""
    test = known["split"] == "test"
    two = known["diagnosis"].isin(["AD", "CN"])
    for rows, where in ((two, "all subjects"), (two & test, "test")):
        auc = roc_auc(known["ventricle_ml"][rows], known["diagnosis"][rows] == "AD")
        result = table.estimate(auc, known["subject"][rows])
        expected, met = ("0.91 to 0.99", 0.91 <= result.value <= 0.99) if where == "all subjects" else ("", None)
        table.add(f"AUC of AD vs CN from the true ventricle volume, {where}", result, expected, met)
    aged = known[known["age"].notna()].reset_index(drop=True)
    volume = Embeddings(aged[["ventricle_ml"]].to_numpy(np.float64), aged)
    age, test = aged["age"].to_numpy(), (aged["split"] == "test").to_numpy()
    predicted = fit_ridge(volume, age, alpha_grid).predict(volume)
    mean = np.full(len(age), age[(aged["split"] == "train").to_numpy()].mean())
    errors = {
        name: table.estimate(regression_scores(values[test], age[test])["mae"], aged["subject"][test])
        for name, values in (("volume", predicted), ("mean", mean))
    }
    table.add(
        "age error (MAE, years) from the true ventricle volume, test",
        errors["volume"],
        "below the mean age's",
        errors["volume"].value < errors["mean"].value,
    )
    table.add("age error (MAE, years) of the training mean, test", errors["mean"], "", None)


def read_truth(path: str | Path) -> pd.DataFrame:
    """Read the phantom's truth.csv."""
    return read_table(path, (*SCAN_KEY, "ventricle_ml"), dtype={"subject": str, "session": str})
