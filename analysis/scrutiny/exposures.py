"""Negative exposures: the order with its labels permuted, which cannot cause anything.

Every episode gets the course of decisions of another episode of the same clinic and severity: which
stage was due at its first session, its second and so on, for how many sessions that stage had been
worked, and at which session, if at any, the order was first broken. These labels are laid upon the
episode's own sessions, beside its own pain and history. They were drawn without looking at what
became of the episode, so within clinic and severity they cannot be associated with it; an estimate
of their effect shows what error the design leaves (negative controls: Lipsitch, Tchetgen Tchetgen
and Cohen 2010; many of them for an empirical null: Schuemie et al. 2014).

No immortal time comes in: a donor's sessions beyond the episode's own do not exist, and the
episode's sessions beyond the donor's are no decisions. Labels never come from the episode itself.
The shuffle also parts labels from whatever nobody recorded: negative exposures show errors of the
design and of its errors' size, not confounding by a hidden trait, which is what negative-control
outcomes are for.
"""

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from typing import Final

import numpy as np
import polars as pl

from analysis.contracts.protocol import Protocol
from analysis.emulation.arrays import NEVER, IntArray, segment_starts
from analysis.emulation.cohort import HazardRows, Strategy
from analysis.emulation.design import UNKNOWN_LEVEL, Design
from analysis.emulation.emulation import NotEstimableError
from analysis.emulation.weights import weight_path
from analysis.scrutiny.fits import arm_risks, carried, risk_differences, risk_ratios
from analysis.scrutiny.ground import Ground
from analysis.study.models import decision_rows
from analysis.study.population import Population
from analysis.study.rows import ESTIMATED, IMPOSSIBLE, NOT_RUN, STRICT, framed
from analysis.study.tables import StudyTables

# Fewer episodes than this in a clinic's severity class are shuffled among the clinic's others.
FEWEST_IN_STRATUM: Final = 5
SESSION: Final = "session"
TERTILES: Final = (1.0 / 3.0, 2.0 / 3.0)


@dataclass(frozen=True)
class Courses:
    """Runs of rows of successive people: `start` and `size` (people,) of each person's rows."""

    rows: pl.DataFrame
    start: IntArray
    size: IntArray


def thirds_of_pain(tables: StudyTables) -> IntArray:
    """Return the third of first pain of every episode (people,), -1 where it is not known."""
    pain = tables.baseline.sort("episode_id")["first_pain_nrs"].cast(pl.Float64)
    known = pain.drop_nulls().to_numpy()
    edges = np.unique(np.quantile(known, TERTILES)) if known.size else np.empty(0)
    third = np.searchsorted(edges, pain.fill_null(0.0).to_numpy(), side="right")
    return np.where(pain.is_null().to_numpy(), -1, third).astype(np.int64)


def severity_strata(tables: StudyTables, population: Population) -> IntArray:
    """Return the stratum of every episode (people,): clinic, chronicity and third of first pain.

    Strata too small to shuffle are pooled within the clinic, or join its largest one; small clinics
    are pooled with one another in the same way.
    """
    baseline = tables.baseline.sort("episode_id")
    severity = pl.DataFrame(
        {
            "clinic": baseline["clinic_id"].cast(pl.String).fill_null(UNKNOWN_LEVEL),
            "chronicity": baseline["chronicity"].cast(pl.String).fill_null(UNKNOWN_LEVEL),
            "third": thirds_of_pain(tables),
        }
    )
    finest = _codes(severity, ["clinic", "chronicity", "third"])
    in_clinics = _pooled(finest, _codes(severity, ["clinic"]))
    return _pooled(in_clinics, np.zeros(population.episodes, dtype=np.int64))


def donors(strata: IntArray, random: np.random.Generator) -> IntArray:
    """Return for every episode whose labels it gets (people,): another one of its stratum.

    Everybody gives once and takes once: the next in a random order of the stratum, the first after
    the last. Who is alone in a stratum keeps its own labels.
    """
    order = np.lexsort((random.random(len(strata)), strata))
    starts = segment_starts(strata[order])
    follower = np.r_[order[1:], order[:1]]
    ends = np.r_[starts[1:], len(order)] - 1
    follower[ends] = order[starts]
    donor = np.empty(len(order), dtype=np.int64)
    donor[order] = follower
    return donor


