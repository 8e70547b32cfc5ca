import pandas as pd
import pytest

from ldae.cohort.bids.index import SHARD_COLUMNS, write_index
from ldae.cohort.bids.labels import write_labels, write_strata
from ldae.cohort.columns import CONVERSION_COLUMNS, QUARANTINE_COLUMNS, STRATA_COLUMNS
from ldae.cohort.shards import shard_of
from ldae.errors import UserError, UserErrors
from ldae.files import read_table, write_table
from tests.bids_dataset import COLUMNS, DIAGNOSES, describe, write_image, write_tsv


def run(root, out, columns=COLUMNS, set_aside=(), prefer=()):
    """The images with their labels (by image), quarantine and findings of a dataset, as strings."""
    shards = [str(out / f"{n}.csv") for n in range(2)]
    write_index(root, "bids", list(prefer), shard_tables=shards, findings=out / "findings.csv")
    names = ("conversion", "quarantine", "findings")
    places = {name: out / f"{name}.csv" for name in names}
    write_labels(shards, root, columns, DIAGNOSES, prefer=list(prefer), set_aside=list(set_aside), **places)
    conversion, quarantine, findings = (read_table(places[name], dtype=str, keep_default_na=False) for name in names)
    return conversion.set_index("image_id", drop=False), quarantine, findings


@pytest.fixture
def dataset(tmp_path):
    root = describe(tmp_path / "bids")
    for name in ("sub-01_ses-M000_T1w", "sub-01_ses-M012_T1w", "sub-02_run-1_T1w", "sub-02_run-2_T1w", "sub-03_T1w"):
        write_image(root, name)
    write_tsv(
        root / "participants.tsv",
        "participant_id age sex diagnosis site",
        "sub-01 70.5 M CN 7",
        "sub-02 66 female AD 8",
        "sub-03 n/a F XYZ n/a",
        "sub-04 80 F CN 7",
    )
    write_tsv(root / "sub-01" / "sub-01_sessions.tsv", "session_id age diagnosis", "ses-M012 71.6 MCI")
    (root / "sub-02/anat/sub-02_run-1_T1w.json").write_text('{"MagneticFieldStrength": 1.5}')
    return root


def test_every_image_has_a_row_and_the_facts_of_its_session(dataset, tmp_path):
    report, _, _ = run(dataset, tmp_path)
    assert list(report.columns) == CONVERSION_COLUMNS
    assert len(report) == 5
    facts = report[["subject", "session", "status", "diagnosis", "age", "sex", "months", "site"]]
    assert [tuple(row) for row in facts.itertuples(index=False)] == [
        ("01", "M000", "converted", "CN", "70.5", "M", "0", "7"),
        ("01", "M012", "converted", "MCI", "71.6", "M", "12", "7"),
        ("02", "M000", "converted", "AD", "66.0", "F", "0", "8"),
        ("02", "M000", "unselected", "", "", "", "", ""),
        ("03", "M000", "converted", "", "", "F", "0", ""),
    ]
    assert report.loc["sub-02_run-1_T1w", "field_strength_t"] == "1.5"
    assert "sub-02_run-1_T1w" in report.loc["sub-02_run-2_T1w", "reason"]
    assert report.loc["sub-02_run-1_T1w", ["choice", "orientation"]].tolist() == [
        "first of 2: the first run (1)",
        "RAS (sform)",
    ]
    assert report.loc["sub-03_T1w", "choice"] == "the only T1w image"


def test_the_field_strength_of_a_table_goes_before_that_of_the_image(dataset, tmp_path):
    write_tsv(dataset / "sub-02" / "sub-02_sessions.tsv", "session_id field_strength", "ses-M000 3")
    report, _, _ = run(dataset, tmp_path)
    assert report.loc["sub-02_run-1_T1w", "field_strength_t"] == "3.0"


def test_the_images_are_used_in_place(dataset, tmp_path):
    before = {path: path.stat().st_mtime_ns for path in dataset.rglob("*")}
    report, _, _ = run(dataset, tmp_path / "out")
    assert {path: path.stat().st_mtime_ns for path in dataset.rglob("*")} == before
    used = report[report["status"] == "converted"]
    assert set(used["path"]) <= {path.as_posix() for path in before}
    assert not report.loc[report["status"] != "converted", "path"].any()


