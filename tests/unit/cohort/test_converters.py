from pathlib import Path

import pytest

from ldae.cohort import converters
from ldae.cohort.columns import QUARANTINE_COLUMNS
from ldae.cohort.converters import convert_download, list_lost
from ldae.cohort.culprits import link_subjects, list_subjects
from ldae.config.cohort import CONVERTERS
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


STOPS = 'for bad in {bad}; do [ ! -e "$5/OAS1_${{bad}}_MR1/scan.img" ] || {{ echo "{kind}: Roe"; exit 1; }}; done; '
COPY = (
    'mkdir -p "$4"; echo {} > "$4/dataset_description.json"; for folder in "$5"/OAS1_*; do number=${folder##*OAS1_}; '
)
COPY += 'label=sub-OASIS1${number%_MR1}; mkdir -p "$4/$label/ses-M000/anat"; '
COPY += 'cp "$folder/scan.img" "$4/$label/ses-M000/anat/${label}_ses-M000_T1w.nii.gz"; done'


@pytest.fixture
def images(tmp_path):
    """A download of nine subjects, one of them with a folder without a file."""
    for number in range(1, 10):
        folder = tmp_path / "images" / f"OAS1_000{number}_MR1"
        folder.mkdir(parents=True, exist_ok=True)
        if number < 9:
            (folder / "scan.img").write_text(str(number))


@pytest.mark.parametrize("bad", [{"0003"}, {"0001", "0002"}, {"0002", "0004", "0005", "0008"}, set()])
def test_who_stops_the_converter_is_left_out_and_named_and_all_others_are_converted(convert, images, tmp_path, bad):
    missing = '[ -z "$(find "$5"/OAS1_* -maxdepth 0 -empty)" ] || exit 2; '
    bids = convert(STOPS.format(bad=" ".join(bad) or "none", kind="KeyError") + missing + COPY)
    made = {path.name.removeprefix("sub-OASIS1") for path in bids.glob("sub-*")}
    assert made == {f"000{number}" for number in range(1, 9)} - bad
    lost = read_table(tmp_path / "lost.csv", keep_default_na=False).set_index("image_id")["reason"]
    assert set(lost.index) == {f"OAS1_{number}_MR1" for number in {*bad, "0009"}}
    assert all("stops at this subject (code 1, KeyError)" in lost[f"OAS1_{number}_MR1"] for number in bad)
    assert "Roe" not in " ".join(lost)
    assert [path.name for path in bids.parent.iterdir()] == ["bids"]


@pytest.mark.parametrize(
    "commands, found", [("exit 1", "code 1"), ("echo No space left on device; exit 1", "No space")]
)
def test_what_is_not_for_a_subject_stops_the_conversion_early(convert, images, tmp_path, commands, found):
    with pytest.raises(UserError, match=found):
        convert(f"echo >> {tmp_path}/runs; {commands}")
    runs = len((tmp_path / "runs").read_text())
    assert runs == 1 if "space" in commands else runs < 10
    assert not (tmp_path / "lost.csv").exists()


@pytest.mark.parametrize("number", ["KILL", "TERM"])
def test_a_converter_that_is_killed_is_no_fault_of_a_subject(convert, images, tmp_path, number):
    with pytest.raises(UserError, match=f"SIG{number}"):
        convert(f"echo >> {tmp_path}/runs; kill -{number} $$")
    assert len((tmp_path / "runs").read_text()) == 1


FILES = {
    "aibl": ("12/MPRAGE ADNI confirmed/2009-01-02/I1/a.dcm", "12"),
    "genfi": ("C9ORF001-11/T1/a.dcm", "C9ORF001-11"),
    "habs": ("ADNI_1X-MPRAGE_HABS_DataRelease_2.0.zip", "ADNI_1X-MPRAGE_HABS_DataRelease_2.0.zip"),
    "ixi": ("IXI-T1/IXI002-Guys-0828-T1.nii.gz", "IXI002"),
    "nifd": ("1_S_0001/t1_mprage/2010-01-01/I1/NIFD_I123456.nii", "1_S_0001"),
    "oasis": ("OAS1_0001_MR1/PROCESSED/a.img", "OAS1_0001"),
    "oasis2": ("OAS2_0001_MR2/RAW/mpr-1.nifti.img", "OAS2_0001"),
    "oasis3": ("OAS30001_MR_d0129/anat1/a.nii.gz", "OAS30001"),
    "ukb": ("1000001_20252_2_0.zip", "1000001"),
}


@pytest.mark.parametrize("source", CONVERTERS)
def test_files_are_known_by_their_subjects_and_a_part_has_theirs_and_the_tables(tmp_path, source):
    own, subject = FILES[source]
    for name in (own, "tables/all.csv"):
        path = tmp_path / "images" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    (tmp_path / "images" / "all").symlink_to(tmp_path / "images")  # a circle
    (tmp_path / "images" / "itself").symlink_to("itself")
    files = list_subjects(source, tmp_path / "images")
    assert files[subject] == [Path(own)]
    assert source == "genfi" or files[""] == [Path("tables/all.csv")]
    link_subjects(files, [subject], tmp_path / "images", tmp_path / "view")
    assert (tmp_path / "view" / own).resolve() == tmp_path / "images" / own
    link_subjects(files, [], tmp_path / "images", tmp_path / "empty")
    assert not (tmp_path / "empty" / own).exists()
