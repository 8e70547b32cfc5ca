"""The choice is told as Clinica makes it: held against Clinica's own functions on random visits, and case by case."""

import io

import numpy as np
import pandas as pd
import pytest

from ldae.cohort.adni.names import MAYO, MERGE, META, QUALITY
from ldae.cohort.adni.selection import ALIAS, explain, narrow, phase_of, selection_tables, show
from ldae.cohort.clinica import write_clinical
from tests.adni_download import visit_row

PTID = "011_S_0021"
SEQUENCES = {
    "original": ["MP-RAGE", "MP-RAGE REPEAT", "MPRAGE SENSE2", "IR-SPGR", "Accelerated SAG IR-SPGR", "Accel MPRAGE_ND"],
    "processed": ["MPR; GradWarp; N3; Scaled", "MPR-R; ; N3; Scaled", "MPR; ; N3; Scaled_2", "MT1; N3m", "MPR; ; N3"],
}


def image(name, sequence="MP-RAGE", **values):
    row = {"image_id": str(name), "ptid": PTID, "series_id": str(name), "visit": "ADNI Screening"}
    row |= {"sequence": sequence, "source": "original", "field_strength_t": "1.5", "scan_date": "2010-03-02"}
    return row | {"session": "M000"} | values


def facts_of(phase="ADNI1", quality=(), mayo=(), visits=None):
    visits = visits or [visit_row(PTID, COLPROT=phase, ORIGPROT=phase)]
    columns = ["RID", "loni_image", "series_type", "series_selected", "series_quality"]
    tables = {
        MERGE: pd.DataFrame(visits),
        QUALITY: pd.DataFrame(
            [("21", f"S{series}", mark) for series, mark in quality], columns=["RID", "LONIUID", "PASS"]
        ),
        MAYO: pd.DataFrame(
            [("21", f"I{name}", "T1", chosen, rating) for name, chosen, rating in mayo], columns=columns
        ),
    }
    return selection_tables(tables)


def told(images, facts, winner, viscode="bl"):
    shown, hidden = show(images, facts)
    choices, reasons = explain(shown, {str(winner): viscode} if winner else {}, facts)
    return choices, {name: reason for name, (reason, _) in (hidden | reasons).items()}


def random_visit(rng):
    """Series of one visit with marks of both quality controls, some missing, some contradictory."""
    images, quality, mayo = [], {}, []
    for name in rng.permutation(100)[: rng.integers(1, 6)]:
        source = str(rng.choice(["original", "processed"], p=[0.7, 0.3]))
        values = {"source": source, "field_strength_t": str(rng.choice(["1.5", "3.0"]))}
        values |= {"scan_date": f"2010-03-0{rng.integers(1, 4)}", "series_id": str(rng.integers(1, 9))}
        images.append(image(name, str(rng.choice(SEQUENCES[source])), **values))
        if rng.random() < 0.3:
            quality[values["series_id"]] = str(rng.choice(["1", "0", ""]))
        if rng.random() < 0.5:
            mayo.append((name, str(rng.choice(["0", "1", ""])), str(rng.choice(["-1", "1", "2", "3", "4", "", "0"]))))
    return images, list(quality.items()), mayo


@pytest.mark.parametrize("phase", ["ADNI1", "ADNIGO", "ADNI2", "ADNI3"])
def test_the_steps_end_where_clinica_ends(phase, tmp_path):
    clinica = pytest.importorskip("clinica.converters.adni_to_bids.modality_converters._t1")
    seen = 0
    for seed in range(120):
        images, quality, mayo = random_visit(np.random.default_rng(seed))
        facts = facts_of(phase, quality, mayo)
        shown, _ = show(images, facts)
        if not shown:
            continue
        folder = tmp_path / str(seed)
        write_clinical(facts, shown, folder)
        read = {name: pd.read_csv(folder / f"{name}.csv") for name in (META, QUALITY, MAYO)}
        meta = read[META].sort_values("ScanDate", kind="stable")
        common = {"subject_id": PTID, "timepoint": "bl", "visit_str": "ADNI Screening", "mprage_meta_subj": meta}
        common["mayo_mri_qc_subj"] = read[MAYO]
        if phase == "ADNI3":
            taken = clinica._select_preferred_scan_for_subject_in_adni3(**common)
        else:
            taken = clinica._select_preferred_scan_for_subject_in_adni1go2(
                **common, mri_quality_subj=read[QUALITY], preferred_field_strength=1.5 if phase == "ADNI1" else 3.0
            )
        *_, last = narrow(shown, phase, facts)
        assert [row["image_id"] for row in last.kept] == ([taken["Image_ID"]] if taken else []), seed
        seen += taken is not None
    assert seen > 15


