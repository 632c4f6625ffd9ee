"""The specification curve: the primary contrast under every defensible choice, one registered.

Each specification is one choice of every kind: what counts as leaving the strategy, which order,
the day until which risk is counted, what the models know, whether follow-up is weighted, and where
weights are cut (Simonsohn, Simmons and Nelson 2020). Models of staying are fitted once for every
definition, order and adjustment, the model of follow-up (the primary's, whatever the order) once
for every adjustment; horizons, cuts and weighting of follow-up reuse them. Errors are of influences
that carry the models' estimation, in every row.

`strict` is left at the first violation. `one_session_grace` lets a violation count from the next
session on: the strategy is left there, and those who stay are weighted there. `without_clinic`
drops the clinic from both models; `baseline_only` keeps what was known on day 0 (and, of the
follow-up model, day and kind of contact). Where hardly anybody stays there is nothing to defend: by
the overlap gates' own limits such a definition or order has no estimate. Earlier horizons read the
curve earlier, from the models of the whole follow-up.
"""

from collections.abc import Iterator, Sequence
from dataclasses import asdict, astuple, dataclass, replace
from itertools import product
from math import prod
from typing import Final

import numpy as np
import polars as pl

from analysis.contracts.protocol import Protocol
from analysis.emulation.arrays import NEVER, FloatArray, IntArray
from analysis.emulation.cohort import CENSORED, HazardRows, Strategy, natural_course
from analysis.emulation.design import Design
from analysis.emulation.emulation import NotEstimableError
from analysis.emulation.intervals import Estimate
from analysis.emulation.weights import WeightPath, effective_sample_size, weight_path, weights_on
from analysis.scrutiny.exposures import Courses, next_session, session_courses
from analysis.scrutiny.fits import (
    ArmRisks,
    CarriedModel,
    CarriedPair,
    arm_risks,
    arm_weights,
    carried,
    risk_differences,
)
from analysis.scrutiny.ground import Ground
from analysis.scrutiny.joint import JointTest, joint_test
from analysis.scrutiny.rows import (
    SPECIFICATION_CURVE,
    SensitivityRow,
    found,
    impossible,
    not_run,
)
from analysis.study.gates import failing, sealing_reason
from analysis.study.hypotheses import SPECIFICITY
from analysis.study.rows import ESTIMATED, IMPOSSIBLE, NATURAL, NOT_RUN, SEALED, STRICT, framed
from analysis.study.strategies import Ground as StudyGround
from analysis.study.strategies import make_strategy, rival_orders, strict_name
from analysis.study.study import BALANCE_DAYS, OpenStudy

WITH_GRACE: Final = "one_session_grace"
DEFINITIONS: Final = ("strict", WITH_GRACE)
EARLIER_HORIZONS: Final = (180, 270)
CUTS: Final = (1.0, 0.99, 0.95)
FULL, WITHOUT_CLINIC, BASELINE_ONLY = "full", "without_clinic", "baseline_only"
# Columns of the models that an adjustment does without, by how their names begin.
DROPPED: Final = {
    FULL: (),
    WITHOUT_CLINIC: ("clinic=",),
    BASELINE_ONLY: ("pain", "stage_due=", "visits", "has_violated="),
}
WEIGHTED, UNWEIGHTED = "weighted", "unweighted"
KINDS: Final = ("definition", "order_name", "horizon_days", "adjustment", "follow_up", "cut")
# Whose last choice goes first when there are more specifications than the protocol asks for.
GIVEN_UP: Final = ("cut", "horizon_days", "cut", "adjustment", "definition", "horizon_days")
NO_CUT: Final = "none"
MEASURES: Final = (
    "specifications",
    "median_risk_difference",
    "share_below_none",
    "share_above_none",
    "joint_median_p",
    "joint_share_p",
)


@dataclass(frozen=True)
class Specification:
    """One choice of every kind."""

    definition: str
    order_name: str
    horizon_days: int
    adjustment: str
    follow_up: str
    cut: float

    @property
    def truncation(self) -> str:
        """Return the quantile at which weights are cut, in words."""
        return NO_CUT if self.cut >= 1.0 else f"{100 * self.cut:g} %"


