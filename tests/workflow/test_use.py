"""What the tiny run leaves for use: predictions, measured edits, and a folder that is a model."""

import io

import pandas as pd
import pytest

import ldae


def table(tiny, path):
    """A table of the finished run."""
    return pd.read_csv(io.StringIO(tiny.read(path)))


def test_every_scan_is_predicted(tiny):
    predicted, dataset = table(tiny, "results/predictions.csv"), table(tiny, "results/dataset.csv")
    key = ["subject", "session", "split"]
    assert predicted[key].equals(dataset[key])
    assert predicted.p_AD.between(0, 1).all()
    assert predicted.predicted_age.notna().all()
    assert len(table(tiny, "results/embeddings.csv")) == len(dataset)
    assert set(table(tiny, "results/tables/calibration.csv").probability) == {"before", "after Platt's calibration"}


def test_edits_are_measured(tiny):
    rows = table(tiny, "results/tables/counterfactual.csv")
    assert set(rows.edit) == {"AD vs CN", "age"} and set(rows.along) == {"pattern", "weights", "difference"}
    slopes = rows[rows.measure.isin(["ventricles_share", "medial_temporal_share", "semiovale_level"])]
    assert slopes.value.notna().all() and slopes.truth.notna().all()


def test_the_models_folder_is_a_model(tiny):
    """It holds the four weights, probes and reference of this run, and works without anything else of it."""
    model = ldae.load(tiny.directory / "results/models", "cpu")
    scans = table(tiny, "results/scans.csv")
    path = tiny.directory / scans.path.iloc[0]
    assert model.reconstruct(path).shape == (1, 1, 32, 40, 32)
    predicted = table(tiny, "results/predictions.csv")
    assert model.predict(path)["p_AD"].item() == pytest.approx(predicted.p_AD.iloc[0], abs=1e-3)
    assert not (
        model.familiarity([tiny.directory / p for p in scans.path[scans.split == "validation"]])
    ).unfamiliar.any()


def test_every_figure_is_there_as_pixels_and_as_vectors_and_says_phantom(tiny):
    folder = tiny.directory / "results/figures"
    pictures = {path.stem for path in folder.glob("*.png")}
    assert {"manipulation", "variation", "interpolation", "embedding_map", "qc_montage", "probes"} <= pictures
    for name in pictures:
        assert "phantom" in tiny.read(f"results/figures/{name}.svg"), name
