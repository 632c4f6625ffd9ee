"""The scenarios: what is planted in a synthetic registry, as numbers with names.

Every effect on a probability is on the logit scale, every effect on a hazard on the log scale.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

from analysis.contracts.errors import UsageError

HORIZON_DAYS = 365
STAGES = (1, 2, 3, 4, 5)
FOLLOW_UP_DAYS = (30, 61, 91, 122, 152, 182, 213, 243, 274, 304, 335, 365)
TYPICAL_PAIN_NRS = 4.0

# A label's effect; a label that is not named has none.
LabelEffects = tuple[tuple[str, float], ...]
HEAVY_WORK: LabelEffects = (
    ("medium", 0.1),
    ("heavy", 0.25),
    ("very_heavy", 0.35),
    ("not_working", 0.1),
)
LONG_STANDING: LabelEffects = (("subacute", 0.1), ("chronic", 0.35))


@dataclass(frozen=True)
class BaselineEffects:
    """How recorded baseline covariates move one probability or hazard."""

    prior_episode: float = 0.0
    comorbidity: float = 0.0
    chronicity: LabelEffects = ()
    work_load: LabelEffects = ()
    region: LabelEffects = ()


@dataclass(frozen=True)
class Severity:
    """The latent severity, in points of pain, which nothing in the care can change."""

    level_sd: float = 1.0
    drift_sd_per_week: float = 0.06
    drift_weeks: int = 20
    flare_sd: float = 0.6
    flare_persistence: float = 0.6


@dataclass(frozen=True)
class Deviation:
    """The choice to work a later stage before the earlier ones are completed."""

    due_stage: tuple[float, float, float, float] = (-3.0, -2.4, -2.25, -2.15)
    pain_point: float = -0.30
    visit: float = 0.12
    baseline: BaselineEffects = BaselineEffects(
        prior_episode=-0.12,
        comorbidity=-0.08,
        chronicity=(("subacute", -0.1), ("chronic", -0.3)),
        work_load=(("heavy", 0.25), ("very_heavy", 0.35), ("not_working", -0.2)),
        region=(("lumbar", -0.15), ("knee", 0.2), ("shoulder", 0.1), ("ankle_foot", 0.2)),
    )
    clinic_sd: float = 0.35
    hidden_trait: float = 0.0
    always_early_clinic_share: float = 0.0
    always_early: float = 0.0
    skip_share: float = 0.15
    beside_share: float = 0.20


@dataclass(frozen=True)
class Hazards:
    """Daily hazards of the events; only re-injury can depend on a violation."""

    reinjury_per_day: float = 0.00037
    severity_point: float = 0.34
    early_excess: float = 0.8
    early_weeks: int = 26
    baseline: BaselineEffects = BaselineEffects(
        prior_episode=0.12, comorbidity=0.12, chronicity=LONG_STANDING, work_load=HEAVY_WORK
    )
    clinic_sd: float = 0.15
    hazard_ratio_after_violation: float = 1.0
    surgery_per_day: float = 0.00005
    death_per_day: float = 0.000012
    other_region_per_day: float = 0.00055
    unrelated_illness_per_day: float = 0.00045
    hidden_trait: float = 0.0


@dataclass(frozen=True)
class Loss:
    """Permanent loss from follow-up, drawn at every contact with the person."""

    at_session: float = -5.8
    at_follow_up: float = -3.95
    pain_point: float = 0.08
    baseline: BaselineEffects = BaselineEffects(
        prior_episode=-0.08,
        comorbidity=0.06,
        chronicity=(("chronic", 0.15),),
        work_load=(("heavy", 0.15), ("very_heavy", 0.25)),
    )
    clinic_sd: float = 0.25
    has_violated: float = 0.0


@dataclass(frozen=True)
class Healing:
    """How soon a stage's exit is met; a shift moves every stage alike."""

    exit_shift: float = 0.0


@dataclass(frozen=True)
class Leaving:
    """Care that ends before all stages are done, drawn at every session."""

    at_session: float = -4.1
    pain_point: float = 0.25
    visit: float = 0.03


