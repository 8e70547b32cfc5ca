import pytest

from ldae.cohort import converters
from ldae.cohort.columns import QUARANTINE_COLUMNS
from ldae.cohort.converters import convert_download, list_lost
from ldae.errors import UserError
from ldae.files import read_table

PLAY = """#!/bin/sh
echo "said: Roe^Jane"
echo "$@" > {home}/said
{commands}
"""


@pytest.fixture
def convert(tmp_path, monkeypatch):
    """Run a conversion in which a few shell commands play Clinica; $4 is the BIDS folder."""
    for number in (1, 2):
        (tmp_path / "images" / f"OAS1_000{number}_MR1").mkdir(parents=True)
    (tmp_path / "tables").mkdir()

    def run(commands, timeout_s=30.0, arguments=("{clinical}", "{bids}", "{dataset}")):
        program = tmp_path / "play_clinica"
        program.write_text(PLAY.format(commands=commands, home=tmp_path))
        program.chmod(0o755)
        monkeypatch.setattr(converters, "find_program", lambda name: program)
        names = {"lost": tmp_path / "lost.csv", "log": tmp_path / "logs" / "clinica.log"}
        folders = tmp_path / "images", tmp_path / "tables", tmp_path / "out" / "bids"
        convert_download("oasis", *folders, arguments=list(arguments), timeout_s=timeout_s, **names)
        return tmp_path / "out" / "bids"

    return run


GOOD = 'mkdir -p "$4/sub-OASIS10001/ses-M000/anat"; echo {} > "$4/dataset_description.json"; '
GOOD += 'touch "$4/sub-OASIS10001/ses-M000/anat/sub-OASIS10001_ses-M000_T1w.nii.gz"'


def test_the_result_is_moved_as_a_whole_and_the_log_has_no_words_of_clinica(convert, tmp_path):
    bids = convert(GOOD)
    assert sorted(path.name for path in bids.iterdir()) == ["dataset_description.json", "sub-OASIS10001"]
    assert [path.name for path in bids.parent.iterdir()] == ["bids"]
    assert (tmp_path / "logs" / "clinica.log").read_text() == "clinica convert oasis-to-bids ended with code 0\n"
    assert (tmp_path / "said").read_text().split()[::4] == ["convert", f"{tmp_path}/images"]


def test_folders_that_gave_nothing_are_set_aside(convert, tmp_path):
    convert(GOOD)
    lost = read_table(tmp_path / "lost.csv", dtype=str, keep_default_na=False)
    assert list(lost.columns) == QUARANTINE_COLUMNS
    assert lost[["subject", "image_id"]].values.tolist() == [["OASIS10002", "OAS1_0002_MR1"]]


@pytest.mark.parametrize(
    "commands, found",
    [
        (f"{GOOD}; echo KeyError: Roe^Jane >&2; exit 1", "code 1, KeyError\n"),
        ("true", "no such folder"),
        ('mkdir -p "$4"; echo {} > "$4/dataset_description.json"', "no sub-"),
    ],
)
def test_a_failed_or_empty_conversion_leaves_nothing_and_says_why(convert, tmp_path, commands, found):
    with pytest.raises(UserError, match=found) as raised:
        convert(commands)
    assert "clinica convert oasis-to-bids" in raised.value.cure and "Roe" not in str(raised.value)
    assert not (tmp_path / "out").exists()
    assert not (tmp_path / "lost.csv").exists()


def test_a_conversion_that_hangs_is_ended(convert):
    with pytest.raises(UserError, match="more than 1 s"):
        convert("exec sleep 30", timeout_s=0.5)


@pytest.mark.parametrize(
    "source, folders, subjects, lost",
    [
        ("oasis", ["OAS1_0001_MR1", "OAS1_0001_MR2"], {"OASIS10001"}, {"OAS1_0001_MR2": "OAS10001MR2"}),
        ("oasis2", ["OAS2_0001_MR1", "OAS2_0001_MR2", "OAS2_0002_MR1"], {"OAS20001"}, {"OAS2_0002_MR1": "OAS20002"}),
        ("oasis3", ["OAS30001_MR_d0129", "OAS30002_MR_d0001"], {"OAS30001"}, {"OAS30002_MR_d0001": "OAS30002"}),
        ("aibl", ["12", "345"], {"AIBL12"}, {"345": "AIBL345"}),
        ("nifd", ["1_S_0001", "2_S_0002"], {"NIFD1S0001"}, {"2_S_0002": "NIFD2S0002"}),
        ("oasis", ["Roe^Jane_1947-03-12", "OAS1_0001_MR1"], {"OASIS10001"}, {"(2 of 2)": ""}),
        ("ixi", ["IXI-T1"], {"IXI002"}, {}),
    ],
)
def test_subjects_are_known_by_their_folders(tmp_path, source, folders, subjects, lost):
    for name in [*folders, ".hidden"]:
        (tmp_path / name).mkdir()
    rows = list_lost(source, tmp_path, subjects)
    assert dict(zip(rows["image_id"], rows["subject"], strict=True)) == lost
    assert rows["reason"].ne("").all()
    assert rows["cure"].ne("").all()
