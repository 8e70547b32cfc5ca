import nibabel as nib
import numpy as np
import pandas as pd
import pytest

from ldae.files import read_table, write_table
from ldae.report.qc_montage import draw_qc_montage


def test_it_begins_with_the_riskiest_and_says_what_has_no_image(qc_table, qc_config, drawn, tmp_path):
    for path in pd.read_csv(qc_table)["path"].dropna():
        (tmp_path / path).parent.mkdir(parents=True)
        nib.save(nib.Nifti1Image(np.ones((5, 5, 5), np.float32), np.eye(4)), path)
    draw_qc_montage(qc_table, qc_config, tmp_path / "out.png", 4)
    panels = [panel for panel in drawn[0].axes if panel.get_title()]
    assert [panel.get_title().split()[0] for panel in panels] == ["NONE", "BAD", "OUT", "WARN"]
    assert "no brain found" in panels[0].get_title() and panels[0].texts[0].get_text() == "no image"
    assert "fail\njudged by AB: motion" in panels[2].get_title()
    assert [len(panel.images) for panel in panels] == [0, 1, 1, 1]
    assert [text.get_text() for text in panels[1].texts] == ["P", "A", "L", "R", "L", "R", "50 mm"]


@pytest.mark.parametrize("reason", ["costs $5 or $6_a^", r"$\frac{", "a_b & <c> \\ {d}"])
def test_a_reason_is_drawn_as_it_is_written(qc_table, qc_config, drawn, tmp_path, reason):
    table = read_table(qc_table)
    table.loc[table["override"].notna(), "override_reason"] = reason
    write_table(qc_table, table)
    draw_qc_montage(qc_table, qc_config, tmp_path / "out.png", 4)
    assert any(f"judged by AB: {reason}" in panel.get_title() for panel in drawn[0].axes)
    assert (tmp_path / "out.png").stat().st_size
