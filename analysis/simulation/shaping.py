"""A synthetic world shaped like a registry: its size, clinics, visits, losses, adherence and risk.

Six moments of the registry are matched by six settings of the simulator, one for each; no setting
is about a person, and every moment is rounded before it is used. What is not matched keeps the
simulator's preset: how strongly covariates move choices, losses and hazards, the mix of regions
and ages, the course of pain, and how much clinics differ from one another. So a shaped world says
how the estimator does in a registry of this size and kind, not whether its models are right here.

Simulated moments: McFadden 1989; one Jacobian, kept up to date along the way: Broyden 1965.
"""

from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from typing import Final

import numpy as np
import polars as pl
from numpy.typing import NDArray

from analysis.simulation.care import EVIDENCE_INFERRED, EXIT_MET, NEVER, STAGE_COUNT
from analysis.simulation.course import Course
from analysis.simulation.registry import MOST_CLINICS, simulate_course
from analysis.simulation.scenarios import HORIZON_DAYS, Scenario, find_scenario

Floats = NDArray[np.float64]

# Many small networks, so that a shape is met on average and not by one draw of clinics' habits.
PILOT_EPISODES: Final = 250
PILOT_SEEDS: Final = range(20_250_103, 20_250_127)
MOST_STEPS: Final = 8
# A step of a setting, on its own scale, by which the moments' slopes are taken.
SLOPE_STEP: Final = 0.4
LARGEST_STEP: Final = 1.5
FARTHEST: Final = 4.0
# Moments this near, on their transformed scale, count as met: the pilot's own error is as large.
NEAR_ENOUGH: Final = 0.04
SMALLEST_SHARE: Final = 0.01
SMALLEST_STEP: Final = 10


@dataclass(frozen=True)
class Moments:
    """What is matched, each over the episodes of the study; pain is NRS points, the rest shares.

    `reinjury_share` and `known_share` are by the horizon: a recorded re-injury, and a known status.
    Pain that nobody measured is not matched.
    """

    sessions_per_episode: float
    completed_share: float
    violated_share: float
    known_share: float
    reinjury_share: float
    first_pain_nrs: float | None


@dataclass(frozen=True)
class Shape:
    """What a registry looks like from afar: rounded sizes and moments, nothing about a person."""

    episodes: int
    episodes_per_patient: float
    clinic_shares: tuple[float, ...]
    horizon_days: int
    moments: Moments


@dataclass(frozen=True)
class Knobs:
    """How far each setting is from its preset: logits, a log hazard, and points of pain."""

    exits: float = 0.0
    leaving: float = 0.0
    deviation: float = 0.0
    loss: float = 0.0
    hazard: float = 0.0
    pain: float = 0.0

    @property
    def values(self) -> Floats:
        """Return the settings in their order."""
        return np.array([getattr(self, each.name) for each in fields(self)], dtype=np.float64)


def find_shape(
    baseline: pl.DataFrame,
    adherence: pl.DataFrame,
    outcomes: pl.DataFrame,
    *,
    order_name: str,
    horizon_days: int,
) -> Shape:
    """Return the shape of a registry from its marts; every number is rounded.

    `baseline` has a row for each studied episode (episode_id, patient_key, clinic_id,
    first_pain_nrs), `adherence` one for each order and episode, `outcomes` one for each episode.
    Counts are whole tens of at most two digits, shares have two decimals, means one. Raises
    ValueError without an episode.
    """
    if baseline.is_empty():
        raise ValueError("a shape needs an episode")
    studied = baseline.select("episode_id")
    kept = adherence.filter(pl.col("order_name") == order_name).join(studied, on="episode_id")
    ended = outcomes.join(studied, on="episode_id")
    clinics = baseline.group_by("clinic_id").len("episodes").sort("episodes", descending=True)
    shares = clinics["episodes"].to_numpy()[:MOST_CLINICS] / baseline.height
    return Shape(
        episodes=_rounded(baseline.height),
        episodes_per_patient=round(baseline.height / baseline["patient_key"].n_unique(), 2),
        clinic_shares=tuple(max(round(float(share), 2), SMALLEST_SHARE) for share in shares),
        horizon_days=horizon_days,
        moments=Moments(
            sessions_per_episode=_mean(kept["attended_sessions"]) or 1.0,
            completed_share=_share(kept["completed_stages"] >= STAGE_COUNT),
            violated_share=_share(kept["first_violation_day"].is_not_null()),
            known_share=_share(_known(ended, horizon_days)),
            reinjury_share=_share(_by(ended["reinjury_day"], horizon_days)),
            first_pain_nrs=_mean(baseline["first_pain_nrs"]),
        ),
    )


