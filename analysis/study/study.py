"""The study from marts to sealed results: strategies, contrasts, controls, gates, verdicts.

Nothing leaves here before the gates have been asked. Where one does not pass, the numbers of the
primary analysis are dropped, with everything they could be computed from: the risk curves, the
risks of both strategies, their events, and the biased comparisons, which must never stand alone.
The other hypotheses are sealed by the gates of their own designs and by those that all share, and
by the primary's where their rows hold the strict strategy. Diagnostics stay: gates, balance and the
negative controls' own estimates.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Final

import polars as pl

from analysis.contracts.protocol import Protocol
from analysis.contracts.results import empty
from analysis.emulation.balance import DayBalance, balance_on_day, covariate_levels
from analysis.emulation.cohort import EVENT, Cohort, HazardRows
from analysis.emulation.emulation import (
    Emulation,
    NotEstimableError,
    Settings,
    StrategyRisk,
    emulate,
)
from analysis.emulation.intervals import BOOTSTRAP, INFLUENCE
from analysis.study.biased import biased_comparisons
from analysis.study.gates import (
    ControlEstimate,
    Gate,
    design_gates,
    failing,
    follow_up_gap_gate,
    follow_up_known_gate,
    negative_control_gates,
    records_gates,
    sealing_reason,
)
from analysis.study.hypotheses import (
    Answer,
    answer_curves,
    answer_rows,
    answer_verdict,
    answers,
)
from analysis.study.imputed import imputed_rows
from analysis.study.models import balance_terms, follow_up_rows
from analysis.study.population import Population, study_population
from analysis.study.rows import (
    NATURAL,
    PRIMARY,
    STRICT,
    EstimateRow,
    balance_rows,
    biased_rows,
    curve_rows,
    designed_rows,
    estimate_rows,
    framed,
    gate_rows,
)
from analysis.study.strategies import (
    EARLY_LOADING,
    IN_ORDER,
    STAGE_5_COMPLETED,
    STRICT_IN_CARE,
    Ground,
    Strategies,
    StrategyRisks,
    make_strategies,
    make_strategy,
    rival_orders,
    strategy_risk,
    strict_name,
    without_path,
)
from analysis.study.tables import StudyTables
from analysis.study.verdicts import CANNOT, interval_verdict

BALANCE_DAYS: Final = (0, 30, 90, 180, 365)
# The strategies of the other hypotheses, beside the strict one under rival orders.
OTHERS: Final = (IN_ORDER, STAGE_5_COMPLETED, STRICT_IN_CARE, EARLY_LOADING)
# Their bands are worked out on as many days, and variances interpolated between.
BAND_STEPS: Final = 12


@dataclass(frozen=True)
class StudyResult:
    """The study's rows of `results.*`, sealed where a gate does not pass."""

    estimates: pl.DataFrame
    risk_curves: pl.DataFrame
    gates: pl.DataFrame
    verdicts: pl.DataFrame
    balance: pl.DataFrame


@dataclass(frozen=True)
class Analysis:
    """The primary analysis before sealing; `emulation` is None where the data hold no answer."""

    emulation: Emulation | None
    reason: str
    balances: tuple[DayBalance, ...]


@dataclass(frozen=True)
class OpenStudy:
    """All that was computed before sealing; only calibration on simulated truth may look inside."""

    population: Population
    cohort: Cohort
    primary: Analysis
    controls: tuple[ControlEstimate, ...]
    gates: tuple[Gate, ...]
    protocol: Protocol
    answers: tuple[Answer, ...] = ()
    imputed: tuple[EstimateRow, ...] = ()


def _silent(_: str) -> None:
    """Say nothing."""


def open_study(
    tables: StudyTables, protocol: Protocol, *, progress: Callable[[str], None] = _silent
) -> OpenStudy:
    """Return the study before its gates were heeded; for `sealed` and for known truths only.

    A study that these data cannot answer is no error: its answers say so, with the reason.
    """
    ground = _ground(tables, protocol)
    design = _design(ground, (STRICT, NATURAL))
    study = _opened(ground, design, progress)
    own_gates = _primary_gates(study.primary, protocol)
    progress("asking the other hypotheses")
    found, balances = _all_risks(ground, design, study.primary)
    shared = study.gates[len(own_gates) :]
    return replace(
        study,
        answers=answers(ground, found, balances, own_gates, shared),
        imputed=tuple(imputed_rows(ground, lambda filled: _linear_primary(filled, protocol))),
    )


def open_primary(tables: StudyTables, protocol: Protocol) -> OpenStudy:
    """Return the primary analysis with its controls and gates alone, before they were heeded."""
    ground = _ground(tables, protocol)
    return _opened(ground, _design(ground, (STRICT, NATURAL)), _silent)