@pytest.mark.parametrize("seed", range(30))
def test_every_shown_image_is_chosen_or_explained(seed):
    images, quality, mayo = random_visit(np.random.default_rng(seed))
    facts = facts_of("ADNI2", quality, mayo)
    shown, hidden = show(images, facts)
    *_, last = narrow(shown, "ADNI2", facts)
    viscodes = {row["image_id"]: "bl" for row in last.kept}
    choices, reasons = explain(shown, viscodes, facts)
    assert set(choices) == set(viscodes)
    assert set(choices) | set(reasons) | set(hidden) == {row["image_id"] for row in images}
    assert not set(choices) & set(reasons)
    assert all(reason and cure for reason, cure in (reasons | hidden).values())


def test_the_only_series_of_a_visit():
    assert told([image(1)], facts_of(), 1) == ({"1": "the only usable series of the visit"}, {})


def test_a_repeat_gives_way_to_the_first_scan():
    choices, reasons = told([image(2, "MP-RAGE REPEAT"), image(1)], facts_of(), 1)
    assert choices["1"] == "a first scan preferred to its repeat"
    assert reasons["2"] == "Clinica took image 1 of the same visit: a first scan preferred to its repeat"


def test_two_equal_scans_of_a_visit():
    choices, reasons = told([image(2), image(1)], facts_of(), 1)
    assert choices["1"] == "the first of 2 equal series"
    assert "image 1" in reasons["2"]


@pytest.mark.parametrize("phase, winner, preferred", [("ADNI1", 1, "1.5 T"), ("ADNI2", 2, "3 T")])
def test_two_field_strengths_of_a_visit(phase, winner, preferred):
    images = [image(1), image(2, field_strength_t="3.0")]
    choices, reasons = told(images, facts_of(phase), winner)
    assert choices[str(winner)] == f"{preferred} preferred in {phase}"
    assert f"{preferred} preferred" in reasons[str(3 - winner)]


def test_a_processed_series_is_preferred_to_its_original():
    images = [image(1), image(2, "MPR; ; N3; Scaled", source="processed"), image(3, "MT1; N3m", source="processed")]
    choices, reasons = told(images, facts_of(), 2)
    assert choices["2"] == "processed series '…Scaled' preferred to the original 1"
    assert set(reasons) == {"1", "3"}


def test_a_series_that_quality_control_did_not_pass():
    choices, reasons = told([image(1), image(2)], facts_of(quality=[("1", "0")]), 2)
    assert choices["2"] == "the others did not pass MRIQUALITY"
    assert "not passed by MRIQUALITY" in reasons["1"]


def test_the_selection_of_the_mayo_clinic():
    images = [image(name, field_strength_t="3.0") for name in (1, 2)]
    choices, reasons = told(images, facts_of("ADNI2", mayo=[("1", "0", "1"), ("2", "1", "3")]), 2)
    assert choices["2"] == "selected by the Mayo Clinic's quality control"
    assert "Mayo" in reasons["1"]


def test_the_best_rating_of_the_mayo_clinic():
    images = [image(name, field_strength_t="3.0") for name in (1, 2, 3)]
    rated = facts_of("ADNI2", mayo=[("1", "0", "3"), ("2", "0", "2"), ("3", "0", "-1")])
    choices, reasons = told(images, rated, 2)
    assert choices["2"] == "best in the Mayo Clinic's quality control (2)"
    assert set(reasons) == {"1", "3"}


def test_the_phase_is_that_of_the_nearest_visit():
    visits = [visit_row(PTID), visit_row(PTID, "m60", "2015-03-01", COLPROT="ADNI2")]
    facts = facts_of(visits=visits)
    assert phase_of(image(1, scan_date="2012-08-01"), facts) == "ADNI1"
    assert phase_of(image(1, scan_date="2012-10-01"), facts) == "ADNI2"


def test_accelerated_series_of_the_earlier_phases_and_others_of_adni3():
    _, reasons = told([image(1, "MPRAGE SENSE2")], facts_of("ADNI2"), None)
    assert "unaccelerated" in reasons["1"]
    assert "ADNI2" in reasons["1"]
    _, reasons = told([image(1)], facts_of("ADNI3"), None)
    assert "only accelerated series in ADNI3" in reasons["1"]


@pytest.mark.parametrize(
    "sequence", ["MPR; ; N3; Scaled_2", "MPR; ; N3", "MPR; GradWarp; B1 Correction", "MPR; GradWarp"]
)
def test_processed_series_that_clinica_takes_by_no_name_are_renamed_for_it(sequence):
    images = [image(1, sequence, source="processed")]
    shown, _ = show(images, facts_of())
    assert shown[0]["sequence"] == sequence + ALIAS
    choices, _ = told(images, facts_of(), 1)
    assert "shown to Clinica as" in choices["1"]
    with_original, _ = show([*images, image(2)], facts_of())
    assert {row["sequence"] for row in with_original} == {sequence, "MP-RAGE"}