@dataclass(frozen=True)
class SpecificationRow:
    """One row of `results.specification_curve`; the value is a difference of risks."""

    specification: int
    is_registered: bool
    definition: str
    order_name: str
    horizon_days: int
    adjustment: str
    follow_up: str
    truncation: str
    value: float | None = None
    low: float | None = None
    high: float | None = None
    episodes: int | None = None
    events: int | None = None
    status: str = NOT_RUN
    reason: str = ""

    def sealed(self, reason: str) -> "SpecificationRow":
        """Return the row without anything that the estimate could be computed from."""
        if self.status != ESTIMATED:
            return self
        return replace(
            self, value=None, low=None, high=None, events=None, status=SEALED, reason=reason
        )


@dataclass(frozen=True)
class Choices:
    """The choices of every kind, the registered one first."""

    definition: tuple[str, ...]
    order_name: tuple[str, ...]
    horizon_days: tuple[int, ...]
    adjustment: tuple[str, ...]
    follow_up: tuple[str, ...]
    cut: tuple[float, ...]

    @property
    def size(self) -> int:
        """Return how many specifications there are."""
        return prod(len(getattr(self, kind)) for kind in KINDS)

    def without_last(self, kind: str) -> "Choices":
        """Return the choices but the last of a kind, never without the registered one."""
        kept = getattr(self, kind)
        return replace(self, **{kind: kept[: max(len(kept) - 1, 1)]})

    def all(self) -> list[Specification]:
        """Return every specification, the registered one first."""
        return [Specification(*each) for each in product(*astuple(self))]


def specifications(protocol: Protocol) -> list[Specification]:
    """Return the specifications, the registered one first, at most as many as the protocol asks.

    Where there are more, choices are given up from the last of a kind, kind after kind.
    """
    horizon, own_cut = protocol.study.horizon_days, protocol.weights.truncation_quantile
    first = protocol.study.primary_order
    choices = Choices(
        DEFINITIONS,
        (first, *(name for name in protocol.orders if name != first)),
        (horizon, *(day for day in EARLIER_HORIZONS if day < horizon)),
        tuple(DROPPED),
        (WEIGHTED, UNWEIGHTED),
        (own_cut, *(cut for cut in CUTS if cut != own_cut)),
    )
    most = max(protocol.sensitivity.specifications, 1)
    for kind in (*GIVEN_UP, *(each for each in KINDS for _ in getattr(choices, each))):
        if choices.size <= most:
            break
        choices = choices.without_last(kind)
    return choices.all()


@dataclass(frozen=True)
class Curve:
    """The rows of the curve, and their joint test where at least one has an estimate."""

    rows: tuple[SpecificationRow, ...]
    joint: JointTest | None = None


def specification_curve(ground: Ground) -> Curve:
    """Return a row for every specification, the registered one as number 1.

    Rows of a rival order whose own gates do not pass are sealed whatever the primary's gates say.
    """
    wanted = specifications(ground.protocol)
    if ground.protocol.sensitivity.specifications == 0:
        reason = "The protocol asks for no specifications."
        return Curve((replace(_registered(wanted[0]), reason=reason),))
    findings = {each.choice: each for each in _evaluated(ground, wanted)}
    closed = closed_orders(ground.study)
    rows = []
    for number, choice in enumerate(wanted, start=1):
        row = replace(findings[choice].row, specification=number, is_registered=number == 1)
        is_closed = row.order_name in closed
        rows.append(row.sealed(closed[row.order_name]) if is_closed else row)
    told = [
        (row.value, findings[choice].moves)
        for row, choice in zip(rows, wanted, strict=True)
        if row.value is not None
    ]
    if not told:
        return Curve(tuple(rows))
    values = np.array([value for value, _ in told])
    moves = np.array([moves for _, moves in told]).T
    seed = ground.protocol.sensitivity.seed
    return Curve(tuple(rows), joint_test(values, moves, ground.level, seed))