def decision_courses(tables: StudyTables, population: Population, protocol: Protocol) -> Courses:
    """Return the recorded courses of decisions, a row for each, by episode and session."""
    points = tables.decision_points.filter(pl.col("order_name") == protocol.study.primary_order)
    points = points.with_columns(person=population.person_of(points["episode_key"]))
    points = points.filter(pl.col("person") >= 0).sort("person", "day", "session_number")
    return _courses(points, population)


def session_courses(tables: StudyTables, population: Population) -> Courses:
    """Return the days on which each episode had an attended session, with the pain known then."""
    sessions = tables.contacts.filter(pl.col("contact_kind") == SESSION)
    sessions = sessions.with_columns(person=population.person_of(sessions["episode_key"]))
    sessions = sessions.filter(pl.col("person") >= 0).sort("person", "day")
    return _courses(sessions, population)


def next_session(sessions: Courses, person: IntArray, day: IntArray) -> IntArray:
    """Return the day of each person's next session after a day, `NEVER` without one."""
    days = sessions.rows["day"].cast(pl.Int64).to_numpy()
    owner = sessions.rows["person"].cast(pl.Int64).to_numpy()
    if days.size == 0:
        return np.full(len(person), NEVER)
    span = int(max(days.max(), day.max(initial=0))) + 2
    place = np.searchsorted(owner * span + days, person * span + day, side="right")
    inside = np.minimum(place, days.size - 1)
    is_own = (place < days.size) & (owner[inside] == person)
    return np.where(is_own, days[inside], NEVER).astype(np.int64)


@dataclass(frozen=True)
class PermutedOrder:
    """Labels of another episode: when each person leaves the permuted order, and its decisions."""

    violated_on: IntArray
    tables: StudyTables


def permuted_order(
    tables: StudyTables,
    population: Population,
    protocol: Protocol,
    donor: IntArray,
    courses: tuple[Courses, Courses],
) -> PermutedOrder:
    """Return the study's tables with every episode's decisions labelled as its donor's.

    `courses` are the recorded decisions and the sessions.
    """
    labels, sessions = courses
    shared = np.minimum(labels.size[donor], sessions.size)
    person = np.repeat(np.arange(population.episodes), shared)
    number = np.arange(len(person)) - np.repeat(np.cumsum(shared) - shared, shared)
    label = labels.rows[labels.start[donor][person] + number]
    session = sessions.rows[sessions.start[person] + number]
    points = pl.DataFrame(
        {
            "order_name": pl.repeat(protocol.study.primary_order, len(person), eager=True),
            "episode_key": population.episode_keys[person],
            "session_number": number + 1,
            "day": session["day"],
            "stage_due": label["stage_due"],
            "visits_in_stage": label["visits_in_stage"],
            "pain_nrs": session["last_pain_nrs"],
            "last_pain_nrs": session["last_pain_nrs"],
            "is_violation": label["is_violation"],
        }
    )
    is_violation = points["is_violation"].to_numpy()
    leaves_on = np.full(population.episodes, NEVER)
    leaves_on[person[is_violation]] = points["day"].to_numpy()[is_violation]
    return PermutedOrder(leaves_on, replace(tables, decision_points=points))


def with_thirds(rows: HazardRows, third: IntArray) -> HazardRows:
    """Return the decisions with an indicator of each third of first pain but the first beside.

    Labels were drawn within these classes; the primary model's pain of the day stands for them
    only in part.
    """
    own = third[rows.person]
    levels = np.unique(own)[1:]
    if levels.size == 0:
        return rows
    design, added = rows.design, (own[:, None] == levels).astype(np.float64)
    wider = Design(
        (*design.names, *(f"third of first pain={level}" for level in levels)),
        np.concatenate([design.values, added], axis=1),
        np.concatenate([design.centers, np.zeros(levels.size)]),
        np.concatenate([design.scales, np.ones(levels.size)]),
    )
    return replace(rows, design=wider)


@dataclass(frozen=True)
class NegativeExposure:
    """One row of `results.negative_exposures`."""

    permutation: int
    risk_difference: float | None = None
    difference_error: float | None = None
    log_risk_ratio: float | None = None
    ratio_error: float | None = None
    status: str = NOT_RUN
    reason: str = ""


