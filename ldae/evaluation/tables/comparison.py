"""comparison.csv: LDAE, LDDIM, the voxel DAE and AutoencoderKL on the same test scans."""

from __future__ import annotations

import numpy as np
import pandas as pd

from ldae.config import names
from ldae.config.evaluation import BootstrapConfig
from ldae.evaluation.measure.comparison import COMPARISON_KEYS, COMPARISON_METRICS
from ldae.evaluation.measure.lpips import lpips_columns
from ldae.evaluation.statistics.bootstrap import draw_weights, estimate, weighted_mean

PAPER_COLUMNS = ("paper_latent_size", "paper_ssim_win3", "paper_lpips_squeeze", "paper_mse")
# Published on the ADNI test set at T = 100 with DDIM; the first two latent sizes leave out the latent's three channels.
PAPER = {
    names.LDAE: (5_888, 0.962, 0.075, 0.001),
    names.LDDIM: (5_120, 0.962, 0.075, 0.001),
    names.DAE: (1_605_632, 0.892, 0.030, 0.001),
    names.AUTOENCODER: (5_120, 0.962, 0.075, 0.001),
}


def tabulate_comparison(scans: pd.DataFrame, bootstrap: BootstrapConfig, seed: int) -> pd.DataFrame:
    """Means over test scans with intervals over subjects, paired differences to LDAE, the published figures.

    Parameters
    ----------
    scans : DataFrame
        What `ldae.evaluation.measure.comparison.compare` returned.
    bootstrap, seed : BootstrapConfig, int
        Bootstrap over subjects.

    Returns
    -------
    DataFrame
        A row per system, grid and T: `COMPARISON_KEYS`, n_subjects, n_scans, each metric with _low, _high and, on
        LDAE's grid, the mean difference to LDAE at the same T (of AutoencoderKL: at the largest) with its interval;
        `PAPER_COLUMNS`, ms_ssim_scales, note.
    """
    scans = scans[scans["split"] == "test"]
    reference = scans[scans["system"] == names.LDAE]
    metrics = [*COMPARISON_METRICS, *lpips_columns(scans)]
    table = []
    for keys, group in scans.groupby(COMPARISON_KEYS, dropna=False, sort=False):
        row = dict(zip(COMPARISON_KEYS, keys, strict=True))
        steps = reference["steps"].max() if pd.isna(row["steps"]) else row["steps"]
        columns = ["subject", "session", "grid", *metrics]
        pairs = group[columns].merge(
            reference.loc[reference["steps"] == steps, columns],
            on=["subject", "session", "grid"],
            how="left",
            suffixes=("", "_ldae"),
            validate="one_to_one",
        )
        weights = draw_weights(pairs["subject"], bootstrap.draws, np.random.default_rng(seed))
        row |= {"n_subjects": pairs["subject"].nunique(), "n_scans": len(pairs)}
        for metric in metrics:
            mean = estimate(weighted_mean(pairs[metric]), weights, bootstrap.confidence)
            gap = estimate(weighted_mean(pairs[metric] - pairs[f"{metric}_ldae"]), weights, bootstrap.confidence)
            for name, result in ((metric, mean), (f"{metric}_minus_ldae", gap)):
                row |= {name: result.value, f"{name}_low": result.low, f"{name}_high": result.high}
        row |= dict(zip(PAPER_COLUMNS, PAPER[row["system"]], strict=True))
        table.append(row | {"ms_ssim_scales": group["ms_ssim_scales"].iloc[0], "note": group["note"].iloc[0]})
    return pd.DataFrame(table)
