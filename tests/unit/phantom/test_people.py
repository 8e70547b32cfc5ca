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
from ldae.phantom.people import GREY_LOSS, SITES, VENTRICLE_MM, draw_cohort, draw_subject, months_of

ROOT = Path(__file__).resolve().parents[3]
SEED = 7
CONFIG = load_config(ROOT / "config.yaml").phantom
# Ventricle volume over the wall's shift (mm) without shape, and its spread (log) over random shapes, as rendered.
WALL_MM = np.arange(-3, 11)
VENTRICLE_ML = np.array(
    [7.12, 9.53, 12.24, 15.27, 20.58, 25.74, 30.95, 36.31, 42.77, 50.25, 57.89, 65.43, 73.01, 81.21]
)
SHAPE_SD = 0.076


def config(**changes):
    return CONFIG.model_copy(update=changes)


def baselines(seed=SEED, **changes):
    """Diagnosis, age and ventricle volume (millilitres) of every baseline visit."""
    subjects = draw_cohort(config(**changes), seed)
    rng = np.random.default_rng(seed)
    walls = np.array([subject.visits[0].anatomy.ventricle_mm for subject in subjects])
    volumes = np.interp(walls, WALL_MM, VENTRICLE_ML) * np.exp(SHAPE_SD * rng.standard_normal(len(walls)))
    return np.array([s.diagnosis for s in subjects]), np.array([s.age for s in subjects]), volumes


def ad_cn_auc(diagnosis, volumes):
    known = diagnosis != "MCI"
    return roc_auc_score(diagnosis[known] == "AD", volumes[known])