def moments_of(course: Course, horizon_days: int = HORIZON_DAYS) -> Moments:
    """Return what the marts would say of a simulated course, by the same definitions."""
    seen, outcomes, observation = course.is_seen, course.outcomes, course.observation
    completed = _completed(course)
    violated = course.visits.first_violation_day
    ending = np.minimum(outcomes.reinjury, np.minimum(outcomes.surgery, outcomes.death))
    is_ended = observation.sees(ending) & (ending <= horizon_days)
    reinjured = observation.sees(outcomes.reinjury) & (outcomes.reinjury <= horizon_days)
    pain = course.visits.pain_nrs[:, 0]
    return Moments(
        sessions_per_episode=float(seen.sum(axis=1).mean()),
        completed_share=float(completed.mean()),
        violated_share=float(((violated < NEVER) & (violated <= observation.lost_day)).mean()),
        known_share=float((is_ended | (observation.lost_day >= horizon_days)).mean()),
        reinjury_share=float(reinjured.mean()),
        first_pain_nrs=float(pain[pain >= 0].mean()),
    )


def match_shapes(shape: Shape, names: tuple[str, ...]) -> Mapping[str, Knobs]:
    """Return the settings that give each scenario the shape's moments, as near as they come.

    What a scenario breaks on purpose (who is lost, where nobody could follow) comes on top of the
    matched null world; a planted effect is there while its scenario is matched.
    """
    start = Knobs()
    slopes = _slopes(find_scenario("null"), shape)
    null = _matched(find_scenario("null"), shape, start, slopes)
    return {
        name: null
        if name == "null" or _breaks_design(find_scenario(name))
        else _matched(find_scenario(name), shape, null, slopes)
        for name in names
    }


def shaped_scenario(name: str, shape: Shape, knobs: Knobs) -> Scenario:
    """Return the scenario with the shape's clinics and the settings moved by the knobs."""
    return _turned(find_scenario(name), shape, knobs)


def _matched(scenario: Scenario, shape: Shape, start: Knobs, slopes: Floats) -> Knobs:
    """Return the best of a few steps towards the shape's moments."""
    goal = _transformed(shape.moments)
    best, smallest = start, np.inf
    knobs, step, former = start.values, np.zeros(len(goal)), np.zeros(len(goal))
    for _ in range(MOST_STEPS):
        missing = np.nan_to_num(goal - _pilot(scenario, shape, _knobs(knobs)))
        distance = float(np.max(np.abs(missing)))
        if distance < smallest:
            best, smallest = _knobs(knobs), distance
        if distance < NEAR_ENOUGH:
            break
        if step.any():
            surprise = former - missing - slopes @ step
            slopes = slopes + np.outer(surprise, step) / (step @ step)
        full_step, *_ = np.linalg.lstsq(slopes, missing, rcond=1e-3)
        moved = np.clip(
            knobs + np.clip(full_step, -LARGEST_STEP, LARGEST_STEP), -FARTHEST, FARTHEST
        )
        knobs, step, former = moved, moved - knobs, missing
    return best


def _knobs(values: Floats) -> Knobs:
    return Knobs(*(float(value) for value in values))


def _slopes(scenario: Scenario, shape: Shape) -> Floats:
    """Return how each moment (row) answers each setting (column), moments transformed."""
    names = [each.name for each in fields(Knobs)]
    here = _pilot(scenario, shape, Knobs())
    there = [_pilot(scenario, shape, Knobs(**{name: SLOPE_STEP})) for name in names]
    rise = np.column_stack(there) - here[:, None]
    return np.asarray(rise / SLOPE_STEP, dtype=np.float64)


