"""Standard errors by linearisation: what each person did to the weighted risk, models included.

The weighted risk is a smooth function of how often every person counts. Its derivative in that
count is the person's influence (Deville 1999; Efron 1981 calls it the infinitesimal jackknife):

    influence = direct part + sum over weight models of
                (d risk / d beta)' x (penalised information)^-1 x (score of the person)

The direct part is the person's own weighted counting processes against the derivatives of the
Aalen-Johansen risk in what is at risk, what happens and what competes on each day (Andersen et al.
1993, section IV.4); the rest carries the estimation of the models of staying and of being followed,
as for any two-step estimator (Binder 1983; Robins and Rotnitzky 1992; Newey and McFadden 1994,
section 6). With d log w = sum of p x d(beta)'x over the rows behind, d risk / d beta is one pass
back over the days and one over the rows. Caps of weights are held where the full sample put them.

A derivative takes the person's own weight as moving with the models that the person helped to fit,
while without the person there is no such weight. For the few who carry large weights because they
stayed against all odds this matters: the derivative says that the models make up for part of
them, which they could not. As with robust errors of a regression (MacKinnon and White 1985),
squares of plain derivatives err low by the leverages (HC0), squares of what leaving out a unit does
err high by as much (HC3, the jackknife; Efron and Stein 1981), and half way between they are right
to the first order (HC2; Kauermann and Carroll 2001). Here the leverage is the unit's own share of
d risk / d beta as it meets the unit's own scores; half of it is taken away. It vanishes as people
become many.

Influences of a unit's people are added up; the sum of squares over the G units, times G/(G-1), is
the variance, whatever the dependence within a unit. Contrasts are of a person's own influences.
"""

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Final

import numpy as np
from scipy.sparse import csr_array

from analysis.emulation.arrays import BoolArray, FloatArray, IntArray, segment_starts
from analysis.emulation.cohort import COMPETING, EVENT
from analysis.emulation.curves import DailySums, daily_sums, incidence
from analysis.emulation.hazards import HazardModel, ModelPair
from analysis.emulation.logistic import WORKERS
from analysis.emulation.weights import WeightPath

# Rows of the path that are worked on at a time; times the numbers wanted it is the memory needed.
BLOCK_ROWS: Final = 1 << 15
GRID_STEPS: Final = 48
# Risks are at most 1: an error as small as this is what rounding leaves of none.
LARGEST_ROUNDING: Final = 1e-14
# Of what a unit's own weights answer to the unit, the part that errors do without.
SHARE_TAKEN_AWAY: Final = 0.5


@dataclass(frozen=True)
class RiskInfluence:
    """How much each person moves the risk by each of some days (people x days).

    `values` are derivatives in how often the person counts; `own` is the part of them in which the
    weights of the person's own unit answer the unit. `days` rise and end with the horizon; `unit`
    (people,) are the independent units.
    """

    days: IntArray
    values: FloatArray
    own: FloatArray
    unit: IntArray

    @property
    def at_horizon(self) -> FloatArray:
        """Return each person's influence by the last day, as errors need it (people,)."""
        return self.corrected[:, -1]

    @property
    def corrected(self) -> FloatArray:
        """Return the influences as errors need them (people x days); see `corrected`."""
        return corrected(self.values, self.own)

    def daily_errors(self) -> FloatArray:
        """Return the standard error of the risk on every day 0 to the last one (days,).

        Between the days worked out, variances are interpolated.
        """
        variances = clustered_errors(self.corrected, self.unit) ** 2
        every_day = np.arange(int(self.days[-1]) + 1)
        return np.sqrt(np.interp(every_day, self.days, variances))


@dataclass(frozen=True)
class SumsAdjoint:
    """Derivatives of some numbers in the daily sums; (days of the sums x numbers).

    `at_risk_before[s]` is the sum of the derivatives in the number at risk over the days before
    s, one row longer than the others.
    """

    at_risk_before: FloatArray
    events: FloatArray
    competing: FloatArray


def grid_of_days(horizon: int, steps: int = GRID_STEPS) -> IntArray:
    """Return about `steps` days from 0 to the horizon, both among them."""
    return np.unique(np.linspace(0, horizon, steps + 1).astype(np.int64))


