import numpy as np

from ldae.evaluation.features.demographics import acquisition, demographics, with_brain_volume, write_demographics
from ldae.evaluation.features.embeddings import read_embeddings


def brain_volumes(dataset):
    shuffled = dataset[["subject", "session"]].sample(frac=1, random_state=2)
    return shuffled.assign(brain_volume_ml=900.0 + shuffled.index)


def test_facts_about_a_person_are_numbers_with_gaps(dataset):
    dataset.loc[0, ["age", "sex"]] = np.nan, ""
    people = with_brain_volume(demographics(dataset), brain_volumes(dataset))
    assert people.names == ("age", "sex", "brain_volume_ml")
    assert np.isnan(people.features[0, :2]).all()
    np.testing.assert_array_equal(people.features[1:, 0], dataset["age"][1:])
    np.testing.assert_array_equal(people.features[1:, 1], (dataset["sex"] == "M")[1:])
    np.testing.assert_array_equal(people.features[:, 2], 900 + np.arange(len(dataset)))


def test_the_files_hold_the_features_in_the_order_of_the_dataset(dataset, tmp_path):
    dataset.to_csv(tmp_path / "dataset.csv", index=False)
    brain_volumes(dataset).to_csv(tmp_path / "qc.csv", index=False)
    outputs = {name: tmp_path / f"{name}.npz" for name in ("age_sex", "age_sex_volume", "acquisition")}
    write_demographics(tmp_path / "dataset.csv", tmp_path / "qc.csv", outputs)
    people, larger = (read_embeddings(outputs[name]) for name in ("age_sex", "age_sex_volume"))
    assert people.names == ("age", "sex")
    assert larger.names == (*people.names, "brain_volume_ml")
    np.testing.assert_array_equal(larger.features[:, 2], 900 + np.arange(len(dataset)))
    np.testing.assert_allclose(people.features[:, 0], dataset["age"], rtol=1e-6)
    assert larger.table["subject"].tolist() == dataset["subject"].tolist()
    scanner = read_embeddings(outputs["acquisition"])
    assert {"site=002", "phase=ADNI1", "field_strength=3 T"} <= set(scanner.names)
    np.testing.assert_array_equal(scanner.features, acquisition(dataset).features)


def test_the_scanner_is_one_feature_for_each_value_there_is(dataset):
    dataset.loc[0, ["field_strength_t", "site"]] = np.nan, ""
    found = acquisition(dataset)
    fields = ("field_strength=1.5 T", "field_strength=3 T", "field_strength=unknown")
    sites = ("site=000", "site=001", "site=002", "site=003", "site=unknown")
    assert found.names == (*fields, *sites, "phase=ADNI1", "phase=ADNI2")
    features = dict(zip(found.names, found.features.T, strict=True))
    np.testing.assert_array_equal(features["field_strength=3 T"], dataset["field_strength_t"] == 3)
    np.testing.assert_array_equal(features["site=002"], dataset["site"] == "002")
    np.testing.assert_array_equal(features["site=unknown"], np.arange(len(dataset)) == 0)
    np.testing.assert_array_equal(found.features.sum(1), 3)


def test_a_cohort_that_knows_nothing_of_its_scanners_says_nothing(dataset):
    found = acquisition(dataset.assign(field_strength_t=np.nan, site="", phase=""))
    assert found.names == ("field_strength=unknown", "site=unknown", "phase=unknown")
    assert (found.features == 1).all()
