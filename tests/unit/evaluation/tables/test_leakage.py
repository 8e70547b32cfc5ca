import numpy as np
import pandas as pd
import pytest

from ldae.errors import UserError
from ldae.evaluation.features.embeddings import Embeddings, write_embeddings
from ldae.evaluation.tables.leakage import (
    Fitted,
    of_embeddings,
    of_external,
    of_probes,
    of_weights,
    read_fitted,
    tabulate_leakage,
)
from ldae.files import write_json
from tests.unit.evaluation.codes import make_embeddings


@pytest.fixture
def scans():
    return pd.DataFrame({"subject": list("abcd"), "split": ["train", "train", "validation", "test"]})


def test_a_clean_fit_is_a_row(scans):
    table = tabulate_leakage([Fitted("autoencoder", "a.json", frozenset("ab"), frozenset("c"))], scans)
    row = table.iloc[0]
    assert (row.training_subjects, row.validation_subjects, row.test_subjects) == (2, 1, 0)


def test_the_hash_is_that_of_the_subjects_and_their_sides(scans):
    things = [
        Fitted("one", "", frozenset("ab"), frozenset("c")),
        Fitted("same", "", frozenset("ba"), frozenset("c")),
        Fitted("other", "", frozenset("a"), frozenset("bc")),
    ]
    one, same, other = tabulate_leakage(things, scans)["subjects_sha256"]
    assert one == same != other


@pytest.mark.parametrize("side", ["train", "validation"])
def test_a_test_subject_on_either_side_stops_and_names_everything_that_saw_one(scans, side):
    leaking = [Fitted(name, "", **{"train": frozenset("a")} | {side: frozenset("ad")}) for name in ("ldm", "probe")]
    with pytest.raises(UserError) as error:
        tabulate_leakage([*leaking, Fitted("autoencoder", "", frozenset("ab"))], scans)
    assert "ldm" in str(error.value)
    assert "probe" in str(error.value)
    assert "such as d" in str(error.value)
    assert "autoencoder" not in str(error.value)


@pytest.mark.parametrize("train, validation", [("az", "c"), ("a", "cz")])
def test_a_model_of_another_cohort_is_refused(scans, train, validation):
    with pytest.raises(UserError, match="others, such as z"):
        tabulate_leakage([Fitted("ldm", "", frozenset(train), frozenset(validation))], scans)


def test_weights_tell_by_their_sidecar(tmp_path, scans):
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


def test_every_probe_is_a_row(tmp_path, scans):
    seen = {"train": ["a"], "validation": ["c"]}
    write_json(tmp_path / "probes.json", {"age": {"LDAE": seen, "PCA": seen}, "AD vs CN": {"LDAE": seen}})
    table = tabulate_leakage(of_probes(tmp_path / "probes.json"), scans)
    assert len(table) == 3
    assert np.array_equal(table["validation_subjects"], [1, 1, 1])
    write_json(tmp_path / "probes.json", {"age": {"LDAE": {"train": ["d"], "validation": []}}})
    with pytest.raises(UserError, match="probe age, LDAE"):
        tabulate_leakage(of_probes(tmp_path / "probes.json"), scans)


def test_everything_fitted_is_read_from_its_own_file(tmp_path, scans):
    write_json(tmp_path / "ldm.json", {"subjects": {"train": ["a"], "validation": ["c"]}})
    made = make_embeddings(1.0, subjects=9)
    write_embeddings(tmp_path / "pca.npz", Embeddings(made.features, made.table, made.names, ("a", "b")))
    write_json(tmp_path / "probes.json", {"age": {"LDAE": {"train": ["b"], "validation": ["c", "a"]}}})
    files = [tmp_path / "ldm.safetensors"], [tmp_path / "pca.npz"], tmp_path / "probes.json"
    table = tabulate_leakage(read_fitted(*files), scans)
    assert table["fitted_thing"].tolist() == ["ldm", "features pca", "probe age, LDAE"]
    assert table["training_subjects"].tolist() == [1, 2, 1]
    assert table["validation_subjects"].tolist() == [1, 0, 2]
    assert [source.rsplit("/", 1)[-1] for source in table["source"]] == ["ldm.json", "pca.npz", "probes.json"]
    (tmp_path / "pca.npz").unlink()
    write_embeddings(tmp_path / "pca.npz", Embeddings(made.features, made.table, made.names, ("a", "d")))
    with pytest.raises(UserError, match="features pca"):
        tabulate_leakage(read_fitted(*files), scans)


def test_an_encoder_from_outside_saw_nobody_knows_whom(tmp_path, scans):
    external, own = of_external(tmp_path / "external_theirs.npz"), Fitted("ldm", "", frozenset("ab"), frozenset("c"))
    table = tabulate_leakage([own, external], scans).set_index("fitted_thing")
    row = table.loc["external encoder theirs"]
    assert row["note"].startswith("pretraining subjects unknown")
    counts = ["training_subjects", "validation_subjects", "test_subjects", "of_other_datasets"]
    assert row[counts].isna().all() and row["subjects_sha256"] == ""
    assert table.loc["ldm", "note"] == "" and table.loc["ldm", "training_subjects"] == 2
    write_json(tmp_path / "probes.json", {})
    (told,) = read_fitted([], [], tmp_path / "probes.json", external=[tmp_path / "external_theirs.npz"])
    assert told == external


def test_a_validation_subject_is_no_leak_and_all_faults_are_named_by_their_subject(scans):
    tabulate_leakage([Fitted("ldm", "", frozenset("abc"))], scans)
    faulty = [Fitted("ldm", "", frozenset("ad")), Fitted("dae", "", frozenset("ay"))]
    with pytest.raises(UserError) as error:
        tabulate_leakage(faulty, scans)
    assert "1, such as d" in str(error.value)
    assert "1 others, such as y" in str(error.value)
