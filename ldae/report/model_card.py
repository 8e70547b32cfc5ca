"""The model card of an exported model, from its description, its sidecars and the tables of its run."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
from jinja2 import Environment, StrictUndefined

from ldae.config.names import AUTOENCODER, LDAE
from ldae.evaluation.measure.lpips import lpips_columns
from ldae.files import read_table
from ldae.systems.description import REFERENCE
from ldae.systems.trained import TrainedModel

CARD, TEMPLATE = "README.md", Path(__file__).with_name("model_card.md")
INTERVAL = ("low", "high")


def write_card(model: TrainedModel, sidecars: dict[str, dict], tables: Path) -> str:
    """The card in Markdown.

    Parameters
    ----------
    model : TrainedModel
    sidecars : dict
        By the name of the weights, without anybody's code.
    tables : path
        Folder of the tables of the model's run; of those that are missing the card says so.
    """
    makers = {
        "reconstruction": reconstruction_rows,
        "downstream": downstream_rows,
        "calibration": plain_rows,
        "counterfactual": counterfactual_rows,
    }
    found = {name: tables / f"{name}.csv" for name in makers if (tables / f"{name}.csv").is_file()}
    environment = Environment(
        undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True, keep_trailing_newline=True
    )
    return environment.from_string(TEMPLATE.read_text(encoding="utf-8")).render(
        phantom=model.description.phantom,
        settings=model.description.config,
        cohort=model.description.cohort,
        files=model.description.files,
        reference=REFERENCE,
        probes=model.probes,
        validation_scans=len(model.reference.validation),
        parameters=count_parameters(model),
        sidecars=sidecars,
        measured={name: markdown(makers[name](read_table(path))) for name, path in found.items()},
        missing=[f"{name}.csv" for name in makers if name not in found],
    )


def count_parameters(model: TrainedModel) -> dict[str, str]:
    """Millions of parameters of each network, written out."""
    system = model.system
    networks = {
        "autoencoder": system.autoencoder,
        "ldm": system.denoiser,
        "representation": system.representation,
    }
    return {name: f"{sum(p.numel() for p in part.parameters()) / 1e6:.3g}" for name, part in networks.items()}


def reconstruction_rows(table: pd.DataFrame) -> pd.DataFrame:
    """SSIM, MSE and LPIPS of the LDAE and of its autoencoder alone."""
    rows = table[table["model"].isin((LDAE, AUTOENCODER))]
    shown = pd.DataFrame({"decoded by": rows["model"], "from": rows["start"].fillna(""), "steps": rows["steps"]})
    for metric in ("ssim", "mse", *(name for name in lpips_columns(rows) if f"{name}_low" in rows)):
        shown[metric] = [write_interval(*each) for each in rows[[metric, f"{metric}_low", f"{metric}_high"]].to_numpy()]
    return shown.assign(subjects=rows["n_subjects"], scans=rows["n_scans"])


def downstream_rows(table: pd.DataFrame) -> pd.DataFrame:
    """Every score of the LDAE's probes on all test scans."""
    if "encoder" not in table:  # no task could be probed
        return pd.DataFrame()
    rows = table[(table["encoder"] == LDAE) & (table["scans"] == "all")]
    return pd.DataFrame(
        {
            "task": rows["task"],
            "metric": rows["metric"],
            "value": [write_interval(*each) for each in rows[["value", *INTERVAL]].to_numpy()],
            "subjects": rows["n_subjects"],
            "scans": rows["n_scans"],
        }
    )


def counterfactual_rows(table: pd.DataFrame) -> pd.DataFrame:
    """What each edit does to each measure, beside what differs between unedited people."""
    observed = table[["observed", "observed_low", "observed_high"]].to_numpy()
    return pd.DataFrame(
        {
            "edit": table["edit"],
            "along": table["along"],
            "measure": table["measure"],
            "unit": table["unit"],
            "by the edit": [write_interval(*each) for each in table[["value", *INTERVAL]].to_numpy()],
            "between people": [write_interval(*each) for each in observed],
            "subjects": table["n_subjects"],
        }
    )


def plain_rows(table: pd.DataFrame) -> pd.DataFrame:
    """A table as it is, each value and its bounds in one cell."""
    shown = {}
    for name in table:
        bounds = [f"{name}_{bound}" if name != "value" else bound for bound in INTERVAL]
        if name in INTERVAL or name.endswith(("_low", "_high")):
            continue
        values = table[[name, *bounds]].to_numpy() if set(bounds) <= set(table) else None
        shown[name] = table[name] if values is None else [write_interval(*each) for each in values]
    return pd.DataFrame(shown)


def write_interval(value: float, low: float, high: float) -> str:
    """A value with its interval, in four digits.

    Examples
    --------
    >>> write_interval(0.85714, 0.7, float("nan")), write_interval(0.85714, 0.7, 0.91234)
    ('0.8571', '0.8571 [0.7, 0.9123]')
    """
    if pd.isna(value):
        return "not available"
    return f"{value:.4g}" if pd.isna(low) or pd.isna(high) else f"{value:.4g} [{low:.4g}, {high:.4g}]"


def markdown(table: pd.DataFrame) -> str:
    """A table in Markdown; empty without rows."""
    if table.empty:
        return ""
    cells = [[_cell(value) for value in row] for row in table.itertuples(index=False)]
    lines = [list(map(str, table.columns)), ["---"] * len(table.columns), *cells]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def _cell(value: object) -> str:
    if value is None or (np.isscalar(value) and pd.isna(value)):
        return ""
    if isinstance(value, float):
        return f"{value:.0f}" if value.is_integer() else f"{value:.4g}"
    return str(value).replace("|", "\\|")