def primary_analysis(tables: StudyTables, protocol: Protocol) -> Analysis:
    """Return the primary analysis alone, unsealed; for registries whose truth is known."""
    ground = _ground(tables, protocol)
    return _primary(ground, _design(ground, (STRICT, NATURAL)), _silent)


def sealed(study: OpenStudy) -> StudyResult:
    """Return the results that may be written: without numbers where a gate does not pass."""
    primary, gates = study.primary, study.gates
    is_closed = bool(failing(gates))
    rows = [*_primary_rows(study), *study.imputed]
    if is_closed:
        rows = [row.sealed(sealing_reason(gates)) for row in rows]
    curves = [empty("risk_curves")]
    if primary.emulation is not None and not is_closed:
        curves.append(curve_rows(PRIMARY, primary.emulation))
    episodes, horizon = study.population.episodes, study.population.horizon
    for answer in study.answers:
        rows += answer_rows(answer, episodes, horizon)
        curves += answer_curves(answer)
    own = {answer.analysis: answer for answer in study.answers}
    return StudyResult(
        estimate_rows([*rows, *_control_rows(study)]),
        pl.concat(curves),
        pl.concat([gate_rows(PRIMARY, gates), *(gate_rows(a, own[a].gates) for a in own)]),
        _verdicts(study),
        pl.concat(
            [balance_rows(PRIMARY, primary.balances)]
            + [balance_rows(analysis, answer.balances) for analysis, answer in own.items()]
        ),
    )


@dataclass(frozen=True)
class _Design:
    """The strategies made so far, and the follow-up that all of them share."""

    strategies: Strategies
    follow_up: HazardRows | None

    def all_of(self, names: Sequence[str]) -> None:
        """Raise `NotEstimableError` unless every one of these strategies could be made."""
        for name in names:
            if name in self.strategies.reasons:
                raise NotEstimableError(self.strategies.reasons[name])


def _ground(tables: StudyTables, protocol: Protocol) -> Ground:
    population = study_population(tables, protocol)
    cohort = population.cohort(protocol.outcome.event, protocol.outcome.competing)
    return Ground(tables, population, cohort, protocol)


def _design(ground: Ground, names: Sequence[str]) -> _Design:
    strategies = make_strategies(ground, names)
    follow_up = None
    if strategies.made:
        follow_up = follow_up_rows(ground.tables, ground.population, ground.cohort, ground.protocol)
    return _Design(strategies, follow_up)


def _opened(ground: Ground, design: _Design, progress: Callable[[str], None]) -> OpenStudy:
    primary = _primary(ground, design, progress)
    controls = tuple(_controls(ground, progress))
    own_gates = _primary_gates(primary, ground.protocol)
    shared = _shared_gates(ground, controls)
    gates = (*own_gates, *shared)
    return OpenStudy(ground.population, ground.cohort, primary, controls, gates, ground.protocol)


def _primary(ground: Ground, design: _Design, progress: Callable[[str], None]) -> Analysis:
    protocol = ground.protocol
    try:
        emulation = _emulation(ground, design, protocol.intervals.method, progress)
    except NotEstimableError as refusal:
        return Analysis(None, str(refusal), ())
    balances = _balances(ground.cohort, emulation.strategies, ground.population, protocol)
    return Analysis(emulation, "", balances)


def _emulation(
    ground: Ground, design: _Design, intervals: str, progress: Callable[[str], None]
) -> Emulation:
    names = (STRICT, NATURAL)
    design.all_of(names)
    return emulate(
        ground.cohort,
        [design.strategies.made[name] for name in names],
        design.follow_up,
        _settings(ground.protocol, intervals),
        progress=progress,
    )


def _linear_primary(tables: StudyTables, protocol: Protocol) -> Emulation:
    """Return the primary emulation of the tables, with influences."""
    ground = _ground(tables, protocol)
    return _emulation(ground, _design(ground, (STRICT, NATURAL)), INFLUENCE, _silent)


def _all_risks(
    ground: Ground, design: _Design, primary: Analysis
) -> tuple[StrategyRisks, dict[str, tuple[DayBalance, ...]]]:
    """Return the risks under all strategies with their influences, and their balance.

    One strategy after the other, so that only one design takes up room at a time; the primary's
    own are kept where they have influences.
    """
    rivals = [strict_name(order_name) for order_name in rival_orders(ground.protocol)]
    settings = replace(_settings(ground.protocol, INFLUENCE), grid_steps=BAND_STEPS)
    at_hand = dict[str, StrategyRisk]()
    if primary.emulation is not None and ground.protocol.intervals.method != BOOTSTRAP:
        at_hand = {each.name: each for each in primary.emulation.strategies}
    risks, reasons = dict[str, StrategyRisk](), dict[str, str]()
    balances = dict[str, tuple[DayBalance, ...]]()
    for name in (STRICT, NATURAL, *OTHERS, *rivals):
        try:
            risk = at_hand.get(name) or _linear_risk(ground, design, name, settings)
        except NotEstimableError as refusal:
            reasons[name] = str(refusal)
            continue
        balances[name] = _balances(ground.cohort, [risk], ground.population, ground.protocol)
        risks[name] = without_path(risk)
    return StrategyRisks(ground.cohort, settings.level, risks, reasons), balances