def risk_adjoint(sums: DailySums, days: IntArray) -> SumsAdjoint:
    """Return the derivatives of the risk by each of `days` in every daily sum."""
    curve = incidence(sums)
    anyone = sums.at_risk > 0.5
    at_risk = np.where(anyone, sums.at_risk, np.inf)
    hazards = sums.events / at_risk, sums.competing / at_risk
    remaining = 1.0 - hazards[0] - hazards[1]
    remaining = np.where(remaining > 0.0, remaining, np.inf)
    before = np.r_[1.0, curve.survival[:-1]]
    is_past = np.arange(len(before))[:, None] <= days[None, :]
    later = curve.risk[days][None, :] - curve.risk[:, None]
    to_competing = np.where(is_past, -later / remaining[:, None], 0.0)
    to_event = to_competing + np.where(is_past, before[:, None], 0.0)
    mean = to_event * hazards[0][:, None] + to_competing * hazards[1][:, None]
    in_at_risk = -mean / at_risk[:, None]
    start = np.zeros((1, len(days)))
    return SumsAdjoint(
        np.concatenate([start, np.cumsum(in_at_risk, axis=0)]),
        to_event / at_risk[:, None],
        to_competing / at_risk[:, None],
    )


@dataclass(frozen=True)
class RowGains:
    """What a unit of weight adds to some numbers beside what it adds to the daily sums.

    `rows` (rows of the path x numbers) while each row lasts, `start` (people x numbers) before a
    person's first row.
    """

    rows: FloatArray
    start: FloatArray


@dataclass(frozen=True)
class Derivatives:
    """Derivatives of some numbers about a strategy, as far as they need one pass over the rows.

    `direct` (people x numbers) in each person's count with the weights held; `own` (people x
    numbers) of each person's own weights along the steps given; `in_coefficients` the fitted models
    with the derivatives in their coefficients (columns x numbers).
    """

    direct: FloatArray
    own: FloatArray
    in_coefficients: tuple[tuple[HazardModel, FloatArray], ...]


def sums_derivatives(
    path: WeightPath,
    weights: FloatArray,
    pair: ModelPair,
    adjoint: SumsAdjoint,
    *,
    cap: float | None = None,
    steps: FloatArray | None = None,
    gains: RowGains | None = None,
) -> Derivatives:
    """Return the derivatives of the numbers whose derivatives in the daily sums are given.

    `weights` (rows of the path,) are those under the models of `pair`, cut at `cap`; `steps`
    (decisions then follow-up) how every hazard row's log weight moves, nowhere when absent;
    `gains` what the numbers gain from single people beside the daily sums.
    """
    parts = _fitted(pair)
    direct = np.empty((len(path.last_day), adjoint.events.shape[1]))
    own_part = np.zeros(direct.shape)
    gradients = [np.zeros((m.rows.design.values.shape[1], direct.shape[1])) for m, _ in parts]

    def work_on(block: _Block) -> list[FloatArray]:
        tails = _tails(path, weights, adjoint, block, gains)
        direct[block.people] = _direct(path, adjoint, block, tails)
        if gains is not None:
            direct[block.people] += gains.start[block.people]
        if cap is not None:
            tails = np.where(weights[block.rows, None] < cap, tails, 0.0)
        onward = _onward(path, block, tails)
        source = path.source[block.rows]
        if steps is not None:
            people = block.people.stop - block.people.start
            own_part[block.people] = _person_sums(steps[source], block.person, people) @ onward
        return [_gradient(model, source - offset, onward) for model, offset in parts]

    with ThreadPoolExecutor(WORKERS) as pool:
        for moved in pool.map(work_on, _blocks(path)):
            for gradient, own in zip(gradients, moved, strict=True):
                np.add(gradient, own, out=gradient)
    models = [model for model, _ in parts]
    return Derivatives(direct, own_part, tuple(zip(models, gradients, strict=True)))


def risk_derivatives(
    path: WeightPath,
    weights: FloatArray,
    pair: ModelPair,
    *,
    days: IntArray,
    cap: float | None = None,
    steps: FloatArray | None = None,
) -> Derivatives:
    """Return the derivatives of the risk by each of `days`; arguments as of `sums_derivatives`."""
    adjoint = risk_adjoint(daily_sums(path, weights), days)
    return sums_derivatives(path, weights, pair, adjoint, cap=cap, steps=steps)


