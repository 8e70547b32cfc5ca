import math

import pandas as pd
import pytest

from ldae.errors import UserError
from ldae.report.qc_scans import read_scans


def test_the_riskiest_come_first(qc_table, qc_config):
    scans = read_scans(qc_table, qc_config)
    assert scans["subject"].tolist() == ["NONE", "BAD", "OUT", "WARN", "BACK", "NEAR", "PASS"]
    assert math.isinf(scans["risk"][0]) and scans["risk"][4] > 1 and scans["risk"].iloc[-1] < scans["risk"].iloc[-2] < 0


def test_missing_texts_are_empty(qc_table, qc_config):
    scans = read_scans(qc_table, qc_config)
    assert scans.loc[0, ["path", "override", "rater"]].tolist() == ["", "", ""]


def test_a_table_without_verdicts_is_refused(qc_table, qc_config):
    pd.read_csv(qc_table).drop(columns="verdict").to_csv(qc_table, index=False)
    with pytest.raises(UserError, match="verdict"):
        read_scans(qc_table, qc_config)
