import pandas as pd
import pytest

from ldae.cohort.columns import CONVERSION_COLUMNS, QUARANTINE_COLUMNS
from ldae.cohort.dataset import DATASET_COLUMNS, EXCLUSION_COLUMNS, build_dataset
from ldae.cohort.scans import QC_COLUMNS, write_scans
from ldae.errors import UserError

SIDES = ("train", "validation", "test")


def image(subject, session="M000", status="converted", image_id="1", **values):
    months = int(session[1:])
    row = dict.fromkeys(CONVERSION_COLUMNS, "")
    if status == "converted":
        row |= {"diagnosis": "MCI", "age": 70.1234 + months / 12, "sex": "F", "months": months, "site": "007"}
        row |= {"diagnosis_bl": "CN", "path": f"results/bids/{subject}_{session}.nii.gz", "field_strength_t": 3.0}
    return row | {"subject": subject, "session": session, "status": status, "image_id": image_id} | values


def scan(subject, session="M000", status="pass", reason="", **values):
    path = "" if status == "error" else f"results/derivatives/{subject}_{session}.nii.gz"
    row = dict.fromkeys(QC_COLUMNS, "") | {"subject": subject, "session": session, "path": path, "status": status}
    return row | {"reason": reason, "verdict": status, "image_sha256": f"{subject}{session}", "dice": 0.9} | values


@pytest.fixture
def build(tmp_path):
    def run(images, scans, quarantine=(), overrides=None):
        names = ("scans", "conversion", "qc", "quarantine", "split", "dataset", "exclusions")
        places = {name: tmp_path / f"{name}.csv" for name in names}
        pd.DataFrame(images, columns=CONVERSION_COLUMNS).to_csv(places["conversion"], index=False)
        pd.DataFrame(list(quarantine), columns=QUARANTINE_COLUMNS).to_csv(places["quarantine"], index=False)
        pd.DataFrame(scans, columns=list(scan("x"))).to_csv(places["qc"], index=False)
        subjects = sorted({row["subject"] for row in scans})
        sides = [(subject, SIDES[number % 3]) for number, subject in enumerate(subjects)]
        pd.DataFrame(sides, columns=["subject", "split"]).to_csv(places["split"], index=False)
        write_scans(places["qc"], places["split"], places["scans"])
        made = [places[name] for name in names[:4]]
        outputs = {name: places[name] for name in names[5:]}
        build_dataset(*made, overrides=overrides, latents_dir="results/latents", **outputs)
        return {name: pd.read_csv(path, dtype={"site": str, "image_id": str}) for name, path in outputs.items()}

    return run


def test_the_contract_of_dataset_csv(build):
    subjects = [f"S{number}" for number in range(6)]
    images = [image(subject, session) for subject in subjects for session in ("M012", "M000")]
    tables = build(images, [scan(subject, session) for subject in subjects for session in ("M012", "M000")])
    table = tables["dataset"]
    assert table.columns.tolist() == DATASET_COLUMNS
    assert table[["subject", "session"]].apply(tuple, axis=1).is_monotonic_increasing
    first = table.iloc[0]
    assert (first["subject"], first["session"], first["site"]) == ("S0", "M000", "007")
    assert first["path"] == "results/derivatives/S0_M000.nii.gz"
    assert first["image_sha256"] == "S0M000"
    assert first["latent_path"] == "results/latents/sub-S0_ses-M000.npz"
    assert table.loc[1, "age"] == pytest.approx(71.1234)
    assert table.loc[1, "months"] == 12
    assert table.drop_duplicates("subject")["split"].tolist() == [*SIDES, *SIDES]
    assert (table.groupby("subject")["split"].nunique() == 1).all()
    assert tables["exclusions"].empty
    assert tables["exclusions"].columns.tolist() == EXCLUSION_COLUMNS


