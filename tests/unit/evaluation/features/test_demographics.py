import numpy as np

from ldae.evaluation.features.demographics import demographics, with_brain_volume, write_demographics
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
    outputs = {name: tmp_path / f"{name}.npz" for name in ("age_sex", "age_sex_volume")}
    write_demographics(tmp_path / "dataset.csv", tmp_path / "qc.csv", outputs)
    people, larger = (read_embeddings(outputs[name]) for name in ("age_sex", "age_sex_volume"))
    assert people.names == ("age", "sex")
    assert larger.names == (*people.names, "brain_volume_ml")
    np.testing.assert_array_equal(larger.features[:, 2], 900 + np.arange(len(dataset)))
    np.testing.assert_allclose(people.features[:, 0], dataset["age"], rtol=1e-6)
    assert larger.table["subject"].tolist() == dataset["subject"].tolist()
