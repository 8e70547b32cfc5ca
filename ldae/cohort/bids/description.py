"""What a BIDS dataset says of itself."""

from __future__ import annotations

from importlib.metadata import version

BIDS_VERSION = "1.11.0"


def describe(kind: str, name: str, *programs: str) -> dict:
    """Content of a BIDS `dataset_description.json`.

    Parameters
    ----------
    kind : ``raw`` or ``derivative``
    name : title of the dataset
    programs : installed distributions that made it
    """
    made_by = [{"Name": program, "Version": version(program)} for program in programs]
    return {"Name": name, "BIDSVersion": BIDS_VERSION, "DatasetType": kind, "GeneratedBy": made_by}
