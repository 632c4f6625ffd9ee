"""The methods of the study as plain paragraphs with citations, filled from the protocol."""

from collections.abc import Sequence
from dataclasses import dataclass

from analysis.contracts.protocol import Protocol
from analysis.contracts.release import ReleaseFacts
from analysis.reporting.facts import StudyFacts
from analysis.reporting.references import references_in
from analysis.reporting.trial import Component, interval_words, order_words, target_trial
from analysis.reporting.writing import counted, listed, percent, spelled


@dataclass(frozen=True)
class Passage:
    """A heading and its paragraphs."""

    heading: str
    paragraphs: tuple[str, ...]


def methods(
    protocol: Protocol, release: ReleaseFacts, found: StudyFacts | None = None
) -> tuple[Passage, ...]:
    """Return the methods text; what was found is told where it belongs to the methods."""
    return (
        _design(protocol),
        _records(release, found),
        _exposure(protocol),
        _outcome(protocol),
        _estimation(protocol),
        _intervals(protocol),
        _gates(protocol),
        _further(protocol),
        _doubts(protocol),
        _release(protocol, release, found),
    )


def methods_markdown(protocol: Protocol, release: ReleaseFacts, found: StudyFacts) -> str:
    """Return the methods text, the target-trial table and the references as Markdown."""
    passages = methods(protocol, release, found)
    table = target_trial(protocol)
    parts = [
        f"# Methods: {_plain(protocol.study.name)}",
        "Filled in by the software from the protocol and from released figures; counts are "
        "rounded. What a person must add is marked in `checklists.csv`.",
        *(
            "\n\n".join((f"## {passage.heading}", *map(_plain, passage.paragraphs)))
            for passage in passages
        ),
        "## The target trial and its emulation",
        _table(table),
        "## References",
        "\n".join(f"- {work.full}" for work in references_in(_texts(passages, table))),
    ]
    return "\n\n".join(parts) + "\n"


def _texts(passages: Sequence[Passage], table: Sequence[Component]) -> list[str]:
    told = [text for passage in passages for text in passage.paragraphs]
    return [*told, *(text for row in table for text in (row.target, row.emulation))]


def _table(table: Sequence[Component]) -> str:
    lines = ["| component | target trial | emulation |", "|---|---|---|"]
    lines += [f"| {row.name} | {_cell(row.target)} | {_cell(row.emulation)} |" for row in table]
    return "\n".join(lines)


def _cell(text: str) -> str:
    return _plain(text).replace("|", "\\|")


def _plain(text: str) -> str:
    """Return text without the marks that Markdown would read."""
    for mark in "\\`*_<>#[]":
        text = text.replace(mark, f"\\{mark}")
    return " ".join(text.split())


def _design(protocol: Protocol) -> Passage:
    order = order_words(protocol.orders[protocol.study.primary_order])
    return Passage(
        "Design",
        (
            "This is a cohort study of routinely recorded sessions, designed as the emulation of "
            "a target trial (Hernán and Robins 2016) and reported along STROBE (von Elm et al. "
            "2007), RECORD (Benchimol et al. 2015) and TARGET (Cashin et al. 2025). TARGET was "
            "written for trials with adjustment for baseline confounders; here confounders "
            "change with time, so its items on assumptions and analysis are answered for "
            "strategies sustained over time.",
            f"The question: does completing each stage before the next, in the order {order}, "
            f"change the risk of {spelled(protocol.outcome.event)} by day "
            f"{protocol.study.horizon_days}, compared with stages chosen as usual? The contrast "
            "is two-sided; benefit, no clear difference, harm and no answer are equally possible.",
        ),
    )