def sums_influence(
    path: WeightPath,
    weights: FloatArray,
    pair: ModelPair,
    unit: IntArray,
    adjoint: SumsAdjoint,
    *,
    cap: float | None = None,
    gains: RowGains | None = None,
) -> tuple[FloatArray, FloatArray]:
    """Return each person's influence on the numbers, models refitted (people x numbers).

    The second array is the part in which the weights of the person's own unit answer the unit.
    Arguments as of `sums_derivatives`; `unit` (people,) numbered from 0 without gaps.
    """
    moves = [coefficient_influence(model, len(unit)) for model, _ in _fitted(pair)]
    steps = _own_steps(pair, moves, unit)
    found = sums_derivatives(path, weights, pair, adjoint, cap=cap, steps=steps, gains=gains)
    values = found.direct.copy()
    for move, (_, gradient) in zip(moves, found.in_coefficients, strict=True):
        values += move @ gradient
    return values, found.own


def risk_influence(
    path: WeightPath,
    weights: FloatArray,
    pair: ModelPair,
    unit: IntArray,
    *,
    days: IntArray,
    cap: float | None = None,
) -> RiskInfluence:
    """Return each person's influence on the risk by each of `days`; see `sums_influence`."""
    adjoint = risk_adjoint(daily_sums(path, weights), days)
    values, own = sums_influence(path, weights, pair, unit, adjoint, cap=cap)
    return RiskInfluence(days, values, own, unit)


def coefficient_influence(model: HazardModel, people: int) -> FloatArray:
    """Return each person's influence on the coefficients of a fitted model (people x columns).

    The score summed over the person's rows, times the inverse of the penalised information.
    """
    if model.fit is None:
        raise ValueError("A model that was not fitted has no coefficients.")
    rows = model.rows
    residual = rows.happened - model.probability
    scores = _person_sums(residual, rows.person, people) @ rows.design.values
    return np.asarray(np.linalg.solve(model.fit.information, scores.T).T, dtype=np.float64)


def corrected(derivatives: FloatArray, own: FloatArray) -> FloatArray:
    """Return influences whose squares tell the variance without bias to the first order.

    `derivatives` are in how often each person counts, `own` the part of them in which the weights
    of the person's own unit answer the unit; both people x numbers.
    """
    return derivatives - SHARE_TAKEN_AWAY * own


def clustered_errors(influences: FloatArray, unit: IntArray) -> FloatArray:
    """Return the standard error of every column (columns,) from influences of people.

    `influences` (people x columns), `unit` (people,) numbered from 0 without gaps; NaN with one
    unit only.
    """
    sums = _unit_sums(influences, unit)
    units = len(sums)
    if units < 2:
        return np.full(influences.shape[1], np.nan)
    squares = np.sum((sums - sums.mean(axis=0)) ** 2, axis=0)
    errors = np.sqrt(squares * units / (units - 1.0))
    return np.where(errors > LARGEST_ROUNDING, errors, 0.0)


def own_steps(model: HazardModel, move: FloatArray, unit: IntArray) -> FloatArray:
    """Return how the log weight of every row of a fitted model answers its own unit (rows,).

    `move` (people x columns) are the influences on the model's coefficients.
    """
    by_unit = _unit_sums(move, unit)
    steps = np.empty(model.height)
    for first in range(0, model.height, BLOCK_ROWS):
        rows = slice(first, first + BLOCK_ROWS)
        moved = by_unit[unit[model.rows.person[rows]]]
        own = np.einsum("ij,ij->i", model.rows.design.values[rows], moved)
        steps[rows] = own * model.probability[rows]
    return steps


def _own_steps(pair: ModelPair, moves: Sequence[FloatArray], unit: IntArray) -> FloatArray:
    """Return how every row's log weight answers its own unit (decisions then follow-up rows,)."""
    steps = np.zeros(sum(model.height for model in pair if model is not None))
    for (model, offset), move in zip(_fitted(pair), moves, strict=True):
        steps[offset : offset + model.height] = own_steps(model, move, unit)
    return steps


def _unit_sums(values: FloatArray, unit: IntArray) -> FloatArray:
    """Return the sums of the rows of every unit (units x columns)."""
    units = int(unit.max()) + 1
    sums = np.empty((units, values.shape[1]))
    for column in range(values.shape[1]):
        sums[:, column] = np.bincount(unit, weights=values[:, column], minlength=units)
    return sums


@dataclass(frozen=True)
class _Block:
    """Some successive people and their rows of the path; `person` (rows,) counts from the first.

    `next_day` (rows,) is when the row's weight stops, `is_last` marks a person's last row.
    """

    people: slice
    rows: slice
    person: IntArray
    next_day: IntArray
    is_last: BoolArray


