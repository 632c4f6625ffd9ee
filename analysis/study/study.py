"""The study from marts to sealed results: strict against natural, controls, gates, verdict.

Nothing leaves here before the gates have been asked. Where one does not pass, the numbers of the
primary analysis are dropped, with everything they could be computed from: the risk curves, the
risks of both strategies, their events, and the biased comparisons, which must never stand alone.
Diagnostics stay: gates, balance and the negative controls' own estimates.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

import polars as pl

from analysis.contracts.protocol import Protocol
from analysis.contracts.results import VERDICTS, empty
from analysis.emulation.balance import DayBalance, balance_on_day, covariate_levels
from analysis.emulation.cohort import EVENT, Cohort, Strategy, natural_course
from analysis.emulation.emulation import Emulation, NotEstimableError, Settings, emulate
from analysis.study.biased import biased_comparisons
from analysis.study.gates import (
    ControlEstimate,
    Gate,
    balance_gate,
    failing,
    follow_up_gap_gate,
    follow_up_known_gate,
    negative_control_gates,
    not_evaluated,
    overlap_effective_size_gate,
    overlap_probability_gate,
    power_gate,
    records_gates,
    sealing_reason,
)
from analysis.study.models import balance_terms, decision_rows, follow_up_rows
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
    not_run_row,
)
from analysis.study.tables import StudyTables

LOWER, NO_DIFFERENCE, HIGHER, CANNOT = VERDICTS
BALANCE_DAYS: Final = (0, 30, 90, 180, 365)
# Fewer patients than this make no study; no model of their weights would mean anything.
FEWEST_PATIENTS: Final = 50
NOT_RUN_YET: Final = {
    "order": ("order", "in_order"),
    "endurance": ("endurance", "stage_5_completed"),
    "specificity": ("specificity", STRICT),
    "early_loading": ("completion", "early_loading"),
}
NOT_RUN_REASON: Final = "This analysis was not run."


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


def _silent(_: str) -> None:
    """Say nothing."""


def analyse_study(
    tables: StudyTables, protocol: Protocol, *, progress: Callable[[str], None] = _silent
) -> StudyResult:
    """Return the estimates, gates and verdicts of the study; the same tables give the same bytes.

    A study that these data cannot answer is no error: its verdict says so, with the reason.
    """
    return sealed(open_study(tables, protocol, progress=progress))


def open_study(
    tables: StudyTables, protocol: Protocol, *, progress: Callable[[str], None] = _silent
) -> OpenStudy:
    """Return the study before its gates were heeded; for registries whose truth is known."""
    population = study_population(tables, protocol)
    cohort = population.cohort(protocol.outcome.event, protocol.outcome.competing)
    primary = _primary(tables, population, cohort, protocol, progress)
    controls = tuple(_controls(tables, population, protocol, progress))
    gates = tuple(_gates(tables, population, primary, controls, protocol))
    return OpenStudy(population, cohort, primary, controls, gates, protocol)


def primary_analysis(tables: StudyTables, protocol: Protocol) -> Analysis:
    """Return the primary analysis alone, unsealed; for registries whose truth is known."""
    population = study_population(tables, protocol)
    cohort = population.cohort(protocol.outcome.event, protocol.outcome.competing)
    return _primary(tables, population, cohort, protocol, _silent)


def sealed(study: OpenStudy) -> StudyResult:
    """Return the results that may be written: without numbers where a gate does not pass."""
    primary, gates = study.primary, study.gates
    is_closed = bool(failing(gates))
    rows = _primary_rows(study)
    if is_closed:
        rows = [row.sealed(sealing_reason(gates)) for row in rows]
    curves = empty("risk_curves")
    if primary.emulation is not None and not is_closed:
        curves = curve_rows(PRIMARY, primary.emulation)
    return StudyResult(
        estimate_rows([*rows, *_control_rows(study), *_not_run_rows(study.protocol)]),
        curves,
        gate_rows(PRIMARY, gates),
        _verdicts(primary, gates),
        balance_rows(PRIMARY, primary.balances),
    )


def _primary(
    tables: StudyTables,
    population: Population,
    cohort: Cohort,
    protocol: Protocol,
    progress: Callable[[str], None],
) -> Analysis:
    try:
        method = protocol.intervals.method
        emulation = _emulation(
            tables, population, cohort, protocol, intervals=method, progress=progress
        )
    except NotEstimableError as refusal:
        return Analysis(None, str(refusal), ())
    return Analysis(emulation, "", _balances(emulation, population, protocol))


def _emulation(
    tables: StudyTables,
    population: Population,
    cohort: Cohort,
    protocol: Protocol,
    *,
    intervals: str,
    progress: Callable[[str], None],
) -> Emulation:
    if cohort.units < FEWEST_PATIENTS:
        raise NotEstimableError(
            f"There are fewer than {FEWEST_PATIENTS} patients in the study population."
        )
    if not population.ever_violated.any():
        raise NotEstimableError(
            "Nobody ever left the strict order, so it cannot be told apart from care as usual."
        )
    decisions = decision_rows(tables, population, cohort, protocol)
    if decisions.happened.size == 0:
        raise NotEstimableError("There is no session at which advancing early was possible.")
    strict = Strategy(STRICT, population.violated_on, decisions)
    follow_up = follow_up_rows(tables, population, cohort, protocol)
    natural = natural_course(cohort.people, NATURAL)
    settings = _settings(protocol, intervals)
    return emulate(cohort, (strict, natural), follow_up, settings, progress=progress)


def _settings(protocol: Protocol, intervals: str) -> Settings:
    return Settings(
        precision=protocol.weights.ridge_precision,
        truncation_quantile=protocol.weights.truncation_quantile,
        replicates=protocol.bootstrap.replicates,
        seed=protocol.bootstrap.seed,
        level=protocol.bootstrap.interval_level,
        intervals=intervals,
    )


def _controls(
    tables: StudyTables,
    population: Population,
    protocol: Protocol,
    progress: Callable[[str], None],
) -> list[ControlEstimate]:
    controls = []
    for kind in protocol.outcome.negative_controls:
        cohort = population.cohort(kind, protocol.outcome.competing)
        events = int((cohort.ending == EVENT).sum())

        def say(step: str, kind: str = kind) -> None:
            progress(f"{kind}: {step}")

        try:
            method = protocol.intervals.negative_controls
            emulation = _emulation(
                tables, population, cohort, protocol, intervals=method, progress=say
            )
            controls.append(ControlEstimate(kind, events, emulation, ""))
        except NotEstimableError as refusal:
            controls.append(ControlEstimate(kind, events, None, str(refusal)))
    return controls


def _balances(
    emulation: Emulation, population: Population, protocol: Protocol
) -> tuple[DayBalance, ...]:
    covariates = covariate_levels(population.baseline, balance_terms(protocol))
    days = sorted({min(day, population.horizon) for day in (*BALANCE_DAYS, population.horizon)})
    return tuple(
        balance_on_day(
            emulation.cohort,
            strategy.name,
            strategy.path,
            strategy.weights,
            covariates=covariates,
            day=day,
        )
        for strategy in emulation.strategies
        for day in days
    )


def _gates(
    tables: StudyTables,
    population: Population,
    primary: Analysis,
    controls: Sequence[ControlEstimate],
    protocol: Protocol,
) -> list[Gate]:
    limits = protocol.gates
    outcomes = (protocol.outcome.event, *protocol.outcome.competing)
    return [
        *_design_gates(primary, protocol),
        follow_up_known_gate(population, limits, outcomes),
        follow_up_gap_gate(population, limits, outcomes),
        *negative_control_gates(controls, STRICT, NATURAL, protocol.bootstrap.interval_level),
        *records_gates(tables.record_quality, limits),
    ]


def _design_gates(primary: Analysis, protocol: Protocol) -> list[Gate]:
    limits, emulation = protocol.gates, primary.emulation
    if emulation is None:
        thresholds = {
            "balance": limits.balance_largest_difference,
            "overlap_probability": limits.overlap_largest_share,
            "overlap_effective_size": limits.smallest_effective_share,
            "power": limits.detectable_largest_difference,
        }
        return [not_evaluated(gate, limit, primary.reason) for gate, limit in thresholds.items()]
    return [
        balance_gate(primary.balances, limits),
        overlap_probability_gate(emulation[STRICT].staying, limits),
        overlap_effective_size_gate(primary.balances, limits),
        power_gate(emulation, STRICT, NATURAL, limits),
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


def _not_run_rows(protocol: Protocol) -> list[EstimateRow]:
    horizon = protocol.study.horizon_days
    return [
        not_run_row(analysis, hypothesis, strategy, NOT_RUN_REASON, horizon)
        for analysis, (hypothesis, strategy) in NOT_RUN_YET.items()
    ]


def _verdicts(primary: Analysis, gates: Sequence[Gate]) -> pl.DataFrame:
    verdict, reason = _verdict(primary, gates)
    rows = [{"analysis": PRIMARY, "verdict": verdict, "reason": reason}]
    rows += [
        {"analysis": analysis, "verdict": CANNOT, "reason": NOT_RUN_REASON}
        for analysis in NOT_RUN_YET
    ]
    return framed("verdicts", rows)


def _verdict(primary: Analysis, gates: Sequence[Gate]) -> tuple[str, str]:
    if primary.emulation is None:
        return CANNOT, primary.reason
    if failing(gates):
        return CANNOT, sealing_reason(gates)
    difference = primary.emulation.difference(STRICT, NATURAL)
    found = f"{100 * difference.low:.1f} to {100 * difference.high:.1f} points"
    words = f"The interval of the risk difference, {found},"
    if difference.high < 0.0:
        return LOWER, f"{words} lies below no difference; all gates passed."
    if difference.low > 0.0:
        return HIGHER, f"{words} lies above no difference; all gates passed."
    return NO_DIFFERENCE, f"{words} covers no difference; all gates passed."
