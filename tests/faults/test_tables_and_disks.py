"""Tables of the workflow that were damaged or edited, and disks and folders that take nothing more."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from pathlib import Path

import pandas as pd
import pytest

from ldae.checksums import compare_checksums, compare_edited, record_checksums
from ldae.cohort.scans import QC_COLUMNS, write_scans
from ldae.config.cohort import SplitConfig
from ldae.data.split import update_split
from ldae.errors import say_trouble
from ldae.files import read_table, write_table
from tests.faults.document import Fault
from tests.faults.outcomes import NAMED, cut, edit, refused

ROOT = Path(__file__).resolve().parents[2]
SCANS, SPLIT = Path("results/scans.csv"), Path("results/split.csv")


@pytest.fixture
def written(tmp_path, monkeypatch):
    """The table of scans and the split, as their rules left them."""
    monkeypatch.chdir(tmp_path)
    rows = [(f"S{number}", "M000", f"S{number}.nii.gz", "train", "a" * 64) for number in range(9)]
    write_table(SCANS, pd.DataFrame(rows, columns=["subject", "session", "path", "split", "image_sha256"]))
    write_table(SPLIT, pd.DataFrame([row[0:4:3] for row in rows], columns=["subject", "split"]))
    record_checksums([SCANS, SPLIT])
    compare_checksums([SCANS, SPLIT])


def without_last_rows(path):
    path.write_text("".join(path.read_text().splitlines(keepends=True)[:-3]))


TABLE_FAULTS = {
    "a table cut within a row": lambda: cut(SCANS),
    "a table cut between rows": lambda: without_last_rows(SCANS),
    "one digit of a table": lambda: edit(SCANS, "S3,M000", "S3,M006"),
}


@pytest.mark.parametrize("fault", TABLE_FAULTS)
def test_a_table_that_is_not_its_rules_is_named_before_any_job(written, record_fault, fault):
    TABLE_FAULTS[fault]()
    outcome = refused(compare_edited)
    assert outcome == refused(compare_checksums, [SCANS, SPLIT])
    record_fault(Fault("compute", fault, "results/, before any job and as a rule reads it", *outcome))


SHORT = "a truncated split"


def test_a_truncated_split_is_named(written, record_fault, tmp_path):
    qc = read_table(SCANS).assign(verdict="pass", **dict.fromkeys(QC_COLUMNS[3:], ""))
    write_table("results/qc.csv", qc)
    write_scans("results/qc.csv", SPLIT, tmp_path / "out.csv")
    without_last_rows(SPLIT)
    outcome = refused(write_scans, "results/qc.csv", SPLIT, tmp_path / "out.csv")
    record_fault(Fault("compute", SHORT, "results/split.csv", *outcome))


TORN = "a subject on two sides of the split"


def test_a_subject_on_two_sides_is_named(written, record_fault):
    SPLIT.write_text(SPLIT.read_text() + "S3,test\n")
    cohort = pd.DataFrame({"subject": ["S3"], "diagnosis": ["AD"]})
    outcome = refused(
        update_split, cohort, SplitConfig(validation_fraction=0.2, test_fraction=0.2, file=None), SPLIT, seed=0
    )
    record_fault(Fault("compute", TORN, "results/split.csv, edited by hand", *outcome))


NOTE = "a damaged checksum"


def test_a_damaged_note_counts_as_absent(written, record_fault):
    cut(Path("results/checksums/scans.csv.sha256"))
    compare_checksums([SCANS])
    record_fault(Fault("compute", NOTE, "results/checksums", "counts as absent", "nothing"))


WRITERS = {
    "a full disk under a table": """
        import pandas as pd
        from ldae.files import read_table, write_table
        write_table("out.csv", pd.DataFrame({"a": range(200000)}))""",
    "a full disk under embeddings": """
        import numpy as np
        from ldae.evaluation.arrays import write_arrays
        write_arrays("out.npz", {"a": np.random.default_rng(0).random(200000)})""",
    "a full disk under weights": """
        import torch
        from ldae.weights import save_tensors
        save_tensors({"a": torch.zeros(200000)}, "out.safetensors", {})""",
    "a full disk under a checkpoint": """
        import torch
        from ldae.files import atomic_path
        with atomic_path("out.ckpt") as temporary:
            torch.save({"a": torch.zeros(200000)}, temporary)""",
    "a full disk under a preprocessed scan": """
        import numpy as np
        from ldae.preprocessing.volume import write_volume
        write_volume("out.nii.gz", np.random.default_rng(0).random((60, 60, 60), np.float32), np.eye(4))""",
}
RUN = """
import resource, signal, sys
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
from ldae.errors import say_trouble
try:
    resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, resource.RLIM_INFINITY))
{body}
except Exception as error:
    resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
    print(say_trouble(error))
"""


@pytest.mark.parametrize("fault", WRITERS)
def test_a_disk_that_takes_no_more_is_named_and_leaves_nothing(tmp_path, record_fault, fault):
    body = "\n".join(line[4:] for line in WRITERS[fault].splitlines())
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-c", RUN.format(body=body)]
    done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert "out." in done.stdout.splitlines()[0] and "cure:" in done.stdout, done.stdout + done.stderr
    assert not list(tmp_path.iterdir())
    record_fault(Fault("compute", fault, "a limit on the size of files (RLIMIT_FSIZE)", NAMED, done.stdout))


READ_ONLY = "a results folder of somebody else"


def test_a_folder_that_may_not_be_written_to_is_named(record_fault):
    with tempfile.TemporaryDirectory() as folder:
        results = Path(folder) / "results"
        results.mkdir()
        for path in (results, Path(folder)):
            path.chmod(0o555)
        user = os.geteuid()
        if user == 0:
            os.seteuid(65534)
        try:
            with pytest.raises(PermissionError) as raised:
                write_table(results / "scans.csv", pd.DataFrame({"a": [1]}))
        finally:
            os.seteuid(user)
            Path(folder).chmod(0o755), results.chmod(0o755)
    said = say_trouble(raised.value)
    assert said is not None and said.where.endswith("results/scans.csv")
    record_fault(Fault("compute", READ_ONLY, "results/scans.csv", NAMED, str(said)))


FAULTS = [*TABLE_FAULTS, SHORT, TORN, NOTE, *WRITERS, READ_ONLY]
