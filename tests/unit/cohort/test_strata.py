import pandas as pd
import pytest

from ldae.cohort.columns import STRATA_COLUMNS
from ldae.cohort.strata import list_strata, refuse_empty_sides, split_cohort
from ldae.config.cohort import SplitConfig
from ldae.data.split import split_subjects
from ldae.errors import UserError

SPLIT = SplitConfig(validation_fraction=0.2, test_fraction=0.3, file=None)


def visit(subject, session="M000", **values):
    row = {"subject": subject, "session": session, "months": int(session[1:])}
    return row | {"diagnosis_bl": "CN", "diagnosis": "MCI"} | values


def scan(subject, session="M000", verdict="pass"):
    row = dict.fromkeys(("reason", "override", "override_reason", "rater"), "")
    row |= {"subject": subject, "session": session, "verdict": verdict, "status": verdict}
    return row | {"path": f"{subject}_{session}.nii.gz", "image_sha256": "0"}


@pytest.fixture
def write(tmp_path):
    def run(visits, scans):
        pd.DataFrame(visits, columns=STRATA_COLUMNS).to_csv(tmp_path / "strata.csv", index=False)
        pd.DataFrame(scans, columns=list(scan("x"))).to_csv(tmp_path / "qc.csv", index=False)
        return tmp_path

    return run


def strata(folder):
    options = {"dtype": {"subject": str, "session": str}}
    usable = pd.read_csv(folder / "qc.csv", **options)
    table = list_strata(usable, pd.read_csv(folder / "strata.csv", **options))
    return dict(zip(table["subject"], table["diagnosis"].fillna(""), strict=True))


def test_the_stratum_is_the_diagnosis_at_baseline_not_that_of_the_visit(write):
    visits = [visit("01", "M024", diagnosis="AD", diagnosis_bl="MCI"), visit("01", "M006", diagnosis="CN")]
    visits[1]["diagnosis_bl"] = "MCI"
    visits += [
        visit("02", "M012", diagnosis="AD", diagnosis_bl=""),
        visit("02", "M006", diagnosis="CN", diagnosis_bl=""),
    ]
    visits += [
        visit("03", "M000", diagnosis="", diagnosis_bl=""),
        visit("04", "M012", diagnosis="AD", diagnosis_bl="CN"),
    ]
    folder = write(visits, [scan(row["subject"], row["session"]) for row in visits])
    assert strata(folder) == {"01": "MCI", "02": "CN", "03": "", "04": "CN"}


def test_the_first_split_is_that_of_the_usable_scans_subjects(write):
    names = [f"{number:02d}" for number in range(30)]
    visits = [visit(name, diagnosis_bl=("CN", "AD")[int(name) % 2], diagnosis="AD") for name in names]
    verdicts = dict.fromkeys(names, "pass") | {"03": "fail", "04": "error", "05": "warn"}
    folder = write(visits, [scan(name, verdict=verdict) for name, verdict in verdicts.items()])
    split = split_cohort(folder / "strata.csv", folder / "qc.csv", SPLIT, folder / "split.csv", seed=7)
    usable = [name for name in names if name not in ("03", "04")]
    table = pd.DataFrame({"subject": usable, "diagnosis": [("CN", "AD")[int(name) % 2] for name in usable]})
    assert split == split_subjects(table, SPLIT, seed=7) != split_subjects(table, SPLIT, seed=8)
    written = pd.read_csv(folder / "split.csv", dtype=str)
    assert written.columns.tolist() == ["subject", "split"]
    assert dict(written.values) == split
    assert set(split) == set(usable)


def test_no_usable_scan_is_an_error(write):
    folder = write([visit("01")], [scan("01", verdict="fail")])
    with pytest.raises(UserError, match="passed quality control"):
        split_cohort(folder / "strata.csv", folder / "qc.csv", SPLIT, folder / "split.csv", seed=1)
    assert not (folder / "split.csv").exists()


def test_two_subjects_are_too_few_and_three_enough(write):
    for count in (2, 3):
        visits = [visit(f"0{number}") for number in range(count)]
        folder = write(visits, [scan(row["subject"]) for row in visits])
        (folder / "split.csv").unlink(missing_ok=True)
        sides = split_cohort(folder / "strata.csv", folder / "qc.csv", SPLIT, folder / "split.csv", seed=3)
        if count == 3:
            refuse_empty_sides(sides, folder / "split.csv")
            return
        with pytest.raises(UserError, match=r"2 with a usable scan, none in validation[\s\S]*three at least"):
            refuse_empty_sides(sides, folder / "split.csv")