def read_shards(out):
    """The shards, and their text."""
    paths = [out / f"{n}.csv" for n in range(2)]
    return [pd.read_csv(path, dtype=str, keep_default_na=False) for path in paths], [path.read_text() for path in paths]


def test_the_shards_are_the_images_cut_by_subject(dataset, tmp_path):
    index, _, _ = run(dataset, tmp_path)
    parts, _ = read_shards(tmp_path)
    assert sorted(pd.concat(parts)["image_id"]) == sorted(index["image_id"])
    for number, part in enumerate(parts):
        assert (part["subject"].map(lambda label: shard_of(label, 2)) == number).all()
    whole = pd.concat(parts).set_index("image_id").loc[index.index]
    assert whole["status"].tolist() == index["status"].tolist()
    assert whole["path"].tolist() == index["path"].tolist()


def test_a_corrected_table_changes_no_shard(dataset, tmp_path):
    before, _, _ = run(dataset, tmp_path)
    parts, texts = read_shards(tmp_path)
    for part in parts:
        assert part.columns.tolist() == SHARD_COLUMNS
        assert not {"diagnosis", "age", "sex", "months", "site", "diagnosis_bl", "field_strength_t"} & set(part)
    rows = ["sub-01 61.5 F MCI 9", "sub-02 67 M CN 9", "sub-03 50 F AD 7", "sub-04 80 F CN 7"]
    write_tsv(dataset / "participants.tsv", "participant_id age sex diagnosis site", *rows)
    (dataset / "sub-02/anat/sub-02_run-1_T1w.json").write_text('{"MagneticFieldStrength": 7}')
    after, _, _ = run(dataset, tmp_path)
    assert read_shards(tmp_path)[1] == texts
    assert not after["age"].equals(before["age"])
    assert after.loc["sub-02_run-1_T1w", "field_strength_t"] == "7"


def test_broken_images_give_way_to_sound_ones_of_their_session(dataset, tmp_path):
    first = dataset / "sub-02/anat/sub-02_run-1_T1w.nii.gz"
    first.write_bytes(first.read_bytes()[:200])
    (dataset / "sub-03/anat/sub-03_T1w.nii.gz").unlink()
    (dataset / "sub-03/anat/sub-03_T1w.nii.gz").symlink_to("../../.git/annex/objects/none")
    report, quarantine, _ = run(dataset, tmp_path)
    assert report.loc["sub-02_run-1_T1w", "status"] == "broken"
    assert report.loc["sub-02_run-2_T1w", "status"] == "converted"
    assert report.loc["sub-02_run-2_T1w", "age"] == "66.0"
    assert "git-annex" in report.loc["sub-03_T1w", "cure"]
    assert "03" not in set(quarantine["subject"])


def test_what_lacks_an_image_is_set_aside_with_what_was_before(dataset, tmp_path):
    (dataset / "sub-05/ses-M000/anat").mkdir(parents=True)
    with (dataset / "participants.tsv").open("a") as stream:
        stream.write("sub-05\t71\tF\tCN\t7\n")
    earlier = dict.fromkeys(QUARANTINE_COLUMNS, "") | {"subject": "06", "image_id": "OAS_6", "reason": "lost"}
    write_table(tmp_path / "lost.csv", pd.DataFrame([earlier]))
    _, quarantine, _ = run(dataset, tmp_path, set_aside=[tmp_path / "lost.csv"])
    assert list(quarantine.columns) == QUARANTINE_COLUMNS
    assert quarantine[["subject", "image_id"]].values.tolist() == [
        ["06", "OAS_6"],
        ["05", "sub-05_ses-M000_T1w"],
        ["04", ""],
    ]
    assert quarantine["reason"].ne("").all()


def test_the_findings_name_value_number_and_cure(dataset, tmp_path):
    _, _, findings = run(dataset, tmp_path)
    unknown = findings[findings["found"].str.contains("XYZ")].iloc[0]
    assert (unknown["severity"], unknown["where"]) == ("warning", "diagnosis")
    assert "sub-03" in unknown["found"]
    assert "cohort.diagnoses" in unknown["cure"]
    lacking = findings[(findings["where"] == "sessions.tsv")].iloc[0]
    assert "sub-01_ses-M000" in lacking["found"]
    assert not findings["severity"].eq("error").any()


