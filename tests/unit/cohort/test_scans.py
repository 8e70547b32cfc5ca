import pandas as pd
import pytest

from ldae.cohort.scans import write_scans
from ldae.data.scans import SCAN_COLUMNS, read_scans
from ldae.errors import UserError


def scan(subject, session="M000", verdict="pass", **values):
    row = dict.fromkeys(("reason", "override", "override_reason", "rater"), "")
    row |= {"subject": subject, "session": session, "verdict": verdict, "status": verdict}
    return row | {"path": f"{subject}_{session}.nii.gz", "image_sha256": f"{subject}{session}", "dice": 0.9} | values


@pytest.fixture
def write(tmp_path):
    def run(scans):
        pd.DataFrame(scans, columns=list(scan("x"))).to_csv(tmp_path / "qc.csv", index=False)
        return tmp_path

    return run


def test_the_scans_say_nothing_of_the_people(write):
    scans = [
        scan("02", "M012"),
        scan("01", verdict="warn"),
        scan("02"),
        scan("03", verdict="fail"),
        scan("04", verdict="error"),
    ]
    folder = write(scans)
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
    folder = write([scan("01"), scan("02")])
    (folder / "split.csv").write_text("subject,split\n01,train\n")
    with pytest.raises(UserError, match="1 missing, such as 02"):
        write_scans(folder / "qc.csv", folder / "split.csv", folder / "scans.csv")