def closed_orders(study: OpenStudy) -> dict[str, str]:
    """Return why the risk under a rival order may not be told, by order; the open ones are not in.

    The rivals have gates of their own, which the primary's do not answer for.
    """
    reasons = {}
    for answer in study.answers:
        for order_name in rival_orders(study.protocol):
            gates = answer.closing_risk(strict_name(order_name))
            if answer.analysis == SPECIFICITY and failing(gates):
                reasons[order_name] = sealing_reason(gates)
    return reasons


def no_curve(protocol: Protocol, reason: str) -> Curve:
    """Return the registered specification alone, without a number and with the reason."""
    registered = _registered(specifications(protocol)[0])
    return Curve((replace(registered, status=IMPOSSIBLE, reason=reason),))


def curve_frame(rows: Sequence[SpecificationRow]) -> pl.DataFrame:
    """Return `results.specification_curve`."""
    return framed("specification_curve", [asdict(row) for row in rows])


def read_curve(frame: pl.DataFrame) -> list[SpecificationRow]:
    """Return the rows of `results.specification_curve`."""
    return [SpecificationRow(**row) for row in frame.iter_rows(named=True)]


def summary_rows(curve: Curve) -> list[SensitivityRow]:
    """Return what the specifications say together."""
    rows, own = curve.rows, [row for row in curve.rows if row.value is not None]
    if curve.joint is None:
        tell = not_run if rows[0].status == NOT_RUN else impossible
        return [tell(SPECIFICATION_CURVE, measure, rows[0].reason) for measure in MEASURES]
    below = float(np.mean([row.high is not None and row.high < 0.0 for row in own]))
    above = float(np.mean([row.low is not None and row.low > 0.0 for row in own]))
    median = float(np.median([row.value for row in own if row.value is not None]))
    numbers = (float(len(own)), median, below, above, curve.joint.median_p, curve.joint.share_p)
    told = f"{len(own)} of {len(rows)} specifications have an estimate that may be told."
    chance = "By chance alone, had none of these specifications any effect; they share their data."
    words = (told, told, told, told, chance, chance)
    return [
        found(SPECIFICATION_CURVE, *each[:2], reason=each[2])
        for each in zip(MEASURES, numbers, words, strict=True)
    ]


def _row(choice: Specification) -> SpecificationRow:
    return SpecificationRow(
        0,
        False,
        choice.definition,
        choice.order_name,
        choice.horizon_days,
        choice.adjustment,
        choice.follow_up,
        choice.truncation,
    )


def _registered(choice: Specification) -> SpecificationRow:
    return replace(_row(choice), specification=1, is_registered=True)


@dataclass(frozen=True)
class _Finding:
    """A specification's row, and what each unit does to its estimate (units,); None without one."""

    choice: Specification
    row: SpecificationRow
    moves: FloatArray | None = None


@dataclass(frozen=True)
class _Defined:
    """A strategy under one definition, the full model of staying with it, or why there is none."""

    name: str
    strategy: Strategy | None
    staying: CarriedModel | None
    reason: str


@dataclass(frozen=True)
class _Followed:
    """Follow-up under one adjustment, and the risks with stages as usually chosen.

    `natural` is by weighting of follow-up and cut. No order changes them.
    """

    model: CarriedModel
    natural: dict[tuple[str, float], ArmRisks]


def _evaluated(ground: Ground, wanted: Sequence[Specification]) -> Iterator[_Finding]:
    """Yield every specification with its row, in the order in which models are shared."""
    followed: dict[str, _Followed | str] = {}
    for adjustment in dict.fromkeys(each.adjustment for each in wanted):
        try:
            followed[adjustment] = _followed(ground, adjustment, wanted)
        except NotEstimableError as refusal:
            followed[adjustment] = str(refusal)
    sessions = session_courses(ground.tables, ground.population)
    for order_name in dict.fromkeys(each.order_name for each in wanted):
        own = [each for each in wanted if each.order_name == order_name]
        definitions = list(dict.fromkeys(each.definition for each in own))
        for defined in _strategies(ground, order_name, definitions, sessions):
            for adjustment, being_followed in followed.items():
                mine = [
                    each
                    for each in own
                    if (each.definition, each.adjustment) == (defined.name, adjustment)
                ]
                yield from _with_adjustment(ground, defined, being_followed, mine)