def negative_exposures(ground: Ground) -> list[NegativeExposure]:
    """Return the estimates of as many permuted orders as the protocol asks for.

    The model of follow-up, and the risk with stages as usually chosen, are the primary's: labels
    that were drawn cannot have made anybody come or stay away.
    """
    protocol, population = ground.protocol, ground.population
    if protocol.sensitivity.permutations == 0:
        return [NegativeExposure(0, reason="The protocol asks for no permuted orders.")]
    strata, thirds = severity_strata(ground.tables, population), thirds_of_pain(ground.tables)
    courses = (
        decision_courses(ground.tables, population, protocol),
        session_courses(ground.tables, population),
    )
    rows = []
    for number in range(1, protocol.sensitivity.permutations + 1):
        random = np.random.default_rng([protocol.sensitivity.seed, 0, number])
        donor = donors(strata, random)
        own = permuted_order(ground.tables, population, protocol, donor, courses)
        try:
            rows.append(_estimated(ground, number, own, thirds))
        except NotEstimableError as refusal:
            rows.append(NegativeExposure(number, status=IMPOSSIBLE, reason=str(refusal)))
    return rows


def no_exposures(reason: str) -> list[NegativeExposure]:
    """Return the one row that says why there are no estimates."""
    return [NegativeExposure(0, status=IMPOSSIBLE, reason=reason)]


def exposure_frame(rows: Sequence[NegativeExposure]) -> pl.DataFrame:
    """Return `results.negative_exposures`."""
    return framed("negative_exposures", [asdict(row) for row in rows])


def _estimated(
    ground: Ground, number: int, own: PermutedOrder, thirds: IntArray
) -> NegativeExposure:
    arms, protocol = ground.arms, ground.protocol
    cohort, weights = arms.cohort, protocol.weights
    rows = with_thirds(decision_rows(own.tables, ground.population, cohort, protocol), thirds)
    staying = carried(cohort, rows, weights.ridge_precision)
    path = weight_path(cohort, Strategy(STRICT, own.violated_on, rows), arms.follow_up)
    pair = staying, arms.being_followed
    strict = arm_risks(path, pair, [cohort.horizon], quantile=weights.truncation_quantile)
    difference = risk_differences(strict, arms.natural, cohort.unit, ground.level)[0]
    ratio = risk_ratios(strict, arms.natural, cohort.unit, ground.level)[0]
    if not difference.standard_error > 0.0:
        raise NotEstimableError("Nobody leaves the permuted order: there is nothing to estimate.")
    return NegativeExposure(
        number,
        difference.value,
        difference.standard_error,
        None if ratio is None else math.log(ratio.value),
        None if ratio is None else ratio.standard_error,
        ESTIMATED,
    )


def _courses(rows: pl.DataFrame, population: Population) -> Courses:
    size = np.bincount(rows["person"].to_numpy(), minlength=population.episodes)
    return Courses(rows, (np.cumsum(size) - size).astype(np.int64), size.astype(np.int64))


def _codes(levels: pl.DataFrame, names: list[str]) -> IntArray:
    """Return a number for every combination of levels, by their sorted order (rows,)."""
    codes = levels.select(pl.struct(names).rank("dense").cast(pl.Int64) - 1).to_series()
    return codes.to_numpy().astype(np.int64)


def _pooled(fine: IntArray, coarse: IntArray) -> IntArray:
    """Return the classes with small ones pooled within the coarser class (rows,).

    Where the pool itself is small it joins the largest class of the coarser one.
    """
    is_small = _sizes(fine) < FEWEST_IN_STRATUM
    pooled = np.where(is_small, fine.max(initial=0) + 1 + coarse, fine)
    is_pool_small = is_small & (_sizes(pooled) < FEWEST_IN_STRATUM)
    for code in np.unique(pooled[is_pool_small]):
        members = pooled == code
        others = pooled[(coarse == coarse[members][0]) & ~members]
        if others.size:
            codes, counts = np.unique(others, return_counts=True)
            pooled[members] = codes[np.argmax(counts)]
    return pooled.astype(np.int64)


def _sizes(strata: IntArray) -> IntArray:
    _, inverse, counts = np.unique(strata, return_inverse=True, return_counts=True)
    return np.asarray(counts[inverse], dtype=np.int64)
