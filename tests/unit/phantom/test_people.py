"""The phantom's subjects: balance, determinism, calibration of the atrophy, disease over time."""

from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from sklearn.linear_model import LinearRegression
from sklearn.metrics import roc_auc_score

from ldae.config.load import load_config
from ldae.errors import UserError
from ldae.phantom.anatomy import Anatomy, true_volumes_ml
from ldae.phantom.people import GREY_LOSS, VENTRICLE_MM, draw_cohort, draw_subject, months_of

ROOT = Path(__file__).resolve().parents[3]
CONFIG = load_config(ROOT / "config.yaml").phantom
# Ventricle volume over the wall's shift (mm) without shape, and its spread (log) over random shapes, as rendered.
WALL_MM = np.arange(-3, 11)
VENTRICLE_ML = np.array(
    [7.12, 9.53, 12.24, 15.27, 20.58, 25.74, 30.95, 36.31, 42.77, 50.25, 57.89, 65.43, 73.01, 81.21]
)
SHAPE_SD = 0.076


def config(**changes):
    return CONFIG.model_copy(update=changes)


def baselines(**changes):
    """Diagnosis, age and ventricle volume (millilitres) of every baseline visit."""
    subjects = draw_cohort(config(**changes), 0)
    rng = np.random.default_rng(0)
    walls = np.array([subject.visits[0].anatomy.ventricle_mm for subject in subjects])
    volumes = np.interp(walls, WALL_MM, VENTRICLE_ML) * np.exp(SHAPE_SD * rng.standard_normal(len(walls)))
    return np.array([s.diagnosis for s in subjects]), np.array([s.age for s in subjects]), volumes


def ad_cn_auc(diagnosis, volumes):
    known = diagnosis != "MCI"
    return roc_auc_score(diagnosis[known] == "AD", volumes[known])