def _linear_risk(ground: Ground, design: _Design, name: str, settings: Settings) -> StrategyRisk:
    strategy = design.strategies.made.get(name) or make_strategy(ground, name)
    return strategy_risk(ground.cohort, strategy, design.follow_up, settings)


def _settings(protocol: Protocol, intervals: str) -> Settings:
    return Settings(
        precision=protocol.weights.ridge_precision,
        truncation_quantile=protocol.weights.truncation_quantile,
        replicates=protocol.bootstrap.replicates,
        seed=protocol.bootstrap.seed,
        level=protocol.bootstrap.interval_level,
        intervals=intervals,
    )


def _controls(ground: Ground, progress: Callable[[str], None]) -> list[ControlEstimate]:
    controls = []
    outcome, method = ground.protocol.outcome, ground.protocol.intervals.negative_controls
    for kind in outcome.negative_controls:
        cohort = ground.population.cohort(kind, outcome.competing)
        own = replace(ground, cohort=cohort)
        events = int((cohort.ending == EVENT).sum())

        def say(step: str, kind: str = kind) -> None:
            progress(f"{kind}: {step}")

        try:
            emulation = _emulation(own, _design(own, (STRICT, NATURAL)), method, say)
            controls.append(ControlEstimate(kind, events, emulation, ""))
        except NotEstimableError as refusal:
            controls.append(ControlEstimate(kind, events, None, str(refusal)))
    return controls


def _balances(
    cohort: Cohort, risks: Sequence[StrategyRisk], population: Population, protocol: Protocol
) -> tuple[DayBalance, ...]:
    covariates = covariate_levels(population.baseline, balance_terms(protocol))
    days = sorted({min(day, population.horizon) for day in (*BALANCE_DAYS, population.horizon)})
    return tuple(
        balance_on_day(cohort, risk.name, risk.path, risk.weights, covariates=covariates, day=day)
        for risk in risks
        for day in days
    )


def _primary_gates(primary: Analysis, protocol: Protocol) -> list[Gate]:
    return design_gates(
        primary.emulation, primary.reason, primary.balances, [(STRICT, NATURAL)], protocol.gates
    )


def _shared_gates(ground: Ground, controls: Sequence[ControlEstimate]) -> list[Gate]:
    """Return the gates that every analysis of the study must pass."""
    protocol = ground.protocol
    limits, level = protocol.gates, protocol.bootstrap.interval_level
    outcomes = (protocol.outcome.event, *protocol.outcome.competing)
    return [
        follow_up_known_gate(ground.population, limits, outcomes),
        follow_up_gap_gate(ground.population, limits, outcomes),
        *negative_control_gates(controls, STRICT, NATURAL, level),
        *records_gates(ground.tables.record_quality, limits),
    ]


def _primary_rows(study: OpenStudy) -> list[EstimateRow]:
    population, primary = study.population, study.primary
    level, horizon = study.protocol.bootstrap.interval_level, population.horizon
    rows = designed_rows(PRIMARY, primary.emulation, primary.reason, population.episodes, horizon)
    for comparison in biased_comparisons(population, study.cohort, level):
        rows += biased_rows(comparison, horizon)
    return rows


def _control_rows(study: OpenStudy) -> list[EstimateRow]:
    return [
        row
        for control in study.controls
        for row in designed_rows(
            f"negative_control_{control.kind}",
            control.emulation,
            control.reason,
            study.population.episodes,
            study.population.horizon,
        )
    ]


def _verdicts(study: OpenStudy) -> pl.DataFrame:
    found = {PRIMARY: _primary_verdict(study.primary, study.gates)}
    found |= {answer.analysis: answer_verdict(answer) for answer in study.answers}
    return framed(
        "verdicts",
        [
            {"analysis": analysis, "verdict": verdict, "reason": reason}
            for analysis, (verdict, reason) in found.items()
        ],
    )


def _primary_verdict(primary: Analysis, gates: Sequence[Gate]) -> tuple[str, str]:
    if primary.emulation is None:
        return CANNOT, primary.reason
    if failing(gates):
        return CANNOT, sealing_reason(gates)
    return interval_verdict(primary.emulation.difference(STRICT, NATURAL))
