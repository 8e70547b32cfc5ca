"""The names under which LONI has given its tables."""

from pathlib import Path

import pytest

from ldae.cohort.adni.files import find_sources
from ldae.cohort.adni.names import DIAGNOSES, MAYO, MERGE, META, QUALITY
from ldae.errors import UserError


def touch(folder, *names):
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).touch()


@pytest.mark.parametrize(
    "name, file",
    [
        (MERGE, "ADNIMERGE.csv"),
        (MERGE, "new/ADNIMERGE_7Mar2024.csv"),
        (MERGE, "ADNIMERGE_21Nov2025.csv"),
        (MERGE, "ADNIMERGE_2025-11-21.csv"),
        (MERGE, "ADNIMERGE_20251121.csv"),
        (MERGE, "ADNIMERGE-11_21_2025.csv"),
        (MERGE, "ADNIMERGE_21Nov2025 (1).csv"),
        (MERGE, "adnimerge.CSV"),
        (MERGE, "MYSTUDY_ADNIMERGE_21Nov2025.csv"),
        (META, "MPRAGEMETA.csv"),
        (META, "All_Images_21Nov2025.csv"),
        (META, "MY_STUDY_All_Images_21Nov2025.csv"),
        (META, "MY_STUDY_Structural_MRI_Images_29Aug2025.csv"),
        (QUALITY, "MRIPROT_21Nov2025.csv"),
        (QUALITY, "MRIQC_21Nov2025.csv"),
        (MAYO, "MAYOADIRL_MRI_IMAGEQC_05_07_15_21Nov2025.csv"),
        (MAYO, "MAYOADIRL_MRI_IMAGEQC_12_08_15.csv"),
        (MAYO, "MAYOADIRL_MRI_QUALITY_ADNI3_21Nov2025.csv"),
        (DIAGNOSES, "DXSUM_PDXCONV_ADNIALL.csv"),
        (DIAGNOSES, "DXSUM_PDXCONV_07Mar2024.csv"),
        (DIAGNOSES, "DXSUM_07Mar2024.csv"),
    ],
)
def test_a_table_is_found_under_each_of_its_names(tmp_path, name, file):
    touch(tmp_path, file, "MRIPROTOCOLS.csv", "DXSUMMARY.csv", "ADNIMERGE_DICT.csv", f"._{Path(file).name}")
    assert find_sources(tmp_path, name)[0].path == tmp_path / file


@pytest.mark.parametrize(
    "name, files",
    [
        (MERGE, ("ADNIMERGE.csv", "MYSTUDY_ADNIMERGE.csv")),
        (META, ("MPRAGEMETA_1Jan2024.csv", "All_Images_21Nov2025.csv")),
        (DIAGNOSES, ("DXSUM_PDXCONV_ADNIALL.csv", "DXSUM_PDXCONV.csv", "DXSUM_21Nov2025.csv")),
        (QUALITY, ("MRIQUALITY.csv", "MRIPROT.csv", "MRIQC_1Jan2024.csv", "MRIQC_2Jan2024.csv")),
    ],
)
def test_the_older_and_barer_name_comes_first(tmp_path, name, files):
    touch(tmp_path, *reversed(files))
    sources = find_sources(tmp_path, name)
    assert sources[0].path.name == files[0]
    assert [source.legacy for source in sources] == [True] + [False] * (len(sources) - 1)


@pytest.mark.parametrize(
    "name, files",
    [
        (MERGE, ("ADNIMERGE.csv", "old/ADNIMERGE_01Jan2024.csv")),
        (MERGE, ("A_ADNIMERGE.csv", "B_ADNIMERGE.csv")),
        (META, ("MPRAGEMETA.csv", "A_All_Images.csv", "B_All_Images.csv")),
        (DIAGNOSES, ("DXSUM_20Nov2025.csv", "DXSUM_21Nov2025.csv")),
    ],
)
def test_what_is_ambiguous_is_refused_with_every_candidate(tmp_path, name, files):
    touch(tmp_path, *files)
    with pytest.raises(UserError) as error:
        find_sources(tmp_path, name)
    assert all(file in error.value.found for file in files[-2:])


def test_a_missing_table_is_told_by_its_old_and_todays_name(tmp_path):
    with pytest.raises(UserError) as error:
        find_sources(tmp_path, META)
    assert "MPRAGEMETA.csv" in error.value.expected
    assert "All_Images" in error.value.expected
