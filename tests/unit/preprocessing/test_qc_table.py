import pandas as pd
import pytest

from ldae.cohort.scans import QC_COLUMNS
from ldae.config.load import load_config
from ldae.errors import UserError, UserErrors
from ldae.preprocessing.qc_table import build_qc
from ldae.preprocessing.verdict import LIMITS
from tests.unit.sources import ROOT

QC = load_config(ROOT / "config.yaml").qc
NUMBERS = {"brain_volume_ml": 1400.0, "dice": 0.96, "outside": 0.001, "missing": 0.01, "mutual_information": 0.6}
NUMBERS |= {"upright": 0.5, "white_grey_ratio": 1.3, "border": 0.5}
RECORD = ["subject", "session", "source", "path", "status", "reason", "image_sha256", "qc_image_sha256", *NUMBERS]


def scan(subject, session="M000", **values):
    path = f"results/derivatives/{subject}_{session}.nii.gz"
    row = {"subject": subject, "session": session, "source": "x", "path": path, "status": "done", "reason": ""}
    return row | {"image_sha256": "0" * 64, "qc_image_sha256": "1" * 64} | NUMBERS | values


def error(subject, reason="no brain found"):
    return {"subject": subject, "session": "M000", "source": "x", "status": "error", "reason": reason}


@pytest.fixture
def build(tmp_path):
    def run(scans, overrides=None, config=QC):
        paths = []
        for number, rows in enumerate((scans[::2], scans[1::2], [])):
            paths.append(tmp_path / f"{number}.csv")
            pd.DataFrame(rows, columns=RECORD).to_csv(paths[-1], index=False)
        if overrides is not None:
            header = "subject\tsession\tverdict\treason\trater\n"
            (tmp_path / "qc_overrides.tsv").write_text(header + "".join(f"{row}\n" for row in overrides))
        outputs = {name: tmp_path / "out" / f"{name}.csv" for name in ("qc", "effects")}
        described = {"description": tmp_path / "out" / "dataset_description.json"}
        given = None if overrides is None else tmp_path / "qc_overrides.tsv"
        build_qc(paths, config, overrides=given, **outputs, **described, max_lost_fraction=0.2)
        options = {"dtype": {"subject": str}, "keep_default_na": False}
        return {name: pd.read_csv(path, **options) for name, path in outputs.items()}

    return run


def test_the_numbers_here_are_those_that_are_checked():
    assert set(NUMBERS) == {name for name, *_ in LIMITS}


def test_the_recorded_numbers_are_judged(build):
    scans = [scan("02"), scan("01", dice=0.93), scan("03", dice=0.5), error("04")]
    table = build(scans)["qc"]
    assert table.columns.tolist() == [*QC_COLUMNS, "source", "path", "image_sha256", *NUMBERS]
    assert table[["subject", "status", "verdict", "reason"]].values.tolist() == [
        ["01", "warn", "warn", "dice 0.93 is below 0.945"],
        ["02", "pass", "pass", ""],
        ["03", "fail", "fail", "dice 0.5 is below 0.92"],
        ["04", "error", "error", "no brain found"],
    ]
    assert table["path"].tolist()[3] == ""
    assert table["image_sha256"].tolist()[0] == "0" * 64


def test_other_limits_judge_the_same_numbers_otherwise(build):
    strict = QC.model_copy(update={"min_dice": (0.99, 0.98)})
    assert build([scan("01")])["qc"]["status"].tolist() == ["pass"]
    assert build([scan("01")], config=strict)["qc"]["status"].tolist() == ["fail"]


def test_a_persons_verdict_wins_and_shows(build):
    scans = [scan("A"), scan("B", dice=0.9), scan("C", dice=0.94), error("D")]
    rows = ["A\tM000\tfail\tmotion\tAB", "B\tM000\twarn\tlarge\tCD", "C\tM000\tpass\tfine\tCD", "D\tM000\tpass\tx\tCD"]
    tables = build(scans, rows)
    qc = tables["qc"].set_index("subject")
    assert qc.loc["B", ["status", "reason", "override", "rater", "verdict"]].tolist() == [
        *("fail", "dice 0.9 is below 0.92", "warn", "CD", "warn")
    ]
    assert qc["verdict"].to_dict() == {"A": "fail", "B": "warn", "C": "pass", "D": "error"}
    effects = tables["effects"]["effect"].str.split(":").str[0].tolist()
    assert effects == ["removed", "readmitted", "warn became pass", "none"]


def test_wrong_overrides_stop_before_anything_is_written(build, tmp_path):
    with pytest.raises(UserErrors, match="2 problems"):
        build([scan("A")], overrides=["A\tM000\tbad\tx\tAB", "B\tM000\tpass\t\tAB"])
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
    build([scan("S0"), scan("S1", dice=0.5), scan("S2")])
    left = sorted(path.relative_to(home).as_posix() for path in home.rglob("*") if path.suffix in (".gz", ".png"))
    assert left == [
        "sub-S0/figures/sub-S0_ses-M000_desc-qc_T1w.png",
        "sub-S0/ses-M000/anat/image.nii.gz",
        "sub-S1/figures/sub-S1_ses-M000_desc-qc_T1w.png",
        "sub-S1/ses-M000/anat/image.nii.gz",
    ]
    assert not (home / "sub-S9").exists()
    assert "ses-M012" in caplog.text
    assert "sub-S9" in caplog.text
    assert "ses-M000 is" not in caplog.text.split("sub-S9")[0]


def test_subjects_and_their_sessions_are_in_order(build):
    visits = [("B", "M000"), ("A", "M012"), ("B", "M024"), ("A", "M006"), ("C", "M000")]
    table = build([scan(*visit) for visit in visits])["qc"]
    assert table[["subject", "session"]].values.tolist() == [list(visit) for visit in sorted(visits)]


def test_a_longer_session_name_is_another_session(build, tmp_path):
    figures = tmp_path / "out" / "sub-A" / "figures"
    (tmp_path / "out" / "sub-A" / "ses-M01" / "anat").mkdir(parents=True)
    figures.mkdir()
    for session in ("M01", "M012"):
        (figures / f"sub-A_ses-{session}_desc-qc_T1w.png").touch()
    build([scan("A", "M012")])
    assert [path.name for path in figures.iterdir()] == ["sub-A_ses-M012_desc-qc_T1w.png"]


def test_sessions_that_are_gone_in_bulk_stop_before_anything_is_removed(build, tmp_path):
    folders = [tmp_path / "out" / f"sub-{number:02}" / "ses-M000" for number in range(30)]
    for folder in folders:
        folder.mkdir(parents=True)
        (folder / "image.nii.gz").touch()
    with pytest.raises(UserError, match="10 of 30 are gone"):
        build([scan(f"{number:02}") for number in range(20)])
    assert all(folder.is_dir() for folder in folders)
    assert not (tmp_path / "out" / "qc.csv").exists()
    build([scan(f"{number:02}") for number in range(25)])
    assert [folder.exists() for folder in folders] == [True] * 25 + [False] * 5