@pytest.mark.parametrize("subjects", [6, 96])
def test_groups_sexes_and_phases_are_balanced(subjects):
    cohort = draw_cohort(config(subjects=subjects), 0)
    assert set(Counter(s.diagnosis for s in cohort).values()) == {subjects // 3}
    assert set(Counter(s.phase.name for s in cohort).values()) == {subjects // 3}
    for diagnosis in ("CN", "MCI", "AD"):
        assert Counter(s.sex for s in cohort if s.diagnosis == diagnosis)["Male"] == subjects // 6


def test_a_larger_cohort_keeps_the_earlier_subjects():
    assert draw_cohort(config(subjects=12), 0) == draw_cohort(config(subjects=30), 0)[:12]


def test_seeds_differ():
    ages = [[s.age for s in draw_cohort(config(subjects=12), seed)] for seed in range(3)]
    assert ages[0] != ages[1] != ages[2]


def test_identifiers_are_unique_and_formed_like_adnis():
    cohort = draw_cohort(config(subjects=1800), 0)
    assert len({s.rid for s in cohort}) == len({s.ptid for s in cohort}) == 1800
    assert all(len(s.ptid) == 10 and s.rid == int(s.ptid[-4:]) for s in cohort)
    images = [s.image_id(v) for s in cohort for v in s.visits]
    assert len(set(images)) == len(images)


def test_ages_rise_with_the_diagnosis_within_limits():
    diagnosis, ages, _ = baselines(subjects=600)
    means = [ages[diagnosis == name].mean() for name in ("CN", "MCI", "AD")]
    assert 67 < means[0] < means[1] - 1.5 < means[2] - 3 < 76
    assert 55 <= ages.min() < 58 and 88 < ages.max() <= 90


@pytest.mark.parametrize("seed", range(4))
def test_ventricles_separate_ad_from_cn_and_tell_age(seed):
    diagnosis, ages, volumes = baselines(subjects=900, seed=seed)
    assert 0.93 < ad_cn_auc(diagnosis, volumes) < 0.97
    fit = LinearRegression().fit(volumes[:, None], ages)
    assert np.sqrt(np.mean((fit.predict(volumes[:, None]) - ages) ** 2)) < 0.75 * ages.std()


def test_the_default_cohort_is_typical_and_its_range_wide():
    diagnosis, _, volumes = baselines()
    assert 0.93 < ad_cn_auc(diagnosis, volumes) < 0.97
    assert volumes.min() < 14 and volumes.max() > 65
    medians = [np.median(volumes[diagnosis == name]) for name in ("CN", "MCI", "AD")]
    assert medians == sorted(medians)


def test_without_effect_ventricles_say_nothing():
    diagnosis, ages, volumes = baselines(subjects=1500, atrophy_effect=0.0)
    assert abs(ad_cn_auc(diagnosis, volumes) - 0.5) < 0.04
    assert abs(np.corrcoef(ages, volumes)[0, 1]) < 0.07


def test_a_larger_effect_separates_better():
    aucs = [ad_cn_auc(*baselines(subjects=600, atrophy_effect=effect)[::2]) for effect in (0.3, 0.6, 1.0)]
    assert aucs == sorted(aucs) and aucs[0] < 0.85


def test_atrophy_grows_at_each_visit_and_faster_in_ad():
    cohort = draw_cohort(config(subjects=300, visits_per_subject=[0, 0, 0, 1]), 0)
    rates = {"CN": [], "AD": []}
    for subject in cohort:
        walls = np.array([visit.anatomy.ventricle_mm for visit in subject.visits])
        free = walls < VENTRICLE_MM.limits[1]
        assert (np.diff(walls)[free[1:]] > 0).all()
        assert {visit.anatomy.shape for visit in subject.visits} == {subject.visits[0].anatomy.shape}
        if subject.diagnosis in rates and free.all():
            rates[subject.diagnosis].append((walls[-1] - walls[0]) / (subject.visits[-1].age - subject.age))
    assert np.mean(rates["AD"]) > 1.5 * np.mean(rates["CN"])


def test_some_subjects_convert_and_none_recovers():
    cohort = draw_cohort(config(subjects=300, visits_per_subject=[0, 0, 0, 1]), 0)
    order = ("CN", "MCI", "AD")
    courses = [[order.index(visit.diagnosis) for visit in subject.visits] for subject in cohort]
    assert all(
        course == sorted(course) and order[course[0]] == s.diagnosis for course, s in zip(courses, cohort, strict=True)
    )
    converters = sum(course[0] == 1 and course[-1] == 2 for course in courses)
    assert 5 < converters < 50


def test_visits_follow_the_shares_and_the_phase():
    cohort = draw_cohort(config(subjects=900), 0)
    counts = Counter(len(s.visits) for s in cohort if s.phase.name != "ADNI3")
    shares = [counts[n] / sum(counts.values()) for n in range(1, 5)]
    assert np.allclose(shares, CONFIG.visits_per_subject, atol=0.03)
    assert {months_of(v.code) % 12 for s in cohort if s.phase.name == "ADNI3" for v in s.visits} == {0}
    assert all(abs(v.age - s.age - months_of(v.code) / 12) < 0.05 for s in cohort for v in s.visits)


@pytest.mark.parametrize("fraction", [0.0, 0.2, 1.0])
def test_missing_scans_follow_their_share(fraction):
    visits = [v for s in draw_cohort(config(subjects=900, missing_scan_fraction=fraction), 0) for v in s.visits]
    assert np.mean([not v.scanned for v in visits]) == pytest.approx(fraction, abs=0.03)


def test_the_calibration_describes_the_rendered_anatomy():
    flat = (0.0,) * len(draw_subject(CONFIG, 0, 0).visits[0].anatomy.shape)
    rendered = [true_volumes_ml(Anatomy(flat, float(wall), 0.0))[0] for wall in WALL_MM[::3]]
    assert np.allclose(rendered, VENTRICLE_ML[::3], rtol=0.05)
    intact, worn = (true_volumes_ml(Anatomy(flat, 3.0, loss))[1] for loss in GREY_LOSS.limits)
    assert worn < 0.6 * intact


@pytest.mark.parametrize(
    "changes, word",
    [
        ({"visit_codes": ["m06", "m12", "m18", "m24"]}, "visit_codes"),
        ({"visit_codes": ["bl", "m12", "m06", "m24"]}, "visit_codes"),
        ({"visit_codes": ["bl", "m6", "m12", "m24"]}, "visit_codes"),
        ({"visits_per_subject": [0.5, 0.2]}, "add up"),
        ({"voxel_size_mm": [3.0, 2.0]}, "voxel_size_mm"),
        ({"subjects": 3}, "subjects"),
    ],
)
def test_impossible_settings_are_refused(changes, word, tmp_path):
    path = tmp_path / "wrong.yaml"
    path.write_text(f"phantom: {changes}".replace("'", ""))
    with pytest.raises(UserError, match=word):
        load_config(ROOT / "config.yaml", path)