def _strategies(
    ground: Ground, order_name: str, definitions: Sequence[str], sessions: Courses
) -> Iterator[_Defined]:
    """Yield the strategies of an order, by definition, with their full models."""
    study, arms, protocol = ground.study, ground.arms, ground.protocol
    if order_name == protocol.study.primary_order:
        strict = Strategy(STRICT, ground.population.violated_on, arms.decisions)
    else:
        made_from = StudyGround(ground.tables, ground.population, study.cohort, protocol)
        try:
            strict = make_strategy(made_from, strict_name(order_name))
        except NotEstimableError as refusal:
            yield from (_Defined(each, None, None, str(refusal)) for each in definitions)
            return
    for definition in definitions:
        strategy = strict
        if definition == WITH_GRACE:
            strategy = _with_grace(strict, sessions, arms.cohort.last_day)
        yield _defined(ground, definition, strategy)


def _defined(ground: Ground, name: str, strategy: Strategy) -> _Defined:
    """Return the strategy with its full model; without one where the overlap gates object."""
    arms, rows = ground.arms, strategy.decisions
    if rows is arms.decisions:
        return _Defined(name, strategy, arms.staying, "")
    try:
        if rows is None or not rows.happened.any():
            raise NotEstimableError("Nobody was seen to leave the strategy.")
        staying = carried(arms.cohort, rows, ground.protocol.weights.ridge_precision)
        _refuse_without_overlap(ground, strategy, staying)
    except NotEstimableError as refusal:
        return _Defined(name, strategy, None, str(refusal))
    return _Defined(name, strategy, staying, "")


def _with_adjustment(
    ground: Ground, defined: _Defined, followed: _Followed | str, wanted: Sequence[Specification]
) -> Iterator[_Finding]:
    if isinstance(followed, str) or defined.strategy is None or defined.staying is None:
        reason = followed if isinstance(followed, str) else defined.reason
        yield from (_refused(ground, each, reason) for each in wanted)
        return
    try:
        staying = _adjusted(ground, defined.staying, wanted[0].adjustment)
    except NotEstimableError as refusal:
        yield from (_refused(ground, each, str(refusal)) for each in wanted)
        return
    for follow_up in dict.fromkeys(each.follow_up for each in wanted):
        is_weighted = follow_up == WEIGHTED
        contacts = followed.model.model.rows if is_weighted else None
        path = weight_path(ground.arms.cohort, defined.strategy, contacts)
        pair = staying, followed.model if is_weighted else None
        chosen = [each for each in wanted if each.follow_up == follow_up]
        yield from _contrasts(ground, path, pair, followed, chosen)


def _followed(ground: Ground, adjustment: str, wanted: Sequence[Specification]) -> _Followed:
    """Return follow-up as adjusted, with the risks of every weighting and cut that is wanted."""
    cohort = ground.arms.cohort
    model = _adjusted(ground, ground.arms.being_followed, adjustment)
    horizons = sorted({each.horizon_days for each in wanted})
    natural: dict[tuple[str, float], ArmRisks] = {}
    for choice in wanted:
        key = choice.follow_up, choice.cut
        if key not in natural:
            is_weighted = choice.follow_up == WEIGHTED
            course = natural_course(cohort.people, NATURAL)
            path = weight_path(cohort, course, model.model.rows if is_weighted else None)
            pair = None, model if is_weighted else None
            natural[key] = arm_risks(path, pair, horizons, quantile=choice.cut)
    return _Followed(model, natural)


def _contrasts(
    ground: Ground,
    path: WeightPath,
    pair: CarriedPair,
    followed: _Followed,
    wanted: Sequence[Specification],
) -> Iterator[_Finding]:
    """Yield the contrasts of one weighted strategy: its cuts and its horizons."""
    unit = ground.arms.cohort.unit
    for cut in dict.fromkeys(each.cut for each in wanted):
        mine = [each for each in wanted if each.cut == cut]
        other = followed.natural[mine[0].follow_up, cut]
        horizons = [int(day) for day in other.days]
        try:
            arm = arm_risks(path, pair, horizons, quantile=cut)
        except NotEstimableError as refusal:
            yield from (_refused(ground, each, str(refusal)) for each in mine)
            continue
        differences = risk_differences(arm, other, unit, ground.level)
        for each in mine:
            place = horizons.index(each.horizon_days)
            moves = arm.influences[:, place] - other.influences[:, place]
            sums = np.bincount(unit, weights=moves, minlength=ground.arms.cohort.units)
            row = _found(ground, each, differences[place], int(arm.events[place]))
            yield _Finding(each, row, np.asarray(sums, dtype=np.float64))


