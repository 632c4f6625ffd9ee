"""The people and their episodes, as they are on the day care begins."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from analysis.simulation.clinics import Clinics
from analysis.simulation.scenarios import BaselineEffects, LabelEffects, Scenario

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]
Flags = NDArray[np.bool_]

SEX = {"F": 0.56, "M": 0.42, "X": 0.01, "unknown": 0.01}
AGE_BAND = {
    "18-29": 0.13,
    "30-39": 0.18,
    "40-49": 0.21,
    "50-59": 0.2,
    "60-69": 0.15,
    "70-79": 0.09,
    "80-89": 0.03,
    "90+": 0.01,
}
BMI_BAND = {"<18.5": 0.03, "18.5-24.9": 0.38, "25-29.9": 0.34, "30-34.9": 0.17, "35+": 0.08}
BMI_MISSING_SHARE = 0.15
WORK_LOAD = {
    "sedentary": 0.3,
    "light": 0.22,
    "medium": 0.18,
    "heavy": 0.1,
    "very_heavy": 0.04,
    "not_working": 0.12,
    "unknown": 0.04,
}
REGION = {
    "lumbar": 0.24,
    "cervical": 0.18,
    "shoulder": 0.15,
    "knee": 0.12,
    "hip": 0.08,
    "ankle_foot": 0.06,
    "thoracic": 0.05,
    "elbow": 0.03,
    "wrist_hand": 0.03,
    "thigh": 0.02,
    "lower_leg": 0.02,
    "jaw": 0.01,
    "multi": 0.01,
}
MIDLINE_REGIONS = ("lumbar", "cervical", "thoracic", "jaw", "multi")
CONDITION = {
    "postural_distortion": 0.24,
    "biomechanical_dysfunction": 0.24,
    "trigger_points": 0.24,
    "nerve_compression": 0.14,
    "ischemia": 0.1,
    "other": 0.04,
}
CHRONICITY = {"acute": 0.28, "subacute": 0.27, "chronic": 0.42, "unknown": 0.03}
MIDLINE_SIDE = {"midline": 0.5, "bilateral": 0.2, "L": 0.12, "R": 0.15, "unknown": 0.03}
LIMB_SIDE = {"L": 0.42, "R": 0.48, "bilateral": 0.08, "unknown": 0.02}


@dataclass(frozen=True)
class Category:
    """A recorded category: its labels, and for each row the position of its label."""

    labels: tuple[str, ...]
    codes: Integers

    def effect(self, effects: LabelEffects) -> Floats:
        """Return each row's effect; a label without one has none."""
        of_label = dict(effects)
        return np.array([of_label.get(label, 0.0) for label in self.labels])[self.codes]

    def of(self, rows: Integers) -> "Category":
        """Return the category of those rows."""
        return Category(self.labels, self.codes[rows])


@dataclass(frozen=True)
class Patients:
    """One entry a patient; `hidden_trait` is never recorded."""

    sex: Category
    age_band: Category
    bmi_band: Category
    bmi_known: Flags
    comorbidity_count: Integers
    work_load: Category
    frailty: Floats
    hidden_trait: Floats
    clinic: Integers


@dataclass(frozen=True)
class People:
    """One entry an episode: the patient's covariates and the problem's own."""

    patients: Patients
    patient: Integers
    clinic: Integers
    region: Category
    side: NDArray[np.str_]
    condition: Category
    chronicity: Category
    prior_episodes: Integers
    comorbidity_count: Integers
    work_load: Category
    frailty: Floats
    hidden_trait: Floats
    start_month: Integers
    has_later_episode: Flags

    @property
    def count(self) -> int:
        """Return how many episodes there are."""
        return len(self.patient)

    def effect(self, effects: BaselineEffects) -> Floats:
        """Return the sum of the effects of each episode's recorded baseline."""
        return (
            effects.prior_episode * self.prior_episodes
            + effects.comorbidity * self.comorbidity_count
            + self.chronicity.effect(effects.chronicity)
            + self.work_load.effect(effects.work_load)
            + self.region.effect(effects.region)
        )


def draw_people(
    rng: np.random.Generator, episodes: int, clinics: Clinics, scenario: Scenario
) -> People:
    """Draw that many episodes; some of the patients have two."""
    share = scenario.second_episode_share
    second = int(episodes * share / (1 + share))
    patients = _draw_patients(rng, episodes - second, clinics, scenario)
    patient, is_second = _draw_owners(rng, episodes, second)
    has_later = np.isin(patient, patient[is_second]) & ~is_second
    region = _draw_category(rng, REGION, episodes)
    prior = rng.poisson(0.7, episodes) + is_second
    return People(
        patients=patients,
        patient=patient,
        clinic=patients.clinic[patient],
        region=region,
        side=_draw_side(rng, region),
        condition=_draw_category(rng, CONDITION, episodes),
        chronicity=_draw_category(rng, CHRONICITY, episodes),
        prior_episodes=np.minimum(prior, 6),
        comorbidity_count=patients.comorbidity_count[patient],
        work_load=patients.work_load.of(patient),
        frailty=patients.frailty[patient],
        hidden_trait=patients.hidden_trait[patient],
        start_month=rng.integers(0, 12, episodes) + 12 * is_second,
        has_later_episode=has_later,
    )


def _draw_patients(
    rng: np.random.Generator, count: int, clinics: Clinics, scenario: Scenario
) -> Patients:
    return Patients(
        sex=_draw_category(rng, SEX, count),
        age_band=_draw_category(rng, AGE_BAND, count),
        bmi_band=_draw_category(rng, BMI_BAND, count),
        bmi_known=rng.random(count) >= BMI_MISSING_SHARE,
        comorbidity_count=np.minimum(rng.poisson(0.6, count), 5),
        work_load=_draw_category(rng, WORK_LOAD, count),
        frailty=rng.normal(0, scenario.severity.level_sd, count),
        hidden_trait=rng.choice(np.array([-0.5, 0.5]), size=count),
        clinic=rng.choice(clinics.count, size=count, p=clinics.share),
    )


def _draw_owners(rng: np.random.Generator, episodes: int, second: int) -> tuple[Integers, Flags]:
    """Draw whose each episode is, in mixed order, and which are somebody's second one."""
    first = np.arange(episodes - second)
    returning = rng.choice(episodes - second, size=second, replace=False)
    order = rng.permutation(episodes)
    return np.concatenate([first, returning])[order], (order >= episodes - second)


def _draw_category(rng: np.random.Generator, shares: Mapping[str, float], count: int) -> Category:
    probabilities = np.array(list(shares.values()))
    codes = rng.choice(len(probabilities), size=count, p=probabilities / probabilities.sum())
    return Category(tuple(shares), codes)


def _draw_side(rng: np.random.Generator, region: Category) -> NDArray[np.str_]:
    midline = _draw_category(rng, MIDLINE_SIDE, len(region.codes))
    limb = _draw_category(rng, LIMB_SIDE, len(region.codes))
    is_midline = np.isin(np.array(region.labels), MIDLINE_REGIONS)[region.codes]
    return np.where(
        is_midline, np.array(midline.labels)[midline.codes], np.array(limb.labels)[limb.codes]
    )
