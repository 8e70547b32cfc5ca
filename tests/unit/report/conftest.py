"""A table of quality control with every kind of scan, and the figures as they are saved."""

from pathlib import Path

import pandas as pd
import pytest
from matplotlib.figure import Figure

from ldae.config.load import load_config
from ldae.config.preprocessing import QCConfig

ROOT = Path(__file__).resolve().parents[3]
GOOD = {"brain_volume_ml": 1500.0, "dice": 0.96, "outside": 0.001, "missing": 0.01}
GOOD |= {"mutual_information": 0.5, "white_grey_ratio": 1.3, "border": 0.0, "upright": 0.3}
TEXTS = dict.fromkeys(("status", "reason", "override", "override_reason", "rater", "verdict"), "")


@pytest.fixture(scope="session")
def qc_config() -> QCConfig:
    return load_config(ROOT / "config.yaml").qc


@pytest.fixture
def drawn(monkeypatch):
    """The figures that are saved."""
    kept, save = [], Figure.savefig

    def keep(figure, *arguments, **options):
        kept.append(figure)
        save(figure, *arguments, **options)

    monkeypatch.setattr(Figure, "savefig", keep)
    return kept


def scan(subject: str, status: str = "pass", **values: object) -> dict:
    """One row of qc.csv of an image below ``results/derivatives``."""
    home = f"results/derivatives/preproc/sub-{subject}/ses-M000/anat"
    path = f"{home}/sub-{subject}_ses-M000_space-MNI152_desc-preproc_T1w.nii.gz"
    row = {"subject": subject, "session": "M000", "path": path, **TEXTS, **GOOD}
    return row | {"status": status, "verdict": status} | values


@pytest.fixture
def qc_table(tmp_path, monkeypatch):
    """`qc.csv` of six scans, in an order of its own, and the working directory it was made in."""
    monkeypatch.chdir(tmp_path)
    rows = [
        scan("PASS"),
        scan("NEAR", dice=0.946),
        scan("WARN", "warn", reason="dice 0.94 is below 0.945", dice=0.94),
        scan("BAD", "fail", reason="dice 0.9 is below 0.92", dice=0.9),
        scan("OUT", override="fail", override_reason="motion <b>", rater="AB", verdict="fail"),
        scan("BACK", "fail", dice=0.91, override="pass", override_reason="large", rater="CD", verdict="pass"),
        scan("NONE", "error", reason="no brain found", path="") | dict.fromkeys(GOOD, float("nan")),
    ]
    path = tmp_path / "results" / "qc.csv"
    path.parent.mkdir()
    pd.DataFrame(rows).to_csv(path, index=False)
    return path
