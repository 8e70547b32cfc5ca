"""Who the phantom's subjects are: phase, visits, disease and ageing, and the atrophy these cause.

Severity is 0-1 in CN, 1-2 in MCI, above 2 in AD, and grows faster the higher it is; a visit's diagnosis is its integer
part, so that some subjects convert. Age and severity shift the ventricular wall and the grey matter linearly, beside a
subject's own normal variation. The effects were set so that, over many subjects, the true ventricle volume separates AD
from CN with a ROC-AUC of .95 and leaves .64 of the spread of age. Every subject depends on (seed, index) alone: a
larger cohort keeps the earlier ones.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import date, timedelta

import numpy as np
from scipy import stats

from ldae.config.cohort import PhantomConfig
from ldae.phantom.anatomy import Anatomy, draw_shape, draw_size

DIAGNOSES = ("CN", "MCI", "AD")
SITES = (2, 5, 7, 9, 13, 18, 21, 33, 41, 68)
BASELINE_AGE_YEARS = {"CN": 69.0, "MCI": 73.0, "AD": 76.0}
AGE_SD_YEARS = 8.5
AGE_LIMITS_YEARS = (55.0, 90.0)
CENTRAL_AGE_YEARS = 72.5
CENTRAL_SEVERITY = 1.5
SEVERITY_GROWTH = 0.1
SEVERITY_OFFSET = 0.3
E4_FREQUENCY = {"CN": 0.14, "MCI": 0.28, "AD": 0.42}


@dataclass(frozen=True)
class Effect:
    """A linear effect on one anatomical parameter, in that parameter's unit; `limits` keep the deformation sound."""

    center: float
    per_year: float
    per_severity: float
    sd: float
    limits: tuple[float, float]

    def value(self, strength: float, age: float, severity: float, deviation: float) -> float:
        """The parameter at an age (years) and severity; `deviation` is the subject's own, standard normal."""
        effect = self.per_year * (age - CENTRAL_AGE_YEARS) + self.per_severity * (severity - CENTRAL_SEVERITY)
        return float(np.clip(self.center + strength * effect + self.sd * deviation, *self.limits))


VENTRICLE_MM = Effect(center=3.4, per_year=0.18, per_severity=1.35, sd=0.65, limits=(-2.5, 9.5))
GREY_LOSS = Effect(center=0.26, per_year=0.006, per_severity=0.09, sd=0.05, limits=(0.0, 0.65))


@dataclass(frozen=True)
class Phase:
    """How one phase of ADNI recruits, scans and names."""

    name: str
    first_rid: int
    first_day: date
    sequence: str
    field_strength_t: float
    months_apart: int
    processed: bool

    def visit_name(self, code: str) -> str:
        """The visit as the MRI tables call it, for an ADNIMERGE code such as ``bl`` or ``m12``."""
        months = months_of(code)
        if self.name == "ADNI1":
            return f"ADNI{'1/' if months < 54 else ''}GO Month {months}" if months else "ADNI Screening"
        if self.name == "ADNI2" and months in (0, 6):
            return "ADNI2 Month 6-New Pt" if months else "ADNI2 Screening MRI-New Pt"
        return f"{self.name} Year {months / 12:g} Visit" if months else "ADNI Screening"


PHASES = (
    Phase("ADNI1", 100, date(2005, 9, 1), "MP-RAGE", 1.5, 6, True),
    Phase("ADNI3", 6000, date(2017, 2, 1), "Accelerated Sagittal MPRAGE", 3.0, 12, False),
    Phase("ADNI2", 4000, date(2011, 4, 1), "MPRAGE", 3.0, 6, False),
)


@dataclass(frozen=True)
class Visit:
    """One visit. `age` in years; `order` counts the subject's visits from 0; `scanned`: whether there is an image."""

    order: int
    code: str
    day: date
    age: float
    severity: float
    diagnosis: str
    anatomy: Anatomy
    scanned: bool


