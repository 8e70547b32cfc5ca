import json

import pandas as pd

from ldae.cohort.bids.description import describe


def test_the_description_is_what_bids_requires():
    content = json.loads(json.dumps(describe("raw", "a name", "pandas")))
    assert content["DatasetType"] == "raw" and content["Name"] and content["BIDSVersion"]
    assert content["GeneratedBy"] == [{"Name": "pandas", "Version": pd.__version__}]