def _records(release: ReleaseFacts, found: StudyFacts | None) -> Passage:
    months = (
        f"episodes begun {release.first_month} to {release.last_month}"
        if release.first_month and release.last_month
        else "no episodes yet"
    )
    kind = "Synthetic demonstration records" if release.is_synthetic else "Records of the clinics"
    told = [
        f"{kind}: {months}, from {counted(release.deliveries, 'delivery')}. Every delivery is held "
        "to a declared contract row by row; rejected rows are kept apart with their reasons. "
        "Patients carry keys of the registry only; time is in days since the first attended "
        "session."
    ]
    if found is not None:
        told += [text for text in (found.participants, found.selection, found.follow_up) if text]
    return Passage("Records and participants", tuple(told))


def _exposure(protocol: Protocol) -> Passage:
    evidence = listed(protocol.exits.counted_evidence, "or")
    return Passage(
        "Strategies",
        (
            "A stage counts as completed from the first session in which its exit is met with "
            f"{evidence} evidence; completion is kept. A session violates the strict strategy "
            "when it works a stage while a stage that must come before it is not completed. An "
            "exit inferred from the therapist having moved on never counts: that would make the "
            "question circular. Going back to an earlier stage and stopping care are no "
            "violations.",
            "Natural is the usual course of care, with nothing censored by the strategy.",
        ),
    )


def _outcome(protocol: Protocol) -> Passage:
    outcome = protocol.outcome
    return Passage(
        "Outcomes",
        (
            f"Primary: first {spelled(outcome.event)} by day {protocol.study.horizon_days}. "
            f"Competing events: {listed(outcome.competing)}. Follow-up ends at the last known "
            "status, never at the date of the extract.",
            f"Negative-control outcomes: {listed(outcome.negative_controls)} (Lipsitch et al. "
            "2010). Secondary: competing events, recurrent re-injuries as mean cumulative count "
            "(Cook and Lawless 2007), restricted mean time free of re-injury, and days recovered "
            f"(latest pain before treatment at most {protocol.recovery.pain_at_most:g}).",
        ),
    )


def _estimation(protocol: Protocol) -> Passage:
    weights = protocol.weights
    cut = (
        "Weights are not cut"
        if weights.truncation_quantile >= 1
        else f"Weights are cut at their {percent(weights.truncation_quantile)} quantile"
    )
    return Passage(
        "Estimation",
        (
            "Clone, censor, weight (Cain et al. 2010; Hernán 2018; Maringe et al. 2020): every "
            "episode is cloned into each strategy on day 0, a clone is censored at its first "
            "violation, and those who remain are weighted by the inverse probability of having "
            "stayed (Robins and Finkelstein 2000). Time before a violation is thereby counted "
            "for both strategies, and nobody is put into a group by what happens later.",
            "The probability of staying with the strategy is a logistic model at the decision "
            "points, the attended sessions where moving on early was possible, of what was known "
            f"before the session: {listed(protocol.deviation_model.covariates)}. The probability "
            "of staying under follow-up is a logistic model at the contacts of "
            f"{listed(protocol.follow_up_model.covariates)}. {cut}; coefficients carry a ridge "
            f"precision of {weights.ridge_precision:g}.",
            "Risks are weighted Aalen-Johansen cumulative incidences on the scale of days "
            "(Andersen et al. 1993).",
        ),
    )


def _intervals(protocol: Protocol) -> Passage:
    return Passage(
        "Intervals",
        (
            f"{interval_words(protocol)} The {protocol.intervals.cluster} is the unit. The "
            "difference is always taken within the same resample or of the same person's "
            "influences (Efron 1979; Deville 1999). Subgroups, secondary and sensitivity analyses "
            "use influence functions.",
            missing_words(protocol),
        ),
    )


def missing_words(protocol: Protocol) -> str:
    """Return what becomes of missing covariates, as a sentence."""
    told = "Missing covariates are marked by an indicator, or are a level of their own"
    if protocol.missing.method == "imputation":
        return (
            f"{told}; the primary contrast is also estimated from {protocol.missing.imputations} "
            "tables in which they are filled in by chained equations (Rubin 1987)."
        )
    return f"{told}; multiple imputation (Rubin 1987) was not asked for."