def _pilot(scenario: Scenario, shape: Shape, knobs: Knobs) -> Floats:
    world = _turned(scenario, shape, knobs)
    pilots = [
        moments_of(_course(world, seed, len(shape.clinic_shares)), shape.horizon_days)
        for seed in PILOT_SEEDS
    ]
    names = [each.name for each in fields(Moments)]
    means = {name: float(np.mean([getattr(pilot, name) for pilot in pilots])) for name in names}
    return _transformed(Moments(**means))


def _course(world: Scenario, seed: int, clinics: int) -> Course:
    return simulate_course(episodes=PILOT_EPISODES, clinics=clinics, seed=seed, scenario=world)


def _turned(scenario: Scenario, shape: Shape, knobs: Knobs) -> Scenario:
    deviation, loss, hazards = scenario.deviation, scenario.loss, scenario.hazards
    one, two, three, four = (due + knobs.deviation for due in deviation.due_stage)
    leaving = replace(scenario.leaving, at_session=scenario.leaving.at_session + knobs.leaving)
    return replace(
        scenario,
        deviation=replace(deviation, due_stage=(one, two, three, four)),
        loss=replace(
            loss,
            at_session=loss.at_session + knobs.loss,
            at_follow_up=loss.at_follow_up + knobs.loss,
        ),
        hazards=replace(
            hazards, reinjury_per_day=hazards.reinjury_per_day * float(np.exp(knobs.hazard))
        ),
        pain=replace(scenario.pain, start=scenario.pain.start + knobs.pain),
        healing=replace(scenario.healing, exit_shift=scenario.healing.exit_shift + knobs.exits),
        leaving=leaving,
        second_episode_share=min(max(shape.episodes_per_patient - 1.0, 0.0), 0.99),
        clinic_shares=shape.clinic_shares,
    )


def _breaks_design(scenario: Scenario) -> bool:
    return bool(scenario.loss.has_violated or scenario.deviation.always_early_clinic_share)


def _transformed(moments: Moments) -> Floats:
    """Return the moments on scales on which settings act nearly linearly."""
    return np.array(
        [
            np.log(max(moments.sessions_per_episode, 1.0)),
            _complementary(moments.completed_share),
            _complementary(moments.violated_share),
            _complementary(1.0 - moments.known_share),
            _complementary(moments.reinjury_share),
            np.nan if moments.first_pain_nrs is None else moments.first_pain_nrs,
        ]
    )


def _complementary(share: float) -> float:
    """Return the complementary log-log of a share, which is kept off 0 and 1."""
    return float(np.log(-np.log1p(-np.clip(share, SMALLEST_SHARE, 1 - SMALLEST_SHARE))))


def _completed(course: Course) -> NDArray[np.bool_]:
    """Return which episodes completed every stage in their recorded sessions."""
    visits = course.visits
    counts = (visits.exit_state == EXIT_MET) & (visits.evidence != EVIDENCE_INFERRED)
    is_met = counts & course.is_seen
    stages = range(1, STAGE_COUNT + 1)
    return np.asarray(
        np.all([(is_met & (visits.stage == stage)).any(axis=1) for stage in stages], axis=0)
    )


def _known(outcomes: pl.DataFrame, horizon_days: int) -> pl.Series:
    is_ended = _by(outcomes["reinjury_day"], horizon_days) | _by(
        outcomes["competing_day"], horizon_days
    )
    return is_ended | (outcomes["last_known_day"] >= horizon_days).fill_null(value=False)


def _by(day: pl.Series, horizon_days: int) -> pl.Series:
    return (day <= horizon_days).fill_null(value=False)


def _share(happened: pl.Series) -> float:
    share = float(happened.sum()) / len(happened) if len(happened) else 0.0
    return float(np.clip(round(share, 2), SMALLEST_SHARE, 1 - SMALLEST_SHARE))


def _mean(values: pl.Series) -> float | None:
    known = values.drop_nulls()
    return round(float(known.sum()) / len(known), 1) if len(known) else None


def _rounded(count: int) -> int:
    """Return a count to two digits, and never to less than whole tens."""
    step = max(int(10 ** (len(str(count)) - 2)), SMALLEST_STEP)
    return max(step * round(count / step), step)