def test_all_faults_of_the_dataset_come_at_once_and_are_written_down(tmp_path):
    root = tmp_path / "bids"
    write_tsv(root / "participants.tsv", "participant_id years", "sub-01 70")
    with pytest.raises(UserErrors) as raised:
        run(root, tmp_path)
    assert "no dataset_description.json" in str(raised.value)
    assert "no sub-* folder" in str(raised.value)
    findings = read_table(tmp_path / "findings.csv")
    assert findings["severity"].tolist() == ["error"] * 2
    assert findings["cure"].notna().all()


def test_all_faults_of_the_tables_come_at_once_and_are_written_down(dataset, tmp_path):
    wrong = COLUMNS.model_copy(update={"age": "alter", "sex": "gender"})
    write_tsv(dataset / "sub-01" / "sub-01_sessions.tsv", "session", "ses-M000")
    with pytest.raises(UserErrors) as raised:
        run(dataset, tmp_path, wrong)
    for part in ("cohort.columns.age", "cohort.columns.sex", "participant_id, age, sex", "no column session_id"):
        assert part in str(raised.value)
    assert len(raised.value.errors) == 3
    assert read_table(tmp_path / "findings.csv")["severity"].eq("error").sum() == 3
    assert not (tmp_path / "conversion.csv").exists()


def test_the_strata_are_the_labels_of_the_images_that_are_used(dataset, tmp_path):
    index, _, _ = run(dataset, tmp_path)
    shards = [str(tmp_path / f"{n}.csv") for n in range(2)]
    write_strata(shards, dataset, COLUMNS, DIAGNOSES, tmp_path / "strata.csv")
    strata = pd.read_csv(tmp_path / "strata.csv", dtype=str, keep_default_na=False)
    assert strata.columns.tolist() == STRATA_COLUMNS
    used = index[index["status"] == "converted"]
    assert strata.values.tolist() == used[STRATA_COLUMNS].values.tolist()
    assert len(strata) == 4
    assert strata["diagnosis"].tolist() == ["CN", "MCI", "AD", ""]
    assert strata["diagnosis_bl"].tolist()[:2] == [
        "CN",
        "CN",
    ]


def test_a_dataset_without_a_usable_image_is_an_error(tmp_path):
    root = describe(tmp_path / "bids")
    write_image(root, "sub-01_T1w").write_bytes(b"")
    with pytest.raises(UserError, match=r"1 x .* is empty"):
        run(root, tmp_path)


def test_a_cohort_without_the_labels_of_the_probe_is_told(tmp_path):
    root = describe(tmp_path / "bids")
    for name in ("sub-01_T1w", "sub-02_T1w", "sub-03_T1w"):
        write_image(root, name)
    report, _, findings = run(root, tmp_path)
    assert set(report["status"]) == {"converted"}
    (lacking,) = findings.loc[findings["where"] == "tables: AD vs CN", "found"]
    assert lacking.startswith(
        "0 AD and 0 CN subjects: not possible, then without its rows in downstream.csv, calibration"
    )
    assert findings["where"].str.endswith("participants.tsv").any()


def test_that_nothing_is_known_of_anybody_is_a_warning(dataset, tmp_path):
    _, _, findings = run(dataset, tmp_path / "known")
    assert not findings["expected"].str.startswith("a known ").any()
    write_tsv(dataset / "participants.tsv", "participant_id years state", "sub-01 70 CN", "sub-02 71 AD")
    (dataset / "sub-01/sub-01_sessions.tsv").unlink()
    _, _, findings = run(dataset, tmp_path / "unknown")
    told = findings[findings["expected"].str.startswith("a known ")]
    assert told["where"].tolist() == ["age", "diagnosis", "sex"] and set(told["severity"]) == {"warning"}
    assert told["found"].str.contains("participant_id, years, state").all()
    assert told["cure"].str.contains("cohort.columns.").all()


def test_ids_in_another_spelling_are_told(dataset, tmp_path):
    write_tsv(dataset / "participants.tsv", "participant_id age", "sub-1 70", "sub-02 71")
    _, _, findings = run(dataset, tmp_path)
    assert findings["found"].str.contains("sub-1 for sub-01").any()


def test_subjects_called_na_and_null_have_their_facts(tmp_path):
    root = describe(tmp_path / "bids")
    for name in ("sub-NA_T1w", "sub-null_T1w"):
        write_image(root, name)
    write_tsv(root / "participants.tsv", "participant_id age diagnosis", "sub-NA 70 CN", "sub-null 71 AD")
    report, quarantine, _ = run(root, tmp_path)
    assert report[["subject", "age"]].values.tolist() == [["NA", "70.0"], ["null", "71.0"]]
    assert quarantine.empty