def _found(
    ground: Ground, choice: Specification, difference: Estimate, events: int
) -> SpecificationRow:
    return replace(
        _row(choice),
        value=difference.value,
        low=difference.low,
        high=difference.high,
        episodes=ground.population.episodes,
        events=events,
        status=ESTIMATED,
    )


def _refused(ground: Ground, choice: Specification, reason: str) -> _Finding:
    row = replace(
        _row(choice), episodes=ground.population.episodes, status=IMPOSSIBLE, reason=reason
    )
    return _Finding(choice, row)


def _adjusted(ground: Ground, full: CarriedModel, adjustment: str) -> CarriedModel:
    """Return the model of the same rows under the adjustment; the full one as it is."""
    rows = full.model.rows
    design = _without(rows.design, DROPPED[adjustment])
    if design is rows.design:
        return full
    precision = ground.protocol.weights.ridge_precision
    return carried(ground.arms.cohort, replace(rows, design=design), precision)


def _refuse_without_overlap(ground: Ground, strategy: Strategy, staying: CarriedModel) -> None:
    """Raise `NotEstimableError` where the overlap gates would not let the strategy pass.

    Weights are those of staying, uncut: a cut hides that nobody stayed, it does not mend it.
    """
    gates, cohort = ground.protocol.gates, ground.arms.cohort
    lowest, most = gates.overlap_smallest_probability, gates.overlap_largest_share
    share = float(np.mean(1.0 - staying.model.probability < lowest))
    if share > most:
        raise NotEstimableError(
            f"At {share:.0%} of the decisions the probability of staying is below {lowest:g}; at "
            f"most {most:.0%} is allowed."
        )
    path = weight_path(cohort, strategy, None)
    weights, _ = arm_weights(path, (staying, None), 1.0)
    for day in sorted({min(day, cohort.horizon) for day in BALANCE_DAYS}):
        until = np.where(cohort.ending == CENSORED, day, np.minimum(day, cohort.last_day))
        left = weights_on(weights, path, until)[path.last_day >= until]
        if effective_sample_size(left) < gates.smallest_effective_share * len(left):
            raise NotEstimableError(
                f"On day {day} the effective sample size is below "
                f"{gates.smallest_effective_share:.0%} of those who still follow the strategy."
            )


def _without(design: Design, beginnings: tuple[str, ...]) -> Design:
    """Return the design without the columns whose names begin so."""
    kept = [j for j, name in enumerate(design.names) if not name.startswith(beginnings)]
    if len(kept) == len(design.names):
        return design
    names = tuple(design.names[j] for j in kept)
    values = np.ascontiguousarray(design.values[:, kept])
    return Design(names, values, design.centers[kept], design.scales[kept])


def _with_grace(strict: Strategy, sessions: Courses, last_day: IntArray) -> Strategy:
    """Return the strategy left, and stayed with, from the next session on; without one neither."""
    rows, leaves_on = strict.decisions, strict.leaves_on
    everybody = np.arange(len(leaves_on))
    later = next_session(sessions, everybody, np.minimum(leaves_on, last_day + 1))
    later = np.where(leaves_on <= last_day, later, NEVER)
    if rows is None:
        return replace(strict, leaves_on=later)
    day = next_session(sessions, rows.person, rows.day)
    kept = np.flatnonzero(day <= last_day[rows.person])
    design = replace(rows.design, values=np.ascontiguousarray(rows.design.values[kept]))
    moved = HazardRows(rows.person[kept], day[kept], rows.happened[kept], design)
    return replace(strict, leaves_on=later, decisions=moved)
