import numpy as np
import pandas as pd
import pytest

from ldae.errors import UserError
from ldae.evaluation.features.embeddings import Embeddings, write_embeddings
from ldae.evaluation.tables.leakage import Fitted, of_embeddings, of_probes, of_weights, tabulate
from ldae.files import write_json
from tests.unit.evaluation.codes import make_embeddings


@pytest.fixture
def dataset():
    return pd.DataFrame({"subject": list("abcd"), "split": ["train", "train", "validation", "test"]})


def test_a_clean_fit_is_a_row(dataset):
    table = tabulate([Fitted("autoencoder", "a.json", frozenset("ab"), frozenset("c"))], dataset)
    row = table.iloc[0]
    assert (row.training_subjects, row.validation_subjects, row.test_subjects) == (2, 1, 0)


def test_the_hash_is_that_of_the_subjects_and_their_sides(dataset):
    things = [
        Fitted("one", "", frozenset("ab"), frozenset("c")),
        Fitted("same", "", frozenset("ba"), frozenset("c")),
        Fitted("other", "", frozenset("a"), frozenset("bc")),
    ]
    one, same, other = tabulate(things, dataset)["subjects_sha256"]
    assert one == same != other


@pytest.mark.parametrize("side", ["train", "validation"])
def test_a_test_subject_on_either_side_stops_and_names_everything_that_saw_one(dataset, side):
    leaking = [Fitted(name, "", **{"train": frozenset("a")} | {side: frozenset("ad")}) for name in ("ldm", "probe")]
    with pytest.raises(UserError) as error:
        tabulate([*leaking, Fitted("autoencoder", "", frozenset("ab"))], dataset)
    assert "ldm" in str(error.value)
    assert "probe" in str(error.value)
    assert "such as d" in str(error.value)
    assert "autoencoder" not in str(error.value)


def test_a_model_of_another_cohort_is_refused(dataset):
    with pytest.raises(UserError, match="others, such as z"):
        tabulate([Fitted("ldm", "", frozenset("az"))], dataset)


def test_weights_tell_by_their_sidecar(tmp_path, dataset):
    write_json(tmp_path / "ldm.json", {"subjects": {"train": ["a", "b"], "validation": ["c"]}})
    thing = of_weights(tmp_path / "ldm.safetensors")
    assert (thing.name, thing.train, thing.validation) == ("ldm", frozenset("ab"), frozenset("c"))
    write_json(tmp_path / "old.json", {"config": {}})
    with pytest.raises(UserError, match="subjects that were seen"):
        of_weights(tmp_path / "old.safetensors")


def test_features_tell_what_they_were_fitted_to(tmp_path):
    made = make_embeddings(1.0, subjects=9)
    write_embeddings(tmp_path / "pca.npz", Embeddings(made.features, made.table, made.names, ("S001", "S002")))
    write_embeddings(tmp_path / "ldae.npz", made)
    assert of_embeddings(tmp_path / "pca.npz").train == {"S001", "S002"}
    assert of_embeddings(tmp_path / "ldae.npz").train == frozenset()


def test_every_probe_is_a_row(tmp_path, dataset):
    seen = {"train": ["a"], "validation": ["c"]}
    write_json(tmp_path / "probes.json", {"age": {"LDAE": seen, "PCA": seen}, "AD vs CN": {"LDAE": seen}})
    table = tabulate(of_probes(tmp_path / "probes.json"), dataset)
    assert len(table) == 3
    assert np.array_equal(table["validation_subjects"], [1, 1, 1])
    write_json(tmp_path / "probes.json", {"age": {"LDAE": {"train": ["d"], "validation": []}}})
    with pytest.raises(UserError, match="probe age, LDAE"):
        tabulate(of_probes(tmp_path / "probes.json"), dataset)
