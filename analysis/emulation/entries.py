"""Trials entered at every decision, weighted by models of people that are fitted once.

The arms are those who acted at a decision and those who did not, compared over the days that follow
whatever they did later (Hernan et al. 2008; Danaei et al. 2013). An entry weighs one over the
probability of what was done at its decision, times one over that of having been followed after
every contact since (both inclusive of the decision's day). `decision_trials` fits the models anew
on the rows of entries, each contact once for every entry it belongs to; here the models are those
of the people's own rows, so that a registry of many decisions needs no copies of their covariates.
The influence of a person gathers all the entries of the person, and the models'.
"""

from dataclasses import dataclass, replace
from typing import Final

import numpy as np

from analysis.emulation.arrays import FloatArray, IntArray, segment_starts
from analysis.emulation.bootstrap import WeightedPath
from analysis.emulation.cohort import CENSORED, EVENT, Cohort
from analysis.emulation.curves import Incidence, daily_sums, incidence
from analysis.emulation.emulation import NotEstimableError
from analysis.emulation.expectations import Expected
from analysis.emulation.hazards import HazardModel, ModelPair, pair_hazards
from analysis.emulation.influence import (
    coefficient_influence,
    own_steps,
    risk_adjoint,
    sums_derivatives,
)
from analysis.emulation.weights import WeightPath, path_weights

RISK_OF_ENTRIES: Final = "risk_of_entries"


@dataclass(frozen=True)
class ArmOfEntries:
    """One arm: its weighted curve by day since the decision, and the risk by the last of them.

    `entries` counts its entries, `people` those who made them, `events` those of them who saw the
    event in time; `largest_weight` is the largest weight at the start.
    """

    curve: Incidence
    risk: Expected
    entries: int
    people: int
    events: int
    largest_weight: float


def acting_instead(model: HazardModel) -> HazardModel:
    """Return the same model told of its opposite: what happens is that nothing is done."""
    if model.fit is None:
        return model
    rows = replace(model.rows, happened=~model.rows.happened)
    fit = replace(model.fit, coefficients=-model.fit.coefficients)
    acting = -np.expm1(-model.hazard)
    return HazardModel(rows, fit, 1.0 - acting, -np.log(np.maximum(acting, np.finfo(float).tiny)))


def arm_of_entries(
    cohort: Cohort,
    decisions: HazardModel,
    follow_up: HazardModel | None,
    entries: IntArray,
    horizon: int,
    *,
    acted: bool,
    truncation_quantile: float = 1.0,
) -> ArmOfEntries:
    """Return the arm of the entries (rows of the decisions) at which this was done.

    `decisions` and `follow_up` are models of the cohort's own rows. Entries after a person's last
    day are left out; weights above the quantile of all the arm's weights are cut to it. Raises
    `NotEstimableError` where the arm has no answer.
    """
    rows = decisions.rows
    own = entries[
        (rows.happened[entries] == acted)
        & (rows.day[entries] <= cohort.last_day[rows.person[entries]])
    ]
    path = _path(cohort, decisions, follow_up, own, horizon)
    _refuse_if_out_of_entries(path)
    pair: ModelPair = (acting_instead(decisions) if acted else decisions, follow_up)
    weights, person = path_weights(pair_hazards(pair), path), rows.person[own]
    clones = WeightedPath(path, pair, None)
    if truncation_quantile < 1.0:
        clones = replace(clones, cap=float(np.quantile(weights, truncation_quantile)))
        weights = clones.weights
    return ArmOfEntries(
        incidence(daily_sums(path, weights)),
        _risk(cohort, clones, weights, person),
        len(own),
        len(np.unique(person)),
        len(np.unique(person[path.ending == EVENT])),
        float(np.max(weights[path.is_first])),
    )


def _refuse_if_out_of_entries(path: WeightPath) -> None:
    if len(path.last_day) == 0:
        raise NotEstimableError("There is no decision of this kind.")
    if not np.any(path.last_day == path.horizon):
        raise NotEstimableError("Nobody was followed for so long after such a decision.")
    if not np.any(path.ending == EVENT):
        raise NotEstimableError("No event was seen in time after such a decision.")


def _risk(cohort: Cohort, clones: WeightedPath, weights: FloatArray, person: IntArray) -> Expected:
    """Return the risk by the last day with the influence of every person of the cohort."""
    path, pair = clones.path, clones.pair
    sums = daily_sums(path, weights)
    adjoint = risk_adjoint(sums, np.array([path.horizon]))
    models = [model for model in pair if model is not None]
    fitted = [model for model in models if model.fit is not None]
    moves = {id(model): coefficient_influence(model, cohort.people) for model in fitted}
    steps = [
        own_steps(model, moves[id(model)], cohort.unit)
        if id(model) in moves
        else np.zeros(model.height)
        for model in models
    ]
    found = sums_derivatives(
        path, weights, pair, adjoint, cap=clones.cap, steps=np.concatenate(steps)
    )
    derivatives = _by_person(found.direct, person, cohort.people)
    for model, gradient in found.in_coefficients:
        derivatives += moves[id(model)] @ gradient
    own = _by_person(found.own, person, cohort.people)
    return Expected((RISK_OF_ENTRIES,), incidence(sums).risk[-1:], derivatives, own, cohort.unit)


def _path(
    cohort: Cohort,
    decisions: HazardModel,
    follow_up: HazardModel | None,
    own: IntArray,
    horizon: int,
) -> WeightPath:
    """Return where the entries' weights change, in days since their decisions."""
    rows, people = decisions.rows, decisions.rows.person[own]
    start = rows.day[own]
    apart = cohort.last_day[people] - start
    last_day = np.minimum(apart, horizon)
    entry, source = np.arange(len(own)), own
    day = np.zeros(len(own), dtype=np.int64)
    if follow_up is not None:
        contact, now = _contacts(follow_up, people, start, last_day)
        entry, source = np.r_[entry, contact], np.r_[source, decisions.height + now]
        day = np.r_[day, follow_up.rows.day[now] + 1 - start[contact]]
    order = np.argsort(entry, kind="stable")
    entry, source, day = entry[order], source[order], day[order]
    starts = segment_starts(entry)
    is_first = np.zeros(len(entry), dtype=bool)
    is_first[starts] = True
    return WeightPath(
        source,
        entry,
        day,
        np.repeat(starts, np.diff(np.r_[starts, len(entry)])).astype(np.int64),
        is_first,
        last_day,
        np.r_[starts[1:], len(entry)][: len(own)] - 1,
        np.where(apart <= horizon, cohort.ending[people], CENSORED),
        horizon,
    )


def _contacts(
    follow_up: HazardModel, people: IntArray, start: IntArray, last_day: IntArray
) -> tuple[IntArray, IntArray]:
    """Return the entry and the follow-up row of every contact since the start, before the end."""
    rows = follow_up.rows
    span = int(max(rows.day.max(initial=0), (start + last_day).max(initial=0))) + 2
    keys = rows.person * span + rows.day
    first = np.searchsorted(keys, people * span + start)
    after = np.searchsorted(keys, people * span + start + last_day)
    lengths = np.maximum(after - first, 0)
    contact = np.repeat(np.arange(len(people)), lengths)
    before = np.repeat(np.cumsum(lengths) - lengths, lengths)
    return contact, np.arange(len(contact)) - before + first[contact]


def _by_person(values: FloatArray, person: IntArray, people: int) -> FloatArray:
    sums = np.zeros((people, values.shape[1]))
    np.add.at(sums, person, values)
    return sums
