"""What staying with a strategy, and under follow-up, depends on: hazard rows and their terms."""

from collections.abc import Mapping, Sequence
from typing import Final

import numpy as np
import polars as pl

from analysis.contracts.protocol import Protocol
from analysis.emulation.arrays import IntArray
from analysis.emulation.cohort import CENSORED, Cohort, HazardRows
from analysis.emulation.design import Category, Design, Interaction, Quantity, Term, design_matrix
from analysis.study.population import BASELINE_CATEGORIES, COUNTS, Population, capped_level
from analysis.study.tables import StudyTables

# 0, 1, 2, 3 and 4 or more earlier sessions in the stage.
LARGEST_VISITS_APART: Final = 4
# How many more than that still tell of a trend among the few who stay longest in a stage.
LARGEST_VISITS_BEYOND: Final = 6
DAYS_IN_A_BIN: Final = 30
EVENT_CONTACT: Final = "event"

BASELINE_TERMS: Final[dict[str, tuple[Term, ...]]] = {
    name: (Quantity(f"{name}_number", degree=2) if name in COUNTS else Category(name),)
    for name in BASELINE_CATEGORIES
}
PAIN: Final = (Quantity("pain", degree=2), Category("pain_is_from"))
DEVIATION_TERMS: Final[dict[str, tuple[Term, ...]]] = {
    "pain": PAIN,
    "stage": (Category("stage_due"), Interaction(Category("stage_due"), Quantity("pain"))),
    "visits_in_stage": (Category("visits"), Quantity("visits_beyond")),
    **BASELINE_TERMS,
}
# Skipping a stage: the stage reached and whether its exit was met, not only the stage due.
REACHED: Final = Category("is_reached_completed")
ORDER_TERMS: Final[dict[str, tuple[Term, ...]]] = {
    **DEVIATION_TERMS,
    "stage": (*DEVIATION_TERMS["stage"], REACHED, Interaction(Category("stage_due"), REACHED)),
    "visits_in_stage": (
        *DEVIATION_TERMS["visits_in_stage"],
        Interaction(REACHED, Quantity("visits_beyond")),
    ),
}
# Leaving care: how long care has lasted, not only the present stage.
CARE_TERMS: Final[dict[str, tuple[Term, ...]]] = {
    **DEVIATION_TERMS,
    "visits_in_stage": (
        *DEVIATION_TERMS["visits_in_stage"],
        Quantity("session_number", degree=2),
    ),
}
# Beginning a stage early: what was known before the first choice of a stage.
LOADING_TERMS: Final[dict[str, tuple[Term, ...]]] = {
    **BASELINE_TERMS,
    "pain": (Quantity("first_pain_nrs", degree=2),),
}
FOLLOW_UP_TERMS: Final[dict[str, tuple[Term, ...]]] = {
    "pain": (Quantity("pain", degree=2),),
    "has_violated": (Category("has_violated"),),
    "contact_kind": (Category("contact_kind"),),
    "day": (Category("month"), Interaction(Category("contact_kind"), Quantity("day"))),
    **BASELINE_TERMS,
}


def decision_rows(
    tables: StudyTables,
    population: Population,
    cohort: Cohort,
    protocol: Protocol,
    order_name: str | None = None,
) -> HazardRows:
    """Return the decision points while at risk; what could happen is the first violation.

    Of the protocol's primary order, unless another is named.
    """
    order_name = order_name or protocol.study.primary_order
    points = tables.decision_points.filter(pl.col("order_name") == order_name)
    points = points.with_columns(decided_day="day", happened="is_violation", has_violated=False)
    return _session_rows(points, population, cohort, protocol, DEVIATION_TERMS)


def order_rows(
    tables: StudyTables, population: Population, cohort: Cohort, protocol: Protocol
) -> HazardRows:
    """Return the sessions at which skipping was possible; what could happen is the first skip."""
    points = tables.order_decision_points.with_columns(decided_day="day", happened="is_skip")
    return _session_rows(points, population, cohort, protocol, ORDER_TERMS)


def care_rows(
    tables: StudyTables, population: Population, cohort: Cohort, protocol: Protocol
) -> HazardRows:
    """Return the sessions that might have been the last; what could happen is a long gap.

    Whether there was one is decided on the day the longest gap has passed, for those who came back
    as for those who did not: a weight that grew earlier would count the former for the latter
    while these are still followed.
    """
    points = tables.care_points.with_columns(happened="is_left")
    return _session_rows(points, population, cohort, protocol, CARE_TERMS)


