"""The gates: when the software refuses to answer. One small function a gate, from diagnostics.

A gate that could not be evaluated counts as failed.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

import numpy as np
import polars as pl
from scipy.special import ndtri

from analysis.contracts.protocol import Gates
from analysis.emulation.arrays import BoolArray, FloatArray
from analysis.emulation.balance import DayBalance
from analysis.emulation.cohort import CENSORED
from analysis.emulation.emulation import Emulation
from analysis.emulation.intervals import interval_quantile, normal_quantile
from analysis.study.population import Population

PASSED: Final = "passed"
FAILED: Final = "failed"
NOT_EVALUATED: Final = "not_evaluated"
# A control that so few episodes had says nothing either way.
FEWEST_CONTROL_EVENTS: Final = 20
STATUS_NAMES: Final = {PASSED: "passed", FAILED: "failed", NOT_EVALUATED: "could not be evaluated"}


@dataclass(frozen=True)
class Gate:
    """One gate: what was found, what is allowed, and the two in plain words."""

    gate: str
    value: float | None
    threshold: float | None
    status: str
    reason: str


@dataclass(frozen=True)
class ControlEstimate:
    """The same design with an outcome that the order cannot cause; None where it has no answer."""

    kind: str
    events: int
    emulation: Emulation | None
    reason: str


def design_gates(
    emulation: Emulation | None,
    reason: str,
    balances: Sequence[DayBalance],
    contrasts: Sequence[tuple[str, str]],
    gates: Gates,
) -> list[Gate]:
    """Return the gates of a design: of the strategies balanced, and the contrasts, the worst each.

    Without an emulation there is nothing to judge, for the `reason`.
    """
    if emulation is None:
        thresholds = {
            "balance": gates.balance_largest_difference,
            "overlap_probability": gates.overlap_largest_share,
            "overlap_effective_size": gates.smallest_effective_share,
            "power": gates.detectable_largest_difference,
        }
        return [not_evaluated(gate, limit, reason) for gate, limit in thresholds.items()]
    judged = {balance.strategy for balance in balances}
    deciding = [each for each in emulation.strategies if each.name in judged and len(each.staying)]
    return [
        balance_gate(balances, gates),
        _worst([overlap_probability_gate(each.staying, gates) for each in deciding]),
        overlap_effective_size_gate(balances, gates),
        _worst([power_gate(emulation, *pair, gates) for pair in contrasts]),
    ]


def balance_gate(balances: Sequence[DayBalance], gates: Gates) -> Gate:
    """Return whether what is left of every strategy looks like the whole cohort on every day."""
    limit = gates.balance_largest_difference
    worst = max(balances, key=lambda balance: balance.largest)
    found = (
        f"The largest weighted standardised difference is {worst.largest:.3f} ({worst.worst}, "
        f"strategy {worst.strategy}, day {worst.day}); it must be below {limit:g}."
    )
    return _judged("balance", worst.largest, limit, worst.largest < limit, found)


def overlap_probability_gate(staying: FloatArray, gates: Gates) -> Gate:
    """Return whether staying with the strategy was possible at nearly every decision point."""
    smallest, limit = gates.overlap_smallest_probability, gates.overlap_largest_share
    share = float(np.mean(staying < smallest))
    found = (
        f"At {share:.2%} of the decision points the probability of staying is below "
        f"{smallest:g}; at most {limit:.0%} is allowed."
    )
    return _judged("overlap_probability", share, limit, share <= limit, found)


def overlap_effective_size_gate(balances: Sequence[DayBalance], gates: Gates) -> Gate:
    """Return whether the weights leave enough of those still followed in each strategy."""
    limit = gates.smallest_effective_share
    worst = min(balances, key=_effective_share)
    share = _effective_share(worst)
    found = (
        f"The effective sample size is {share:.0%} of those still followed in the strategy "
        f"{worst.strategy} on day {worst.day}; at least {limit:.0%} is needed."
    )
    return _judged("overlap_effective_size", share, limit, share >= limit, found)


def follow_up_known_gate(population: Population, gates: Gates, event: Sequence[str]) -> Gate:
    """Return whether the status at the horizon is known for enough episodes."""
    limit = gates.status_known_smallest
    known = status_known(population, event)
    if known.size == 0:
        return not_evaluated("follow_up_known", limit, "There is nobody in the study population.")
    share = float(np.mean(known))
    found = (
        f"The status on day {population.horizon} is known for {share:.0%} of the episodes; "
        f"at least {limit:.0%} is needed."
    )
    return _judged("follow_up_known", share, limit, share >= limit, found)


def follow_up_gap_gate(population: Population, gates: Gates, event: Sequence[str]) -> Gate:
    """Return whether violators and the others are followed alike."""
    limit = gates.status_known_largest_gap
    known, ever = status_known(population, event), population.ever_violated
    if ever.all() or not ever.any():
        reason = "There are not both episodes with and without a violation to compare."
        return not_evaluated("follow_up_gap", limit, reason)
    gap = abs(float(np.mean(known[ever])) - float(np.mean(known[~ever])))
    found = (
        f"The share with known status differs by {100 * gap:.1f} points between episodes ever and "
        f"never in violation; it must be less than {100 * limit:.0f}."
    )
    return _judged("follow_up_gap", gap, limit, gap < limit, found)


def negative_control_gates(
    controls: Sequence[ControlEstimate],
    strategy: str,
    comparator: str,
    level: float,
) -> list[Gate]:
    """Return for every recorded control whether its interval covers no effect.

    The intervals are simultaneous over the controls (Bonferroni), so that a sound analysis is
    sealed by them in no more than 1 - level of cases. A kind that a delivery does not record is no
    control; without any control the gate could not be evaluated.
    """
    usable = [control for control in controls if control.events >= FEWEST_CONTROL_EVENTS]
    if not usable:
        named = ", ".join(control.kind for control in controls) or "none named by the protocol"
        reason = (
            f"No negative-control outcome ({named}) was seen in at least "
            f"{FEWEST_CONTROL_EVENTS} episodes."
        )
        return [not_evaluated("negative_control", None, reason)]
    own_level = 1.0 - (1.0 - level) / len(usable)
    found = [_control_gate(control, strategy, comparator, own_level) for control in usable]
    idle = [each.kind for each in controls if each.events < FEWEST_CONTROL_EVENTS]
    if idle:
        words = f" Seen in fewer than {FEWEST_CONTROL_EVENTS} episodes, so no control here: "
        found[-1] = replace(found[-1], reason=found[-1].reason + words + ", ".join(idle) + ".")
    return found


def power_gate(emulation: Emulation, strategy: str, comparator: str, gates: Gates) -> Gate:
    """Return whether a risk difference that matters could have been seen."""
    limit = gates.detectable_largest_difference
    error = emulation.difference(strategy, comparator).standard_error
    if not error > 0.0:
        return not_evaluated("power", limit, "The risk difference does not vary between resamples.")
    reach = interval_quantile(emulation.level, emulation.cohort.units)
    reach += float(ndtri(gates.detectable_power))
    smallest = reach * error
    found = (
        f"The smallest detectable risk difference is {100 * smallest:.1f} points (power "
        f"{gates.detectable_power:.0%}); it must not be above {100 * limit:.0f}."
    )
    return _judged("power", smallest, limit, smallest <= limit, found)


def records_gates(record_quality: pl.DataFrame, gates: Gates) -> list[Gate]:
    """Return whether enough sessions have a stage and enough stage changes have evidence."""
    return [
        _share_gate(
            record_quality,
            "records_stage",
            ("stage_known", "attended_sessions"),
            gates.stage_known_smallest,
            "The stage is known for {share:.0%} of the attended sessions",
        ),
        _share_gate(
            record_quality,
            "records_exit_evidence",
            ("stage_changes_with_evidence", "stage_changes"),
            gates.exit_evidence_smallest,
            "The exit was measured or attested for {share:.0%} of the stage changes",
        ),
    ]


def not_evaluated(gate: str, threshold: float | None, reason: str) -> Gate:
    """Return a gate that could not be evaluated, which counts as failed."""
    return Gate(gate, None, threshold, NOT_EVALUATED, reason)


def status_known(population: Population, events: Sequence[str]) -> BoolArray:
    """Return whether each episode's status at the horizon is known (people,).

    It is when one of the events came by then, or when the person was seen on or after that day.
    """
    _, ending = population.ending(events[0], events[1:])
    known: BoolArray = (ending != CENSORED) | (population.last_known_day >= population.horizon)
    return known


def failing(gates: Sequence[Gate]) -> list[Gate]:
    """Return the gates that do not let a verdict pass."""
    return [gate for gate in gates if gate.status != PASSED]


def sealing_reason(gates: Sequence[Gate]) -> str:
    """Return why the estimate is sealed, naming every gate that does not pass."""
    named = [f"{gate.gate} {STATUS_NAMES[gate.status]}: {gate.reason}" for gate in failing(gates)]
    return "Sealed by the study's gates. " + " ".join(named)


def _worst(gates: Sequence[Gate]) -> Gate:
    """Return the gate with the largest value, before it one that could not be evaluated."""
    return max(gates, key=lambda gate: np.inf if gate.value is None else gate.value)


def _control_gate(control: ControlEstimate, strategy: str, comparator: str, level: float) -> Gate:
    gate = f"negative_control_{control.kind}"
    limit = normal_quantile(level)
    if control.emulation is None:
        return not_evaluated(gate, limit, control.reason)
    limit = interval_quantile(level, control.emulation.cohort.units)
    difference = control.emulation.difference(strategy, comparator, level)
    ratio = control.emulation.ratio(strategy, comparator, level)
    if not difference.standard_error > 0.0:
        return not_evaluated(gate, limit, f"The risk of {control.kind} does not vary.")
    distances = [abs(difference.value) / difference.standard_error]
    if ratio is not None:
        distances.append(abs(np.log(ratio.value)) / ratio.standard_error)
    found = (
        f"On {control.kind}, which the order cannot cause, the risk difference is "
        f"{100 * difference.value:.1f} points ({100 * difference.low:.1f} to "
        f"{100 * difference.high:.1f}): {max(distances):.2f} standard errors from no effect; "
        f"it must be within {limit:.2f}."
    )
    return _judged(gate, float(max(distances)), limit, max(distances) <= limit, found)


def _share_gate(
    record_quality: pl.DataFrame, gate: str, columns: tuple[str, str], limit: float, words: str
) -> Gate:
    overall = record_quality.filter(pl.col("clinic_id").is_null())
    if overall.height != 1 or not overall[columns[1]].item():
        return not_evaluated(gate, limit, "There is nothing recorded to judge this by.")
    share = float(overall[columns[0]].item()) / float(overall[columns[1]].item())
    found = f"{words.format(share=share)}; at least {limit:.0%} is needed."
    return _judged(gate, share, limit, share >= limit, found)


def _effective_share(balance: DayBalance) -> float:
    return balance.effective / balance.people if balance.people else 0.0


def _judged(gate: str, value: float, threshold: float, passes: bool, reason: str) -> Gate:
    return Gate(gate, value, threshold, PASSED if passes else FAILED, reason)
