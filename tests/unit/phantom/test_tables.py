"""The phantom's clinical tables: what the converter needs, and nothing of the truth."""

from datetime import date
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from ldae.config.load import load_config
from ldae.phantom.people import draw_cohort
from ldae.phantom.tables import build_tables

ROOT = Path(__file__).resolve().parents[3]
SEED = 7
CONFIG = load_config(ROOT / "config.yaml").phantom.model_copy(
    update={"subjects": 60, "visits_per_subject": [0.25] * 4, "missing_scan_fraction": 0.1}
)
NEEDED = {
    "ADNIMERGE": """RID COLPROT ORIGPROT PTID SITE VISCODE EXAMDATE EXAMDATE_bl DX_bl DX AGE PTGENDER PTEDUCAT PTETHCAT
        PTMARRY APOE4 PIB AV45 ABETA PTAU ADAS11_bl ADAS13_bl ADASQ4_bl MMSE_bl RAVLT_immediate_bl TRABSCOR_bl
        mPACCdigit_bl mPACCtrailsB_bl MOCA_bl""",
    "MPRAGEMETA": "SubjectID Orig/Proc Visit MagStrength Sequence ScanDate StudyID SeriesID ImageUID",
    "MRIQUALITY": "RID LONIUID PASS",
    "MAYOADIRL_MRI_IMAGEQC_05_07_15": "RID loni_image series_type series_selected series_quality",
    "APOERES": "APGEN1 APGEN2",
    "DXSUM_PDXCONV_ADNIALL": "PTID VISCODE2 DIAGNOSIS",
}
FORMATS = {
    "PTID": r"\d{3}_S_\d{4}",
    "VISCODE": r"bl|m\d\d",
    "EXAMDATE": r"\d{4}-\d\d-\d\d",
    "DX": "CN|MCI|Dementia",
    "DX_bl": "CN|SMC|EMCI|LMCI|AD",
    "PTGENDER": "Male|Female",
    "ORIGPROT": "ADNI1|ADNI2|ADNI3",
    "AGE": r"\d\d\.\d",
}


@pytest.fixture(scope="module")
def cohort():
    return draw_cohort(CONFIG, SEED)


@pytest.fixture(scope="module")
def tables(cohort):
    return build_tables(cohort, SEED)


@pytest.mark.parametrize("name", NEEDED)
def test_the_columns_the_converter_reads_are_there(tables, name):
    assert set(NEEDED) == set(tables)
    assert set(NEEDED[name].split()) <= set(tables[name].columns)
    assert len(tables[name])


@pytest.mark.parametrize("column", FORMATS)
def test_formats(tables, column):
    assert tables["ADNIMERGE"][column].astype(str).str.fullmatch(FORMATS[column]).all()


def test_every_visit_has_a_row_and_every_scan_its_metadata(cohort, tables):
    visits = [(s.ptid, v.code) for s in cohort for v in s.visits]
    scans = sorted(s.image_id(v) for s in cohort for v in s.visits if v.scanned)
    merge, meta = tables["ADNIMERGE"], tables["MPRAGEMETA"]
    assert list(zip(merge.PTID, merge.VISCODE, strict=True)) == visits
    assert sorted(meta.ImageUID[meta["Orig/Proc"] == "Original"]) == scans
    assert len(scans) < len(visits)
    assert meta.ImageUID.is_unique


def test_rows_tell_of_their_subject_what_was_drawn(cohort, tables):
    merge, alleles = tables["ADNIMERGE"].groupby("PTID"), tables["APOERES"].set_index("PTID")
    stages = {"ADNI1": "LMCI", "ADNI2": "EMCI", "ADNI3": "EMCI"}
    for subject in cohort:
        rows = merge.get_group(subject.ptid)
        drawn = {"SITE": subject.site, "PTGENDER": subject.sex, "AGE": f"{subject.age:.1f}"}
        drawn |= {"PTEDUCAT": subject.education_years, "APOE4": subject.apoe.count(4)}
        drawn |= {"EXAMDATE_bl": subject.visits[0].day.isoformat(), "ORIGPROT": subject.phase.name}
        drawn |= {"DX_bl": stages[subject.phase.name] if subject.diagnosis == "MCI" else subject.diagnosis}
        assert all((rows[column] == value).all() for column, value in drawn.items()), subject.ptid
        assert rows.EXAMDATE.tolist() == [visit.day.isoformat() for visit in subject.visits]
        assert (alleles.APGEN1[subject.ptid], alleles.APGEN2[subject.ptid]) == subject.apoe
    assert merge.size().max() > 1