def loading_rows(
    population: Population, cohort: Cohort, protocol: Protocol, begun_on: IntArray
) -> HazardRows:
    """Return one row for everybody at risk when the time to begin is over; who has not, leaves.

    `begun_on` (people,) is the day on which a stage of early loading was first worked. The model
    knows what was known before the first choice: what drives people within the time is not in it.
    """
    day = protocol.early_loading.within_days
    person = np.flatnonzero(cohort.last_day >= day).astype(np.int64)
    days = np.full(len(person), day, dtype=np.int64)
    rows = pl.DataFrame({"first_pain_nrs": population.baseline["first_pain_nrs"][person]})
    rows = _with_history(rows, population, person, days, protocol)
    known = [name for name in protocol.deviation_model.covariates if name in LOADING_TERMS]
    design = design_matrix(rows, _terms(LOADING_TERMS, known))
    return HazardRows(person, days, begun_on[person] > day, design)


def follow_up_rows(
    tables: StudyTables, population: Population, cohort: Cohort, protocol: Protocol
) -> HazardRows:
    """Return the contacts before outcome and horizon; what could happen is being lost after them.

    An event that does not end follow-up is a contact as well, on the day it is dated, unless
    nobody was lost after one: then it is no occasion on which that could happen.
    """
    contacts = _all_contacts(tables, population)
    before = np.where(cohort.ending == CENSORED, cohort.last_day, cohort.last_day - 1)
    contacts = _while_at_risk(contacts, np.minimum(before, population.horizon - 1))
    contacts = _without_safe_events(contacts, population)
    person, day = _position(contacts)
    rows = contacts.select(
        pl.col("last_pain_nrs").cast(pl.Float64).alias("pain"),
        pl.col("contact_kind").cast(pl.String),
        pl.col("day"),
        _month(pl.col("day"), population.horizon).cast(pl.String).str.zfill(3).alias("month"),
        pl.Series("has_violated", population.violated_on[person] <= day),
    )
    rows = _with_history(rows, population, person, day + 1, protocol)
    terms = _terms(FOLLOW_UP_TERMS, protocol.follow_up_model.covariates)
    is_lost = day == population.last_known_day[person]
    return HazardRows(person, day, is_lost, design_matrix(rows, terms))


def rows_of_both(one: HazardRows, other: HazardRows) -> HazardRows:
    """Return the rows of two ways to leave a strategy, each with the columns of its own model.

    One fit of them is two fits: beside the intercept they share no column.
    """
    height, width = one.design.values.shape
    person, day = np.r_[one.person, other.person], np.r_[one.day, other.day]
    order = np.lexsort((day, person))
    place = np.empty(len(order), dtype=np.int64)
    place[order] = np.arange(len(order))
    values = np.zeros((len(order), width + other.design.values.shape[1]))
    values[place[:height], :width] = one.design.values
    values[place[height:], 0] = 1.0
    values[place[height:], width:] = other.design.values
    names = (*one.design.names, *(f"other: {name}" for name in other.design.names))
    columns = len(names)
    return HazardRows(
        person[order],
        day[order],
        np.r_[one.happened, other.happened][order],
        Design(names, values, np.zeros(columns), np.ones(columns)),
    )


def balance_terms(protocol: Protocol) -> tuple[Term, ...]:
    """Return the baseline covariates whose balance is looked at: the models' and first pain."""
    named = {*protocol.deviation_model.covariates, *protocol.follow_up_model.covariates}
    kept = tuple(Category(name) for name in BASELINE_CATEGORIES if name in named)
    return (Quantity("first_pain_nrs"), *kept)