def _gates(protocol: Protocol) -> Passage:
    gates = protocol.gates
    return Passage(
        "Gates",
        (
            "A verdict is given only if every gate passes; a gate that could not be evaluated "
            "counts as failed. Until then the estimate, both risks, the curves and the biased "
            "comparisons are sealed: the numbers are dropped before any table is made.",
            "Limits: weighted standardised difference over follow-up below "
            f"{gates.balance_largest_difference:g}; probability of staying below "
            f"{gates.overlap_smallest_probability:g} at no more than "
            f"{percent(gates.overlap_largest_share)} of decisions; effective sample size (Kish "
            f"1965) at least {percent(gates.smallest_effective_share)} of those still followed; "
            f"status known for at least {percent(gates.status_known_smallest)}, with less than "
            f"{100 * gates.status_known_largest_gap:g} points between those who ever and never "
            "left the order; intervals of the negative controls cover no difference; smallest "
            "detectable difference at most "
            f"{100 * gates.detectable_largest_difference:g} points with power "
            f"{percent(gates.detectable_power)}; stage known for "
            f"{percent(gates.stage_known_smallest)} of sessions and exit evidence for "
            f"{percent(gates.exit_evidence_smallest)} of stage changes.",
        ),
    )


def _further(protocol: Protocol) -> Passage:
    return Passage(
        "Further analyses",
        (
            "The hypotheses order, completion, endurance and specificity are reported apart; "
            "completion is primary. Specificity repeats the design under every order of the "
            f"protocol ({listed(tuple(protocol.orders))}), because public descriptions of the "
            "stages disagree.",
            "The contrast is repeated by condition, region and chronicity, rare levels pooled, "
            "with Cochran's Q of no difference between groups and p adjusted for their number "
            "(Benjamini and Hochberg 1995); and across clinics with random effects and a "
            "prediction interval for a further clinic (Higgins et al. 2009), leaving one clinic "
            "out at a time.",
            "As a second design, nested trials (Danaei et al. 2013) begin at every decision "
            "point: move on now or wait, followed for "
            f"{protocol.trials.horizon_days} days, stage by stage.",
        ),
    )


def _doubts(protocol: Protocol) -> Passage:
    sensitivity = protocol.sensitivity
    permutations = (
        f"{sensitivity.permutations} orders with permuted labels, which cannot matter, give an "
        "empirical null, with calibrated interval (Schuemie et al. 2018)"
        if sensitivity.permutations
        else "Permuted orders are not tried under this protocol"
    )
    specifications = (
        f"up to {sensitivity.specifications} specifications, one of them registered beforehand, "
        "make a specification curve (Simonsohn et al. 2020)"
        if sensitivity.specifications
        else "a specification curve is not made under this protocol"
    )
    return Passage(
        "Sensitivity",
        (
            "E-values tell how strongly an unmeasured confounder would have to be tied to both "
            "strategy and outcome (VanderWeele and Ding 2017); the tipping point, how differently "
            f"the lost would have to have fared. {permutations}; {specifications}. A positive "
            "control plants a known difference in the negative-control outcomes, and asks what "
            "the design makes of it.",
            "Naive comparisons by what happened during follow-up are shown only beside the "
            "designed estimate, under the words biased comparison; part of their distance is "
            "immortal time (Suissa 2008).",
            "The estimator is run as a whole on simulated registries of planted truth, with "
            "bias, coverage, power and rate of sealing told with Monte Carlo errors (Morris et "
            "al. 2019).",
        ),
    )


def _release(protocol: Protocol, release: ReleaseFacts, found: StudyFacts | None) -> Passage:
    told = [
        f"No figure about 1 to {release.smallest_count - 1} patients is released, nor what rests "
        f"on one; other counts are rounded to {release.rounding_base}, and shares are taken from "
        "rounded counts.",
        f"Protocol {protocol.study.name}, hash {release.protocol_hash}; code "
        f"{release.code_version}; input {release.input_hash}; release {release.release_id}.",
    ]
    if found is not None and found.standing:
        told.append(f"Standing of the primary verdict: {found.standing}.")
    return Passage("Release and reproducibility", tuple(told))