def test_scores_are_worse_with_severity_and_vary_with_the_seed_alone(cohort, tables):
    first = tables["ADNIMERGE"].drop_duplicates("PTID").reset_index(drop=True)
    severity = [subject.visits[0].severity for subject in cohort]
    scores = {"ADAS11_bl": 1, "ADAS13_bl": 1, "ADASQ4_bl": 1, "TRABSCOR_bl": 1}
    scores |= dict.fromkeys(("MMSE_bl", "RAVLT_immediate_bl", "mPACCdigit_bl", "mPACCtrailsB_bl", "MOCA_bl"), -1)
    for name, sign in scores.items():
        assert sign * np.corrcoef(severity, first[name])[0, 1] > 0.5, name
    again, other = (build_tables(cohort, seed)["ADNIMERGE"] for seed in (SEED, SEED + 1))
    assert again.equals(tables["ADNIMERGE"])
    assert all(not other[name].equals(again[name]) for name in scores)
    assert other.drop(columns=list(scores)).equals(again.drop(columns=list(scores)))


def test_processed_rows_stand_beside_adni1_originals_only(tables):
    meta = tables["MPRAGEMETA"]
    processed = meta[meta["Orig/Proc"] == "Processed"]
    adni1 = tables["ADNIMERGE"].query("ORIGPROT == 'ADNI1'").PTID
    originals = meta[(meta["Orig/Proc"] == "Original") & meta.SubjectID.isin(adni1)]
    assert sorted(processed.SeriesID) == sorted(originals.SeriesID)
    assert processed.Sequence.str.endswith("Scaled").all()
    assert not meta.Sequence[meta["Orig/Proc"] == "Original"].str.contains("2").any()


def test_field_strengths_and_quality_tables_follow_the_phase(tables):
    meta = tables["MPRAGEMETA"].set_index("SubjectID")
    phase = tables["ADNIMERGE"].groupby("PTID").ORIGPROT.first()
    assert set(zip(phase[meta.index], meta.MagStrength, strict=True)) == {
        ("ADNI1", 1.5),
        ("ADNI2", 3.0),
        ("ADNI3", 3.0),
    }
    assert set(tables["MRIQUALITY"].LONIUID) == {f"S{i}" for i in meta.SeriesID[meta.MagStrength == 1.5]}
    assert set(tables["MAYOADIRL_MRI_IMAGEQC_05_07_15"].loni_image) == {
        f"I{i}" for i in meta.ImageUID[meta.MagStrength == 3.0]
    }


@pytest.mark.parametrize(
    "phase, names",
    [
        ("ADNI1", {"ADNI Screening", "ADNI1/GO Month 6", "ADNI1/GO Month 12", "ADNI1/GO Month 24"}),
        (
            "ADNI2",
            {"ADNI2 Screening MRI-New Pt", "ADNI2 Month 6-New Pt", "ADNI2 Year 1 Visit", "ADNI2 Year 2 Visit"},
        ),
        ("ADNI3", {"ADNI Screening", "ADNI3 Year 1 Visit", "ADNI3 Year 2 Visit"}),
    ],
)
def test_visits_bear_the_names_of_their_phase(tables, phase, names):
    subjects = tables["ADNIMERGE"].query("ORIGPROT == @phase").PTID
    meta = tables["MPRAGEMETA"]
    assert set(meta.Visit[meta.SubjectID.isin(subjects)]) == names


def test_scans_lie_within_days_of_their_visit(tables):
    merge, meta = tables["ADNIMERGE"], tables["MPRAGEMETA"]
    for row in meta.itertuples():
        visits = merge.query("PTID == @row.SubjectID").EXAMDATE
        gaps = [abs((date.fromisoformat(row.ScanDate) - date.fromisoformat(day)).days) for day in visits]
        assert sorted(gaps)[0] <= 7 < min([*sorted(gaps)[1:], 99])


def test_diagnoses_agree_between_tables(tables):
    merge, summary = tables["ADNIMERGE"], tables["DXSUM_PDXCONV_ADNIALL"]
    assert list(merge.DX.map({"CN": 1, "MCI": 2, "Dementia": 3})) == list(summary.DIAGNOSIS)
    assert (merge.DX.replace("Dementia", "AD") != merge.DX_bl.replace(["EMCI", "LMCI"], "MCI")).any()


def test_no_column_tells_the_truth(cohort, tables):
    """Neither severity nor anatomy may be read off a clinical table."""
    hidden = {round(x, 6) for s in cohort for v in s.visits for x in (v.severity, v.anatomy.ventricle_mm)}
    for table in tables.values():
        numbers = table.apply(pd.to_numeric, errors="coerce").stack().round(6)
        assert not hidden & set(numbers[numbers % 1 != 0])
