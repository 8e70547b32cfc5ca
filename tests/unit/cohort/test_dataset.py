import pandas as pd
import pytest

from ldae.cohort.columns import CONVERSION_COLUMNS, QUARANTINE_COLUMNS
from ldae.cohort.dataset import DATASET_COLUMNS, EXCLUSION_COLUMNS, build_dataset
from ldae.config.cohort import SplitConfig
from ldae.errors import UserError, UserErrors

SPLIT = SplitConfig(validation_fraction=0.2, test_fraction=0.3, file=None)


def image(subject, session="M000", status="converted", image_id="1", **values):
    months = int(session[1:])
    row = dict.fromkeys(CONVERSION_COLUMNS, "")
    if status == "converted":
        row |= {"diagnosis": "MCI", "age": 70.1234 + months / 12, "sex": "F", "months": months, "site": "007"}
        row |= {"diagnosis_bl": "CN", "path": f"results/bids/{subject}_{session}.nii.gz", "field_strength_t": 3.0}
    return row | {"subject": subject, "session": session, "status": status, "image_id": image_id} | values


def scan(subject, session="M000", status="pass", reason=""):
    path = f"results/derivatives/{subject}_{session}.nii.gz"
    row = {"subject": subject, "session": session, "source": "x", "path": path, "status": status, "reason": reason}
    return row | {"image_sha256": "0" * 64, "brain_ml": 1300.0}


@pytest.fixture
def build(tmp_path):
    def run(images, scans, quarantine=(), overrides=None):
        pd.DataFrame(images, columns=CONVERSION_COLUMNS).to_csv(tmp_path / "conversion.csv", index=False)
        pd.DataFrame(list(quarantine), columns=QUARANTINE_COLUMNS).to_csv(tmp_path / "quarantine.csv", index=False)
        shards = [scans[::2], scans[1::2], []]
        for number, rows in enumerate(shards):
            pd.DataFrame(rows, columns=list(scan("x"))).to_csv(tmp_path / f"{number}.csv", index=False)
        outputs = {name: tmp_path / "out" / f"{name}.csv" for name in ("dataset", "qc", "effects", "exclusions")}
        if overrides is not None:
            header = "subject\tsession\tverdict\treason\trater\n"
            (tmp_path / "qc_overrides.tsv").write_text(header + "".join(f"{row}\n" for row in overrides))
        build_dataset(
            tmp_path / "conversion.csv",
            tmp_path / "quarantine.csv",
            [tmp_path / f"{number}.csv" for number in range(3)],
            SPLIT,
            seed=0,
            overrides=None if overrides is None else tmp_path / "qc_overrides.tsv",
            **outputs,
            description=tmp_path / "out" / "dataset_description.json",
            latents_dir="results/latents",
        )
        return {name: pd.read_csv(path, dtype={"site": str, "image_id": str}) for name, path in outputs.items()}

    return run


def test_the_contract_of_dataset_csv(build):
    subjects = [f"S{number}" for number in range(6)]
    images = [image(subject, session) for subject in subjects for session in ("M012", "M000")]
    tables = build(images, [scan(subject, session) for subject in subjects for session in ("M000", "M012")])
    table = tables["dataset"]
    assert table.columns.tolist() == DATASET_COLUMNS
    assert table[["subject", "session"]].apply(tuple, axis=1).is_monotonic_increasing
    first = table.iloc[0]
    assert (first["subject"], first["session"], first["site"]) == ("S0", "M000", "007")
    assert first["path"] == "results/derivatives/S0_M000.nii.gz"
    assert first["latent_path"] == "results/latents/sub-S0_ses-M000.npz"
    assert table.loc[1, "age"] == pytest.approx(71.1234) and table.loc[1, "months"] == 12
    assert (table.groupby("subject")["split"].nunique() == 1).all()
    assert set(table["split"]) == {"train", "validation", "test"}
    assert tables["exclusions"].empty and tables["exclusions"].columns.tolist() == EXCLUSION_COLUMNS


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
    assert excluded.loc["3", "reason"] == "dice" and excluded.loc["3", "cure"].startswith("look")
    assert len(tables["qc"]) == 4 and "brain_ml" in tables["qc"]


def test_a_diagnosis_that_is_unknown_stays_empty(build):
    table = build([image("A", diagnosis="", diagnosis_bl="")], [scan("A")])["dataset"]
    assert table["diagnosis"].isna().all() and table["split"].tolist() == ["train"]


def test_no_usable_scan_is_an_error(build):
    with pytest.raises(UserError, match="exclusions.csv"):
        build([image("A")], [scan("A", status="fail")])


@pytest.mark.parametrize("scans", [[scan("A")], [scan("A"), scan("B"), scan("C")]])
def test_manifests_of_other_scans_are_refused(build, scans):
    with pytest.raises(UserError, match="sub-[BC] ses-M000"):
        build([image("A"), image("B")], scans)