def test_no_free_text_of_a_table_is_in_what_is_written(dataset, tmp_path, caplog):
    secrets = ["Wombat", "Quokka", "Numbat"]
    (dataset / "participants.tsv").write_text(
        "participant_id\tage\tsex\tname\n"
        'sub-01\t70\tM\t"Wombat\n'
        "sub-02\t71\tF\tQuokka\tNumbat\n"
        'Wombat"\n'
        "\t72\tF\tQuokka\n"
        "sub-03\t73\tF\tNumbat\nsub-03\t74\tF\tWombat\n"
    )
    caplog.set_level("DEBUG")
    run(dataset, tmp_path / "out")
    text = caplog.text + "".join(path.read_text() for path in (tmp_path / "out").iterdir())
    assert not [secret for secret in secrets if secret in text]
    assert "participants.tsv line 3" in text


def test_why_an_image_is_used_and_others_are_not(dataset, tmp_path):
    write_image(dataset, "sub-02_ce-gd_T1w")
    report, _, findings = run(dataset, tmp_path / "own")
    assert report.loc["sub-02_run-1_T1w", "choice"] == "first of 3: no contrast agent (none); the first run (1)"
    assert report.loc["sub-02_ce-gd_T1w", "reason"].endswith("no contrast agent (none); this one: one by its name")
    assert "cohort.prefer" in report.loc["sub-02_ce-gd_T1w", "cure"]
    assert not findings["where"].isin(["contrast agent", "cohort.prefer"]).any()


def test_preferred_images_and_contrast_agents_are_told(dataset, tmp_path):
    write_image(dataset, "sub-02_ce-gd_T1w")
    (dataset / "sub-03/anat/sub-03_T1w.json").write_text('{"ContrastBolusAgent": "8 ml of secret"}')
    report, _, findings = run(dataset, tmp_path, prefer=["ce-gd", "acq-mprgae"])
    assert report.loc["sub-02_ce-gd_T1w", "choice"] == "first of 3: cohort.prefer (ce-gd)"
    (agent,) = findings.loc[findings["where"] == "contrast agent", "found"]
    assert "(2 x, such as sub-02_ce-gd_T1w)" in agent
    (unmet,) = findings.loc[findings["where"] == "cohort.prefer", "expected"]
    assert "acq-mprgae" in unmet
    assert "secret" not in (tmp_path / "findings.csv").read_text()


def test_a_used_image_of_another_contrast_is_told(dataset, tmp_path):
    for name in ("sub-02/anat/sub-02_run-2_T1w", "sub-03/anat/sub-03_T1w"):
        (dataset / f"{name}.json").write_text('{"EchoTime": 0.08, "SeriesDescription": "secret"}')
    report, _, findings = run(dataset, tmp_path)
    assert report.loc[["sub-03_T1w", "sub-02_run-2_T1w"], "status"].tolist() == ["converted", "unselected"]
    (found,) = findings.loc[findings["where"] == "contrast", "found"]
    assert "EchoTime 80 ms" in found and "(1 x, such as sub-03_T1w)" in found
    assert "secret" not in (tmp_path / "findings.csv").read_text()


def test_a_session_with_mp2rages_uniform_image_alone_is_named(dataset, tmp_path):
    path = write_image(dataset, "sub-05_ses-M000_UNIT1")
    write_image(dataset, "sub-01_ses-M000_UNIT1")
    assert path.exists()
    _, quarantine, _ = run(dataset, tmp_path)
    row = quarantine[quarantine["image_id"].str.contains("UNIT1")]
    assert row[["subject", "session"]].values.tolist() == [["05", "M000"]]
    assert "MP2RAGE" in row["reason"].iloc[0] and "_T1w" in row["cure"].iloc[0]


def test_a_json_file_that_is_no_object_costs_the_field_strength_alone(dataset, tmp_path):
    (dataset / "sub-03/anat/sub-03_T1w.json").write_text("[3]")
    report, _, findings = run(dataset, tmp_path)
    assert report.loc["sub-03_T1w", ["status", "field_strength_t"]].tolist() == ["converted", ""]
    assert findings["where"].str.startswith("sub-03_T1w.json").any()
