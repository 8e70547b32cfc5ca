import pandas as pd
import pytest

from ldae.cohort.columns import CONVERSION_COLUMNS
from ldae.cohort.scans import list_strata, split_cohort, write_scans
from ldae.config.cohort import SplitConfig
from ldae.data.scans import SCAN_COLUMNS, read_scans
from ldae.data.split import split_subjects
from ldae.errors import UserError

SPLIT = SplitConfig(validation_fraction=0.2, test_fraction=0.3, file=None)


def image(subject, session="M000", **values):
    row = dict.fromkeys(CONVERSION_COLUMNS, "") | {"status": "converted", "image_id": "1", "diagnosis": "MCI"}
    months = int(session[1:])
    return row | {"subject": subject, "session": session, "months": months, "diagnosis_bl": "CN"} | values


def scan(subject, session="M000", verdict="pass", **values):
    row = dict.fromkeys(("reason", "override", "override_reason", "rater"), "")
    row |= {"subject": subject, "session": session, "verdict": verdict, "status": verdict}
    return row | {"path": f"{subject}_{session}.nii.gz", "image_sha256": f"{subject}{session}", "dice": 0.9} | values


@pytest.fixture
def write(tmp_path):
    def run(images, scans):
        pd.DataFrame(images, columns=CONVERSION_COLUMNS).to_csv(tmp_path / "conversion.csv", index=False)
        pd.DataFrame(scans, columns=list(scan("x"))).to_csv(tmp_path / "qc.csv", index=False)
        return tmp_path

    return run


def strata(folder):
    options = {"dtype": {"subject": str, "session": str}}
    usable = pd.read_csv(folder / "qc.csv", **options)
    table = list_strata(usable, pd.read_csv(folder / "conversion.csv", **options))
    return dict(zip(table["subject"], table["diagnosis"].fillna(""), strict=True))


def test_the_stratum_is_the_diagnosis_at_baseline_not_that_of_the_visit(write):
    images = [image("01", "M024", diagnosis="AD", diagnosis_bl="MCI"), image("01", "M006", diagnosis="CN")]
    images[1]["diagnosis_bl"] = "MCI"
    images += [
        image("02", "M012", diagnosis="AD", diagnosis_bl=""),
        image("02", "M006", diagnosis="CN", diagnosis_bl=""),
    ]
    images += [
        image("03", "M000", diagnosis="", diagnosis_bl=""),
        image("04", "M012", diagnosis="AD", diagnosis_bl="CN"),
    ]
    folder = write(images, [scan(row["subject"], row["session"]) for row in images])
    assert strata(folder) == {"01": "MCI", "02": "CN", "03": "", "04": "CN"}


def test_the_first_split_is_that_of_the_usable_scans_subjects(write):
    names = [f"{number:02d}" for number in range(30)]
    images = [image(name, diagnosis_bl=("CN", "AD")[int(name) % 2], diagnosis="AD") for name in names]
    verdicts = dict.fromkeys(names, "pass") | {"03": "fail", "04": "error", "05": "warn"}
    folder = write(images, [scan(name, verdict=verdict) for name, verdict in verdicts.items()])
    split = split_cohort(folder / "conversion.csv", folder / "qc.csv", SPLIT, folder / "split.csv", seed=7)
    usable = [name for name in names if name not in ("03", "04")]
    table = pd.DataFrame({"subject": usable, "diagnosis": [("CN", "AD")[int(name) % 2] for name in usable]})
    assert split == split_subjects(table, SPLIT, seed=7) != split_subjects(table, SPLIT, seed=8)
    written = pd.read_csv(folder / "split.csv", dtype=str)
    assert written.columns.tolist() == ["subject", "split"] and dict(written.values) == split
    assert set(split) == set(usable)


def test_no_usable_scan_is_an_error(write):
    folder = write([image("01")], [scan("01", verdict="fail")])
    with pytest.raises(UserError, match="passed quality control"):
        split_cohort(folder / "conversion.csv", folder / "qc.csv", SPLIT, folder / "split.csv", seed=1)
    assert not (folder / "split.csv").exists()


def test_the_scans_say_nothing_of_the_people(write):
    scans = [
        scan("02", "M012"),
        scan("01", verdict="warn"),
        scan("02"),
        scan("03", verdict="fail"),
        scan("04", verdict="error"),
    ]
    folder = write([], scans)
    (folder / "split.csv").write_text("subject,split\n02,test\n01,train\n03,test\n09,validation\n")
    write_scans(folder / "qc.csv", folder / "split.csv", folder / "scans.csv")
    assert (folder / "scans.csv").read_text().splitlines() == [
        ",".join(SCAN_COLUMNS),
        "01,M000,01_M000.nii.gz,train,01M000",
        "02,M000,02_M000.nii.gz,test,02M000",
        "02,M012,02_M012.nii.gz,test,02M012",
    ]
    assert read_scans(folder / "scans.csv")["subject"].tolist() == ["01", "02", "02"]


def test_a_subject_that_the_split_lacks_is_an_error(write):
    folder = write([], [scan("01"), scan("02")])
    (folder / "split.csv").write_text("subject,split\n01,train\n")
    with pytest.raises(UserError, match="1 missing, such as 02"):
        write_scans(folder / "qc.csv", folder / "split.csv", folder / "scans.csv")