def test_fails_leave_with_a_reason_and_warns_stay_and_are_marked(build):
    scans = [scan("A"), scan("B", status="warn", reason="dice 0.94"), scan("C", status="fail", reason="dice 0.9")]
    tables = build([image(name, image_id=name) for name in "ABC"], scans)
    assert dict(tables["dataset"][["subject", "qc"]].values) == {"A": "pass", "B": "warn"}
    excluded = tables["exclusions"]
    assert excluded[["subject", "stage", "reason"]].values.tolist() == [["C", "quality control", "dice 0.9"]]
    assert "qc_overrides" in excluded["cure"][0]


def test_a_persons_verdict_wins_and_shows(build):
    scans = [scan("A"), scan("B", status="fail", reason="dice 0.9"), scan("C", status="warn", reason="dice 0.94")]
    scans.append(scan("D", status="error", reason="no brain found"))
    rows = ["A\tM000\tfail\tmotion\tAB", "B\tM000\twarn\tlarge\tCD", "C\tM000\tpass\tfine\tCD", "D\tM000\tpass\tx\tCD"]
    tables = build([image(name, image_id=name) for name in "ABCD"], scans, overrides=rows)
    assert dict(tables["dataset"][["subject", "qc"]].values) == {"B": "readmitted", "C": "pass"}
    excluded = tables["exclusions"].set_index("subject")
    assert excluded["stage"].to_dict() == {"A": "quality control", "D": "preprocessing"}
    assert excluded["reason"].to_dict() == {"A": "judged fail by AB: motion", "D": "no brain found"}
    assert "remove its row in" in excluded.loc["A", "cure"] and "qc_overrides.tsv" in excluded.loc["A", "cure"]
    assert "cannot readmit" in excluded.loc["D", "cure"]
    qc = tables["qc"].set_index("subject")
    assert qc.loc["B", ["status", "reason", "override", "rater", "verdict"]].tolist() == [
        *("fail", "dice 0.9", "warn", "CD", "warn")
    ]
    assert qc["verdict"].to_dict() == {"A": "fail", "B": "warn", "C": "pass", "D": "error"}
    assert tables["effects"]["effect"].str.split(":").str[0].tolist() == [
        *("removed", "readmitted", "warn became pass", "none")
    ]


@pytest.mark.parametrize("time", ["20120104133051004", "20120104"])
def test_a_reason_names_the_file_without_the_time_of_the_scan(build, time):
    name = "ADNI_005_S_4002_MR_MPRAGE__br_raw_{}_4_S20020_I100200.dcm is truncated: 7856 of 7906 bytes"
    row = dict.fromkeys(QUARANTINE_COLUMNS, "") | {"subject": "B", "image_id": "2", "reason": name.format(time)}
    assert build([image("A")], [scan("A")], [row])["exclusions"]["reason"].tolist() == [name.format("…")]


def test_a_readmitted_scan_alone_makes_a_dataset(build):
    tables = build([image("A")], [scan("A", status="fail")], overrides=["sub-A\tses-M000\tpass\tlarge\tAB"])
    assert tables["dataset"]["qc"].tolist() == ["readmitted"] and tables["exclusions"].empty


def test_wrong_overrides_stop_before_anything_is_written(build, tmp_path):
    with pytest.raises(UserErrors, match="2 problems"):
        build([image("A")], [scan("A")], overrides=["A\tM000\tbad\tx\tAB", "B\tM000\tpass\t\tAB"])
    assert not (tmp_path / "out").exists()


def test_what_left_the_cohort_leaves_the_derivative_and_is_said(build, tmp_path, caplog):
    home = tmp_path / "out"
    for subject, session in (("S0", "M000"), ("S0", "M012"), ("S1", "M000"), ("S9", "M000")):
        for path in (
            home / f"sub-{subject}" / f"ses-{session}" / "anat" / "image.nii.gz",
            home / f"sub-{subject}" / "figures" / f"sub-{subject}_ses-{session}_desc-qc_T1w.png",
        ):
            path.parent.mkdir(parents=True, exist_ok=True)
            path.touch()
    subjects = ["S0", "S1", "S2", "S3"]
    failing = {"S1": {"status": "fail", "reason": "dice 0.9 is below 0.92"}}
    build([image(name) for name in subjects], [scan(name, **failing.get(name, {})) for name in subjects])
    left = sorted(path.relative_to(home).as_posix() for path in home.rglob("*") if path.suffix in (".gz", ".png"))
    assert left == [
        "sub-S0/figures/sub-S0_ses-M000_desc-qc_T1w.png",
        "sub-S0/ses-M000/anat/image.nii.gz",
        "sub-S1/figures/sub-S1_ses-M000_desc-qc_T1w.png",
        "sub-S1/ses-M000/anat/image.nii.gz",
    ]
    assert not (home / "sub-S9").exists()
    assert "ses-M012" in caplog.text and "sub-S9" in caplog.text and "ses-M000 is" not in caplog.text.split("sub-S9")[0]
