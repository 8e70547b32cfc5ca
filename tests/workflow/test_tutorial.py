"""The tutorial runs from its first cell to its last on a finished run, and shows what it says."""

import re
from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient

ROOT = Path(__file__).resolve().parents[2]
TUTORIAL = ROOT / "notebooks" / "tutorial.ipynb"


@pytest.fixture(scope="module")
def executed(tiny):
    """The notebook after all of its cells ran."""
    notebook = nbformat.read(TUTORIAL, as_version=4)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("LDAE_RESULTS", str(tiny.directory / "results"))
        patch.setenv("PYTHONPATH", str(ROOT))
        client = NotebookClient(notebook, timeout=600, resources={"metadata": {"path": str(tiny.directory)}})
        return client.execute()


def outputs(notebook, kind):
    """What the cells gave of one kind, such as image/png, in order."""
    cells = [cell for cell in notebook.cells if cell.cell_type == "code"]
    data = [output.get("data", {}) | {"stdout": output.get("text")} for cell in cells for output in cell.outputs]
    return [each[kind] for each in data if each.get(kind)]


def test_every_cell_ran_and_none_complained(executed):
    cells = [cell for cell in executed.cells if cell.cell_type == "code"]
    assert [cell.execution_count for cell in cells] == list(range(1, len(cells) + 1))
    complaints = [output.text for cell in cells for output in cell.outputs if output.get("name") == "stderr"]
    assert not complaints


def test_it_draws_scans_edits_and_effects(executed):
    assert len(outputs(executed, "image/png")) == 9
    tables = outputs(executed, "text/html")
    assert len(tables) == 6
    assert "n_subjects" in tables[-1] and "ventric" in tables[-1] and "per log-odds" in tables[-1]


def test_it_prints_codes_smaller_than_the_scan_and_says_what_cohort_it_is(executed):
    printed = "".join(outputs(executed, "stdout"))
    assert "fabricated cohort" in printed
    sizes = dict(re.findall(r"(\w+): .*, (\d+) numbers for 40960 voxels", printed))
    assert {name: int(size) for name, size in sizes.items()} == {"z_0": 1920, "y_sem": 16, "z_T": 1920}


def test_the_committed_notebook_names_no_place_and_no_error():
    text = TUTORIAL.read_text(encoding="utf-8")
    assert not re.search(r"/(root|home|Users|tmp)/", text)
    assert '"output_type": "error"' not in text
