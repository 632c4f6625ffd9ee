"""The protocol as a target-trial table: the trial one would run, beside its emulation.

The components are those of Hernán and Robins (2016) and of the TARGET statement (Cashin et al.
2025). Whatever is a parameter of the protocol is taken from it.
"""

from dataclasses import dataclass

from analysis.contracts.protocol import Protocol, StageGroups
from analysis.reporting.writing import listed, percent, spelled


@dataclass(frozen=True)
class Component:
    """One component of the protocol, as the target trial has it and as the records emulate it."""

    name: str
    target: str
    emulation: str


def target_trial(protocol: Protocol) -> tuple[Component, ...]:
    """Return the components of the target trial beside their emulation."""
    return (
        _eligibility(),
        _strategies(protocol),
        _assignment(),
        _time_zero(),
        _outcome(protocol),
        _follow_up(protocol),
        _estimand(protocol),
        _contrasts(protocol),
        _analysis(protocol),
        *_assumptions(protocol),
    )


def order_words(groups: StageGroups) -> str:
    """Return an order of stages as text, e.g. `1 < 2 or 3 < 4 < 5`."""
    return " < ".join(" or ".join(str(stage) for stage in group) for group in groups)


def _eligibility() -> Component:
    return Component(
        "Eligibility",
        "People who begin an episode of neuromuscular rehabilitation for one problem.",
        "Accepted episodes of care with an attended session, whose first attended session is "
        "day 0. Every step of the selection is counted under Who is in the study.",
    )


def _strategies(protocol: Protocol) -> Component:
    order = order_words(protocol.orders[protocol.study.primary_order])
    evidence = listed(protocol.exits.counted_evidence, "or")
    early = protocol.early_loading
    stages = listed([str(stage) for stage in early.stages], "or")
    return Component(
        "Treatment strategies",
        f"Strict: a stage is worked only once every stage that comes before it in the order "
        f"{order} is completed. Natural: stages are chosen as usual. Secondary, early loading: "
        f"stage {stages} is begun within {early.within_days} days, whatever stage 1 says.",
        f"The same. A stage is completed from the first session in which its exit is recorded as "
        f"{evidence}; an exit that was only inferred never counts. Going back to an earlier "
        f"stage, and stopping care, break no strategy. Care is taken to have stopped after "
        f"{protocol.care.longest_gap_days} days without an attended session.",
    )


def _assignment() -> Component:
    return Component(
        "Assignment",
        "At random to a strategy on day 0, known to patient and therapist.",
        "Every episode is compatible with each strategy on day 0 and is cloned into it (Cain et "
        "al. 2010). A clone is censored when its episode leaves the strategy; weights take the "
        "place of randomisation, given the recorded history.",
    )


def _time_zero() -> Component:
    return Component(
        "Time zero",
        "Day of eligibility and assignment: the first session.",
        "Day 0, the first attended session. Nothing that happens later decides who is compared.",
    )


def _outcome(protocol: Protocol) -> Component:
    outcome, horizon = protocol.outcome, protocol.study.horizon_days
    competing = listed(outcome.competing)
    return Component(
        "Outcome",
        f"First {spelled(outcome.event)} by day {horizon}; competing: {competing}.",
        f"First recorded {spelled(outcome.event)} by day {horizon}, as cumulative incidence in "
        f"the presence of {competing}. Negative-control outcomes, which the order cannot "
        f"influence: {listed(outcome.negative_controls)}.",
    )


def _follow_up(protocol: Protocol) -> Component:
    horizon = protocol.study.horizon_days
    return Component(
        "Follow-up",
        f"From day 0 to the outcome, a competing event or day {horizon}; nobody is lost.",
        f"From day 0 to the outcome, a competing event, day {horizon} or the last known status: "
        "the latest attended session, follow-up that reached the person, or event. Never to the "
        "date of the extract, because people who do not come back are not therefore well.",
    )


def _estimand(protocol: Protocol) -> Component:
    horizon = protocol.study.horizon_days
    return Component(
        "Estimands",
        f"Risk of {spelled(protocol.outcome.event)} by day {horizon} if everybody followed the "
        "strategy (per protocol), in the whole study population.",
        "The same risk, standardised to the study population by weighting. Secondary: mean "
        "number of re-injuries, time free of re-injury, and recovered days (latest pain at most "
        f"{protocol.recovery.pain_at_most:g}).",
    )


def _contrasts(protocol: Protocol) -> Component:
    others = [
        order_words(groups)
        for name, groups in protocol.orders.items()
        if name != protocol.study.primary_order
    ]
    return Component(
        "Contrasts",
        "Difference (primary) and ratio of the risks, strict against natural; both two-sided.",
        f"The same. Reported apart: order, endurance, early loading, and specificity, the same "
        f"contrast under the rival orders {listed(others)}. By condition, region and chronicity, "
        f"across clinics, and as nested trials of moving on now or waiting over "
        f"{protocol.trials.horizon_days} days.",
    )


def _analysis(protocol: Protocol) -> Component:
    weights = protocol.weights
    cut = (
        "Weights are not cut."
        if weights.truncation_quantile >= 1
        else f"Weights above their {percent(weights.truncation_quantile)} quantile are cut to it."
    )
    return Component(
        "Analysis",
        "Per-protocol comparison of cumulative incidence between the arms.",
        "Clone, censor, weight. Clones are weighted by the inverse probability of staying with "
        "the strategy, modelled at the sessions where moving on early was possible given "
        f"{listed(protocol.deviation_model.covariates)}; and by the inverse probability of "
        "staying under follow-up, given "
        f"{listed(protocol.follow_up_model.covariates)}. {cut} {interval_words(protocol)}",
    )


def interval_words(protocol: Protocol) -> str:
    """Return how the primary intervals are made, as sentences."""
    level = percent(protocol.bootstrap.interval_level)
    method, unit = protocol.intervals.method, protocol.intervals.cluster
    resamples = (
        f"{protocol.bootstrap.replicates} resamples of whole {unit}s, every model refitted in each"
    )
    ways = {
        "bootstrap": resamples,
        "influence": "influence functions that carry the estimation of every weight model",
        "both": f"{resamples}; errors by influence functions are told beside them",
    }
    return f"{level} intervals come from {ways[method]}."


def _assumptions(protocol: Protocol) -> tuple[Component, ...]:
    gates = protocol.gates
    return (
        Component(
            "Assumption: exchangeability",
            "Holds by randomisation.",
            "Given the recorded history, moving on early depends on nothing else that bears on "
            "re-injury. It cannot be tested; negative controls and permuted orders look for its "
            "failure, E-values say how strong a failure would have to be.",
        ),
        Component(
            "Assumption: positivity",
            "Holds by randomisation.",
            "Whatever the history, staying with the strategy had some probability: below "
            f"{gates.overlap_smallest_probability:g} at no more than "
            f"{percent(gates.overlap_largest_share)} of the decisions.",
        ),
        Component(
            "Assumption: consistency",
            "Sessions are delivered and recorded as assigned.",
            "The records say which stage was worked and whether its exit was met: the stage is "
            f"known for at least {percent(gates.stage_known_smallest)} of sessions and the exit "
            f"is measured or attested for {percent(gates.exit_evidence_smallest)} of changes.",
        ),
        Component(
            "Assumption: follow-up",
            "Nobody is lost.",
            "Given the recorded history, being lost says nothing about re-injury; status at the "
            f"horizon is known for at least {percent(gates.status_known_smallest)}.",
        ),
    )