@dataclass(frozen=True)
class Course:
    """One domain: how a person's values run, in the domain's unit and weeks of stage time."""

    start: float
    start_sd: float
    slope_per_week: tuple[float, float, float, float, float]
    slope_sd_per_week: float
    noise_sd: float
    lowest: float
    highest: float


def _courses() -> Mapping[str, Course]:
    return MappingProxyType(
        {
            "flexibility": Course(66, 8, (0.4, 0.8, 2.4, 1.0, 0.6), 0.25, 4, 0, 200),
            "strength": Course(62, 8, (0.3, 0.5, 0.9, 3.0, 1.4), 0.25, 4, 0, 200),
            "endurance": Course(52, 9, (0.2, 0.4, 0.6, 1.5, 3.2), 0.25, 4, 0, 200),
            "alignment": Course(14, 2.5, (-0.1, -0.8, -0.3, -0.15, -0.1), 0.06, 1.2, 0, 45),
        }
    )


@dataclass(frozen=True)
class Pain:
    """The measured pain (NRS): severity, what the weeks in each stage took away, and noise."""

    start: float = 5.9
    slope_per_week: tuple[float, float, float, float, float] = (-0.40, -0.22, -0.14, -0.08, -0.04)
    noise_sd: float = 0.7
    chronic: float = 0.3
    prior_episode: float = 0.08


@dataclass(frozen=True)
class Scenario:
    """One synthetic world, with a sentence that says what is true in it.

    Without `clinic_shares` the clinics' shares of the patients are drawn.
    """

    name: str
    sentence: str
    severity: Severity = Severity()
    deviation: Deviation = Deviation()
    hazards: Hazards = Hazards()
    loss: Loss = Loss()
    pain: Pain = Pain()
    healing: Healing = Healing()
    leaving: Leaving = Leaving()
    second_episode_share: float = 0.08
    clinic_shares: tuple[float, ...] = ()
    courses: Mapping[str, Course] = field(default_factory=_courses)


_ALL = (
    Scenario(
        "null",
        "Moving on early changes nothing; sicker people are held back longer and are re-injured"
        " more often, so careless comparisons still show an effect.",
    ),
    Scenario(
        "protective",
        "Waiting for each stage's exit protects: after the first early advance the daily hazard"
        " of re-injury is 1.85 times as high.",
        hazards=Hazards(hazard_ratio_after_violation=1.85),
    ),
    Scenario(
        "harmful",
        "Waiting for each stage's exit harms: after the first early advance the daily hazard of"
        " re-injury falls to 0.45 of what it was.",
        hazards=Hazards(reinjury_per_day=0.00044, hazard_ratio_after_violation=0.45),
    ),
    Scenario(
        "hidden_confounder",
        "No effect, but a trait that nobody records drives early advance, re-injury and the"
        " negative controls alike; the negative-control gate must notice.",
        deviation=Deviation(hidden_trait=1.6),
        hazards=Hazards(hidden_trait=0.9),
    ),
    Scenario(
        "unequal_followup",
        "No effect, but whoever advanced early is lost far more often afterwards; the follow-up"
        " gate must notice.",
        loss=Loss(has_violated=1.3),
    ),
    Scenario(
        "no_overlap",
        "No effect, and in a third of the clinics nearly everybody is advanced early, so nobody"
        " there could have followed the strict order; the overlap gate must notice.",
        deviation=Deviation(always_early_clinic_share=0.3, always_early=8.5),
    ),
)

SCENARIOS: Mapping[str, Scenario] = MappingProxyType({one.name: one for one in _ALL})


def find_scenario(name: str) -> Scenario:
    """Return the scenario of that name.

    Raises UsageError, naming what there is, for a name that is not one of SCENARIOS.
    """
    if name not in SCENARIOS:
        raise UsageError(
            f"There is no scenario called {name!r}; choose one of: {', '.join(SCENARIOS)}."
        )
    return SCENARIOS[name]