def test_a_corrected_label_shows(build):
    images, scans = [image("A"), image("B")], [scan("A"), scan("B")]
    before = build(images, scans)["dataset"]
    images[1] |= {"diagnosis": "AD", "age": 61.5}
    after = build(images, scans)["dataset"].set_index("subject")
    assert after.loc["B", ["diagnosis", "age"]].tolist() == ["AD", 61.5]
    assert after.loc["A", "diagnosis"] == "MCI"
    labels = ["diagnosis", "age"]
    assert after.reset_index()[before.columns].drop(columns=labels).equals(before.drop(columns=labels))


def test_every_image_ends_in_one_of_the_two_tables(build):
    images = [image("A", image_id="1"), image("B", image_id="2"), image("C", image_id="3"), image("D", image_id="4")]
    images.append(image("E", status="broken", image_id="5", reason="truncated", cure="download again"))
    scans = [scan("A"), scan("B", status="warn"), scan("C", status="fail", reason="dice"), scan("D", status="error")]
    lost = dict.fromkeys(QUARANTINE_COLUMNS, "") | {"subject": "F", "image_id": "6", "reason": "not listed"}
    row_only = dict.fromkeys(QUARANTINE_COLUMNS, "") | {"subject": "G", "reason": "a visit without a scan"}
    tables = build(images, scans, [lost, row_only])
    excluded = tables["exclusions"].set_index("image_id")
    assert tables["dataset"]["subject"].tolist() == ["A", "B"]
    assert tables["dataset"]["qc"].tolist() == ["pass", "warn"]
    assert excluded["stage"].to_dict() == {
        "3": "quality control",
        "4": "preprocessing",
        "5": "conversion",
        "6": "check",
    }
    assert excluded.loc["3", "reason"] == "dice"
    assert excluded.loc["3", "cure"].startswith("look")


def test_a_diagnosis_that_is_unknown_stays_empty(build):
    table = build([image("A", diagnosis="", diagnosis_bl="")], [scan("A")])["dataset"]
    assert table["diagnosis"].isna().all()
    assert table["split"].tolist() == ["train"]


@pytest.mark.parametrize("scans", [[scan("A")], [scan("A"), scan("B"), scan("C")]])
def test_other_scans_than_the_converted_ones_are_refused(build, scans):
    with pytest.raises(UserError, match=r"sub-[BC] ses-M000"):
        build([image("A"), image("B")], scans)


def test_fails_leave_with_a_reason_and_warns_stay_and_are_marked(build):
    scans = [scan("A"), scan("B", status="warn", reason="dice 0.94"), scan("C", status="fail", reason="dice 0.9")]
    tables = build([image(name, image_id=name) for name in "ABC"], scans)
    assert dict(tables["dataset"][["subject", "qc"]].values) == {"A": "pass", "B": "warn"}
    excluded = tables["exclusions"]
    assert excluded[["subject", "stage", "reason"]].values.tolist() == [["C", "quality control", "dice 0.9"]]
    assert "qc_overrides" in excluded["cure"][0]


def test_a_persons_verdict_decides_and_is_told(build):
    judged = {"override_reason": "motion", "rater": "AB"}
    scans = [scan("A", verdict="fail", override="fail", **judged), scan("E")]
    scans.append(scan("B", status="fail", reason="dice 0.9", verdict="warn", override="warn", **judged))
    scans.append(scan("C", status="warn", reason="dice 0.94", verdict="pass", override="pass", **judged))
    scans.append(scan("D", status="error", reason="no brain found", override="pass", **judged))
    tables = build([image(name, image_id=name) for name in "ABCDE"], scans, overrides="qc_overrides.tsv")
    assert dict(tables["dataset"][["subject", "qc"]].values) == {"B": "readmitted", "C": "pass", "E": "pass"}
    excluded = tables["exclusions"].set_index("subject")
    assert excluded["stage"].to_dict() == {"A": "quality control", "D": "preprocessing"}
    assert excluded["reason"].to_dict() == {"A": "judged fail by AB: motion", "D": "no brain found"}
    assert excluded.loc["A", "cure"] == "correct or remove its row in qc_overrides.tsv"
    assert excluded.loc["D", "cure"].endswith("qc_overrides.tsv cannot readmit a scan without image")