def test_other_products_of_a_download_are_never_renamed():
    images = [image(1, "HarP 135 final release 2015", source="processed")]
    assert show(images, facts_of())[0][0]["sequence"] == images[0]["sequence"]


def test_a_scan_of_a_phase_that_clinica_does_not_know_is_not_shown():
    visits = [visit_row(PTID), visit_row(PTID, "m160", "2023-07-01", COLPROT="ADNI4")]
    shown, hidden = show([image(1, scan_date="2023-07-05"), image(2)], facts_of(visits=visits))
    assert [row["image_id"] for row in shown] == ["2"]
    assert "a scan of ADNI4" in hidden["1"][0]
    assert hidden["1"][1]


def test_a_scan_under_the_name_of_a_visit_far_away_is_shown_under_that_of_the_nearest():
    facts = facts_of(visits=[visit_row(PTID), visit_row(PTID, "m36", "2013-03-01")])
    images = [image(1, scan_date="2013-03-05"), image(2), image(3, scan_date="2013-04-01", visit="ADNI1/GO Month 30")]
    shown, _ = show(images, facts)
    names = {row["image_id"]: row["visit"] for row in shown}
    assert names == {"1": "ADNI1/GO Month 36", "2": "ADNI Screening", "3": "ADNI1/GO Month 30"}


@pytest.mark.parametrize("chosen, rating, seen", [("0", "4", False), ("0", "3", True), ("1", "4", True)])
def test_what_the_mayo_clinic_rejected_is_not_shown_unless_it_chose_it(chosen, rating, seen):
    shown, hidden = show([image(1)], facts_of("ADNI2", mayo=[("1", chosen, rating)]))
    assert len(shown) == seen
    assert ("rejected" in hidden.get("1", ("",))[0]) != seen


@pytest.mark.parametrize("mark", ["", "-4", "n/a"])
def test_a_series_without_a_quality_mark_is_not_rejected(mark):
    facts = facts_of(quality=[("1", mark)])
    *_, last = narrow([image(1, field_strength_t=1.5)], "ADNI1", facts)
    assert [row["image_id"] for row in last.kept] == ["1"]


def test_of_two_quality_marks_of_a_series_the_first_counts():
    choices, reasons = told([image(1), image(2)], facts_of(quality=[("1", "0"), ("1", "1")]), 2)
    assert set(choices) == {"2"}
    assert "not passed by MRIQUALITY" in reasons["1"]


def test_two_scans_nearest_one_visit():
    images = [image(1, visit="ADNI2 Year 1 Visit"), image(2, visit="ADNI2 Year 2 Visit", scan_date="2010-05-02")]
    choices, reasons = told(images, facts_of("ADNI2"), 1)
    assert set(choices) == {"1"}
    assert reasons["2"] == "a second scan nearest M000, for which Clinica took image 1 ('ADNI2 Year 1 Visit')"


def test_a_visit_that_clinica_leaves_out_by_name():
    _, reasons = told([image(1, visit="ADNI Baseline")], facts_of(), None)
    assert "leaves out visits named 'ADNI Baseline'" in reasons["1"]


def test_a_choice_that_no_step_explains_is_said_to_be_clinicas_own():
    choices, reasons = told([image(1), image(2, "MP-RAGE REPEAT")], facts_of(), 2)
    assert "no known reason" in choices["2"]
    assert "1" in reasons


def test_only_what_decides_the_choice_is_kept_of_the_tables():
    one = selection_tables({MERGE: pd.DataFrame([visit_row(PTID)]), **_empty()})
    other = visit_row(PTID, DX="Dementia", AGE="81", PTGENDER="Male", PTEDUCAT="9", APOE4="2", DX_bl="AD", SITE="5")
    other["EXAMDATE_bl"] = "2009-01-01"
    assert all(one[name].equals(selection_tables({MERGE: pd.DataFrame([other]), **_empty()})[name]) for name in one)
    for field in ("VISCODE", "EXAMDATE", "ORIGPROT", "COLPROT"):
        changed = selection_tables({MERGE: pd.DataFrame([visit_row(PTID) | {field: "x"}]), **_empty()})
        assert not changed[MERGE].equals(one[MERGE]), field


def _empty():
    mayo = "RID,loni_image,series_type,series_selected,series_quality\n"
    read = {QUALITY: "RID,LONIUID,PASS\n", MAYO: mayo}
    return {name: pd.read_csv(io.StringIO(text), dtype=str) for name, text in read.items()}