@dataclass(frozen=True)
class Subject:
    """One participant; `index` is the position in the cohort, `age` in years at baseline."""

    index: int
    phase: Phase
    site: int
    diagnosis: str
    sex: str
    age: float
    education_years: int
    apoe: tuple[int, int]
    visits: tuple[Visit, ...]

    @property
    def rid(self) -> int:
        """ADNI's roster number."""
        return self.phase.first_rid + self.index

    @property
    def ptid(self) -> str:
        """ADNI's participant identifier, such as ``011_S_4102``."""
        return f"{self.site:03d}_S_{self.rid:04d}"

    @property
    def label(self) -> str:
        """The BIDS label Clinica gives, such as ``ADNI011S4102``."""
        return f"ADNI{self.ptid.replace('_', '')}"

    def series_id(self, visit: Visit) -> int:
        """LONI's number of a visit's series."""
        return 20_000 + 10 * self.index + visit.order

    def image_id(self, visit: Visit) -> int:
        """LONI's number of a visit's original image; the processed one has the next number."""
        return 100_000 + 100 * self.index + 10 * visit.order


def months_of(code: str) -> int:
    """Months from baseline of an ADNIMERGE visit code."""
    return 0 if code == "bl" else int(code[1:])


def draw_cohort(config: PhantomConfig, seed: int) -> list[Subject]:
    """All subjects, CN, MCI and AD in turn, sexes and phases balanced within each."""
    return [draw_subject(config, seed, index) for index in range(config.subjects)]


def draw_subject(config: PhantomConfig, seed: int, index: int) -> Subject:
    """The subject at one position of the cohort.

    Age, severity, individual variation and number of visits of a diagnostic group follow a scrambled Halton sequence,
    so that even a small group covers their distributions evenly.
    """
    group, turn = index % len(DIAGNOSES), index // len(DIAGNOSES)
    diagnosis, phase = DIAGNOSES[group], PHASES[(turn + group) % len(PHASES)]
    halton = stats.qmc.Halton(5, rng=np.random.default_rng([seed, group]))
    u_age, u_severity, u_ventricle, u_grey, u_visits = halton.fast_forward(turn).random(1)[0]
    rng = np.random.default_rng([seed, len(DIAGNOSES) + index])
    mean = BASELINE_AGE_YEARS[diagnosis]
    bounds = [(limit - mean) / AGE_SD_YEARS for limit in AGE_LIMITS_YEARS]
    age = round(float(stats.truncnorm.ppf(u_age, *bounds, loc=mean, scale=AGE_SD_YEARS)), 1)
    n_visits = 1 + int(np.searchsorted(np.cumsum(config.visits_per_subject)[:-1], u_visits, side="right"))
    codes = [code for code in config.visit_codes if months_of(code) % phase.months_apart == 0][:n_visits]
    visits = _draw_visits(
        config, phase, codes, age, group + float(u_severity), tuple(stats.norm.ppf([u_ventricle, u_grey])), rng
    )
    alleles = np.where(rng.random(2) < E4_FREQUENCY[diagnosis], 4, np.where(rng.random(2) < 0.1, 2, 3))
    return Subject(
        index=index,
        phase=phase,
        site=int(rng.choice(SITES)),
        diagnosis=diagnosis,
        sex=("Female", "Male")[(turn + group) % 2],
        age=age,
        education_years=int(np.clip(round(rng.normal(16, 2.7)), 6, 20)),
        apoe=(int(alleles.min()), int(alleles.max())),
        visits=visits,
    )


def _draw_visits(
    config: PhantomConfig,
    phase: Phase,
    codes: list[str],
    age: float,
    severity: float,
    deviations: tuple[float, float],
    rng: np.random.Generator,
) -> tuple[Visit, ...]:
    shape, size = draw_shape(rng), draw_size(rng.spawn(1)[0])
    first_day = phase.first_day + timedelta(days=int(rng.integers(0, 700)))
    visits = []
    for order, code in enumerate(codes):
        delay = timedelta(days=round(months_of(code) * 30.4375) + (int(rng.integers(-7, 8)) if order else 0))
        years = delay.days / 365.25
        now = (severity + SEVERITY_OFFSET) * math.exp(SEVERITY_GROWTH * years) - SEVERITY_OFFSET
        anatomy = Anatomy(
            shape,
            VENTRICLE_MM.value(config.atrophy_effect, age + years, now, deviations[0]),
            GREY_LOSS.value(config.atrophy_effect, age + years, now, deviations[1]),
            size,
        )
        diagnosis = DIAGNOSES[min(int(now), len(DIAGNOSES) - 1)]
        scanned = bool(rng.random() >= config.missing_scan_fraction)
        visits.append(Visit(order, code, first_day + delay, age + years, now, diagnosis, anatomy, scanned))
    return tuple(visits)