def _session_rows(
    points: pl.DataFrame,
    population: Population,
    cohort: Cohort,
    protocol: Protocol,
    by_covariate: Mapping[str, Sequence[Term]],
) -> HazardRows:
    """Return sessions at which something could happen, on the day on which that was decided.

    `points` has the columns of a mart of such sessions, and `decided_day` and `happened` beside.
    """
    points = points.with_columns(person=population.person_of(points["episode_key"]))
    points = points.sort("person", "decided_day", "session_number")
    points = _while_at_risk(points.drop("day").rename({"decided_day": "day"}), cohort.last_day)
    pain = pl.coalesce("pain_nrs", "last_pain_nrs")
    rows = points.select(
        "person",
        "day",
        "happened",
        "has_violated",
        pain.cast(pl.Float64).alias("pain"),
        pl.when(pl.col("pain_nrs").is_not_null())
        .then(pl.lit("this session"))
        .when(pain.is_not_null())
        .then(pl.lit("an earlier session"))
        .alias("pain_is_from"),
        pl.col("stage_due").cast(pl.String),
        capped_level(points["visits_in_stage"], LARGEST_VISITS_APART).alias("visits"),
        (pl.col("visits_in_stage").cast(pl.Float64) - LARGEST_VISITS_APART)
        .clip(0, LARGEST_VISITS_BEYOND)
        .alias("visits_beyond"),
        pl.col("session_number").cast(pl.Float64),
        *(each for each in ("is_reached_completed",) if each in points.columns),
    )
    person, day = _position(rows)
    rows = _with_history(rows, population, person, day, protocol)
    terms = _terms(by_covariate, protocol.deviation_model.covariates)
    happened = rows["happened"].to_numpy().astype(bool)
    return HazardRows(
        person, day, happened, design_matrix(rows, [*terms, Category("has_violated")])
    )


def _all_contacts(tables: StudyTables, population: Population) -> pl.DataFrame:
    seen = tables.contacts.select(
        pl.Series("person", population.person_of(tables.contacts["episode_key"])),
        pl.col("day").cast(pl.Int64),
        pl.col("contact_kind").cast(pl.String),
        pl.col("last_pain_nrs").cast(pl.Float64),
    )
    by_event = [
        pl.DataFrame({"person": np.flatnonzero(known), "day": days[known]})
        for days in (*population.first_day.values(), population.last_known_day)
        for known in (days <= population.horizon,)
    ]
    unseen = (
        pl.concat(by_event)
        .unique()
        .join(seen, on=["person", "day"], how="anti")
        .with_columns(
            pl.lit(EVENT_CONTACT).alias("contact_kind"),
            pl.lit(None, dtype=pl.Float64).alias("last_pain_nrs"),
        )
    )
    contacts = pl.concat([seen, unseen]).sort("person", "day", maintain_order=True)
    return contacts.with_columns(pl.col("last_pain_nrs").forward_fill().over("person"))


def _without_safe_events(contacts: pl.DataFrame, population: Population) -> pl.DataFrame:
    person, day = _position(contacts)
    is_event = (contacts["contact_kind"] == EVENT_CONTACT).to_numpy()
    if np.any(is_event & (day == population.last_known_day[person])):
        return contacts
    return contacts.filter(pl.Series(~is_event))


def _month(day: pl.Expr, horizon: int) -> pl.Expr:
    """Return the bin of a day; what is left over before the horizon belongs to the last one."""
    return (day // DAYS_IN_A_BIN).clip(upper_bound=max(horizon // DAYS_IN_A_BIN, 1) - 1)


def _with_history(
    rows: pl.DataFrame,
    population: Population,
    person: IntArray,
    day: IntArray,
    protocol: Protocol,
) -> pl.DataFrame:
    """Add the baseline covariates, and whether the outcome event came before the day.

    The latter never varies in the outcome's own analysis; it does in those of other outcomes.
    """
    baseline = population.baseline.drop("first_pain_nrs")[person]
    had_event = population.day_of(protocol.outcome.event)[person] < day
    return rows.hstack(baseline).with_columns(pl.Series("had_event", had_event))


def _terms(by_covariate: Mapping[str, Sequence[Term]], covariates: Sequence[str]) -> list[Term]:
    chosen = [term for name in covariates for term in by_covariate[name]]
    return [*chosen, Category("had_event")]


def _while_at_risk(rows: pl.DataFrame, last_day: IntArray) -> pl.DataFrame:
    known = rows.filter(pl.col("person") >= 0)
    person, day = _position(known)
    return known.filter(pl.Series(day <= last_day[person]))


def _position(rows: pl.DataFrame) -> tuple[IntArray, IntArray]:
    person = rows["person"].cast(pl.Int64).to_numpy().astype(np.int64)
    return person, rows["day"].cast(pl.Int64).to_numpy().astype(np.int64)