def _blocks(path: WeightPath) -> Iterator[_Block]:
    """Yield people in order, as many at a time as have about `BLOCK_ROWS` rows or are as many."""
    people = len(path.last_day)
    ends = np.cumsum(np.bincount(path.person, minlength=people) + 1)
    steps = np.arange(BLOCK_ROWS, ends[-1] + BLOCK_ROWS, BLOCK_ROWS)
    bounds = np.unique(np.r_[0, np.minimum(np.searchsorted(ends, steps) + 1, people)])
    cuts = np.searchsorted(path.person, bounds)
    for first, after, start, stop in zip(bounds[:-1], bounds[1:], cuts[:-1], cuts[1:], strict=True):
        rows = slice(int(start), int(stop))
        person = path.person[rows]
        is_last = path.last_row[person] == np.arange(start, stop)
        next_day = np.r_[path.day[rows][1:], 0]
        next_day = np.where(is_last, path.last_day[person] + 1, next_day)
        yield _Block(slice(int(first), int(after)), rows, person - first, next_day, is_last)


def _fitted(pair: ModelPair) -> list[tuple[HazardModel, int]]:
    """Return the fitted models, each with where its rows begin among both models' rows."""
    decisions, follow_up = pair
    offset = 0 if decisions is None else decisions.height
    both = ((decisions, 0), (follow_up, offset))
    return [(model, first) for model, first in both if model is not None and model.fit is not None]


def _last_events(path: WeightPath, adjoint: SumsAdjoint, people: IntArray) -> FloatArray:
    """Return what a unit of weight in each person's ending adds (people x numbers)."""
    ending, day = path.ending[people], np.maximum(path.last_day[people], 0)
    added = np.where((ending == EVENT)[:, None], adjoint.events[day], 0.0)
    return np.where((ending == COMPETING)[:, None], adjoint.competing[day], added)


def _tails(
    path: WeightPath,
    weights: FloatArray,
    adjoint: SumsAdjoint,
    block: _Block,
    gains: RowGains | None,
) -> FloatArray:
    """Return what every row's weight adds to the numbers while it lasts (rows x numbers)."""
    at_risk = adjoint.at_risk_before
    added = at_risk[block.next_day] - at_risk[path.day[block.rows]]
    people = path.person[block.rows][block.is_last]
    added[block.is_last] += _last_events(path, adjoint, people)
    if gains is not None:
        added += gains.rows[block.rows]
    added *= weights[block.rows, None]
    return added


def _direct(path: WeightPath, adjoint: SumsAdjoint, block: _Block, tails: FloatArray) -> FloatArray:
    """Return what each person of the block adds with the weights held (people x numbers)."""
    own = np.arange(block.people.start, block.people.stop)
    until = path.last_day[own] + 1
    has_rows = path.last_row[own] >= 0
    until[has_rows] = path.day[block.rows][segment_starts(block.person)]
    direct: FloatArray = adjoint.at_risk_before[until]
    alone = own[~has_rows]
    direct[~has_rows] += _last_events(path, adjoint, alone)
    direct += _person_sums(np.ones(len(tails)), block.person, len(own)) @ tails
    return direct


def _onward(path: WeightPath, block: _Block, tails: FloatArray) -> FloatArray:
    """Return for every row the sum of its own and the person's later tails (rows x numbers)."""
    running = np.cumsum(tails, axis=0)
    last = path.last_row[path.person[block.rows]] - block.rows.start
    return np.asarray(running[last] - running + tails, dtype=np.float64)


def _gradient(model: HazardModel, source: IntArray, onward: FloatArray) -> FloatArray:
    """Return the sum of p x onward over the rows of the path that are the model's."""
    own = np.flatnonzero((source >= 0) & (source < model.height))
    x = model.rows.design.values
    if own.size == 0:
        return np.zeros((x.shape[1], onward.shape[1]))
    rows = source[own]
    first, after = int(rows.min()), int(rows.max()) + 1
    by_row = np.zeros((after - first, onward.shape[1]))
    added = onward[own] * model.probability[rows, None]
    if np.all(np.diff(rows) > 0):
        by_row[rows - first] = added
    else:
        np.add.at(by_row, rows - first, added)
    return np.asarray(x[first:after].T @ by_row, dtype=np.float64)


def _person_sums(values: FloatArray, person: IntArray, people: int) -> csr_array:
    """Return the matrix (people x rows) that sums rows, times these values, within people.

    `person` (rows,) is sorted.
    """
    bounds = np.searchsorted(person, np.arange(people + 1))
    return csr_array((values, np.arange(len(values)), bounds), shape=(people, len(values)))