@pytest.mark.parametrize("subjects", [6, 96])
def test_groups_sexes_and_phases_are_balanced(subjects):
    cohort = draw_cohort(config(subjects=subjects), SEED)
    assert set(Counter(s.diagnosis for s in cohort).values()) == {subjects // 3}
    assert set(Counter(s.phase.name for s in cohort).values()) == {subjects // 3}
    for diagnosis in ("CN", "MCI", "AD"):
        assert Counter(s.sex for s in cohort if s.diagnosis == diagnosis)["Male"] == subjects // 6


def test_a_larger_cohort_keeps_the_earlier_subjects():
    assert draw_cohort(config(subjects=12), SEED) == draw_cohort(config(subjects=30), SEED)[:12]


def test_the_seed_draws_everything_of_a_person_but_their_place_in_the_design():
    drawn = {
        "age": lambda s: s.age,
        "severity": lambda s: s.visits[0].severity,
        "walls": lambda s: s.visits[0].anatomy.ventricle_mm,
        "grey loss": lambda s: s.visits[0].anatomy.grey_loss,
        "shape": lambda s: s.visits[0].anatomy.shape,
        "size": lambda s: s.visits[0].anatomy.size,
        "first day": lambda s: s.visits[0].day,
        "site": lambda s: s.site,
        "education": lambda s: s.education_years,
        "alleles": lambda s: s.apoe,
        "visits": lambda s: len(s.visits),
    }
    one, other, again = (draw_cohort(config(subjects=30), seed) for seed in (SEED, SEED + 1, SEED))
    assert one == again
    for name, trait in drawn.items():
        assert list(map(trait, one)) != list(map(trait, other)), name
    for mine, theirs in zip(one, other, strict=True):
        assert (mine.rid, mine.phase, mine.diagnosis, mine.sex) == (
            theirs.rid,
            theirs.phase,
            theirs.diagnosis,
            theirs.sex,
        )


def test_people_differ_in_what_is_no_part_of_the_design():
    cohort = draw_cohort(config(subjects=600), SEED)
    assert {s.site for s in cohort} == set(SITES)
    recruited = [(s.visits[0].day - s.phase.first_day).days for s in cohort]
    assert min(recruited) >= 0
    assert np.std(recruited) == pytest.approx(700 / 12**0.5, rel=0.1), "evenly over 700 days"
    assert np.std([s.visits[0].anatomy.size for s in cohort]) > 0.01
    assert 15 < np.mean([s.education_years for s in cohort]) < 17 < max(s.education_years for s in cohort)


def test_e4_is_commoner_the_worse_the_diagnosis():
    alleles = {"CN": [], "MCI": [], "AD": []}
    for subject in draw_cohort(config(subjects=900), SEED):
        alleles[subject.diagnosis] += subject.apoe
        assert subject.apoe == tuple(sorted(subject.apoe))
    shares = [np.mean(np.array(found) == 4) for found in alleles.values()]
    assert np.allclose(shares, [0.14, 0.28, 0.42], atol=0.06)


@pytest.mark.parametrize("strength", [0.0, 0.5, 1.0])
def test_age_and_severity_work_on_walls_and_grey_matter_as_strong_as_asked(strength):
    """Their slopes are those of the effects; age, severity and the two deviations are independent of each other."""
    cohort = draw_cohort(config(subjects=900, atrophy_effect=strength, visits_per_subject=[0, 0, 0, 1]), SEED)
    visits = [(s.visits[-1], s.diagnosis) for s in cohort]
    causes = np.array([(v.age, v.severity, 1) for v, _ in visits])
    anatomy = np.array([(v.anatomy.ventricle_mm, v.anatomy.grey_loss) for v, _ in visits])
    free = [VENTRICLE_MM.limits[0] < wall < VENTRICLE_MM.limits[1] and grey > 0 for wall, grey in anatomy]
    slopes = np.linalg.lstsq(causes[free], anatomy[free], rcond=None)[0]
    effects = [[e.per_year, e.per_severity] for e in (VENTRICLE_MM, GREY_LOSS)]
    assert np.allclose(slopes[:2].T / effects, strength, atol=0.12)
    own = anatomy[free] - causes[free] @ slopes
    assert abs(np.corrcoef(own.T)[0, 1]) < 0.1
    for diagnosis in ("CN", "MCI", "AD"):
        first = [(s.age, s.visits[0].severity) for s in cohort if s.diagnosis == diagnosis]
        assert abs(np.corrcoef(np.array(first).T)[0, 1]) < 0.1


def test_identifiers_are_unique_and_formed_like_adnis():
    cohort = draw_cohort(config(subjects=1800), SEED)
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
    cohort = draw_cohort(config(subjects=300, visits_per_subject=[0, 0, 0, 1]), SEED)
    rates = {"CN": [], "AD": []}
    for subject in cohort:
        walls = np.array([visit.anatomy.ventricle_mm for visit in subject.visits])
        free = walls < VENTRICLE_MM.limits[1]
        assert (np.diff(walls)[free[1:]] > 0).all()
        causes = np.diff([(visit.age, visit.severity) for visit in subject.visits], axis=0)
        for effect, values in ((VENTRICLE_MM, walls), (GREY_LOSS, [v.anatomy.grey_loss for v in subject.visits])):
            inside = (effect.limits[0] < np.array(values)) & (np.array(values) < effect.limits[1])
            grown = causes @ (effect.per_year, effect.per_severity)
            assert np.allclose(np.diff(values), grown) or not inside.all(), "by what the years and the disease add"
        assert {visit.anatomy.shape for visit in subject.visits} == {subject.visits[0].anatomy.shape}
        if subject.diagnosis in rates and free.all():
            rates[subject.diagnosis].append((walls[-1] - walls[0]) / (subject.visits[-1].age - subject.age))
    assert np.mean(rates["AD"]) > 1.5 * np.mean(rates["CN"])


def test_some_subjects_convert_and_none_recovers():
    cohort = draw_cohort(config(subjects=300, visits_per_subject=[0, 0, 0, 1]), SEED)
    order = ("CN", "MCI", "AD")
    courses = [[order.index(visit.diagnosis) for visit in subject.visits] for subject in cohort]
    assert all(
        course == sorted(course) and order[course[0]] == s.diagnosis for course, s in zip(courses, cohort, strict=True)
    )
    converters = sum(course[0] == 1 and course[-1] == 2 for course in courses)
    assert 5 < converters < 50


def test_visits_follow_the_shares_and_the_phase():
    cohort = draw_cohort(config(subjects=900), SEED)
    counts = Counter(len(s.visits) for s in cohort if s.phase.name != "ADNI3")
    shares = [counts[n] / sum(counts.values()) for n in range(1, 5)]
    assert np.allclose(shares, CONFIG.visits_per_subject, atol=0.03)
    assert {months_of(v.code) % 12 for s in cohort if s.phase.name == "ADNI3" for v in s.visits} == {0}
    assert all(abs(v.age - s.age - months_of(v.code) / 12) < 0.05 for s in cohort for v in s.visits)


@pytest.mark.parametrize("fraction", [0.0, 0.2, 1.0])
def test_missing_scans_follow_their_share(fraction):
    visits = [v for s in draw_cohort(config(subjects=900, missing_scan_fraction=fraction), SEED) for v in s.visits]
    assert np.mean([not v.scanned for v in visits]) == pytest.approx(fraction, abs=0.03)


def test_the_calibration_describes_the_rendered_anatomy():
    flat = (0.0,) * len(draw_subject(CONFIG, SEED, 0).visits[0].anatomy.shape)
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
