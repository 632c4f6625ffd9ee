"""The texts that fill items of the checklists, by name; an empty text fills nothing."""

from collections.abc import Mapping

from analysis.contracts.protocol import Protocol
from analysis.contracts.release import ReleaseFacts
from analysis.reporting.facts import StudyFacts
from analysis.reporting.methods import missing_words
from analysis.reporting.trial import order_words, target_trial
from analysis.reporting.writing import counted, listed, spelled


def answers(protocol: Protocol, release: ReleaseFacts, found: StudyFacts) -> Mapping[str, str]:
    """Return every text that software can write, by the name that items use."""
    return {
        **_of_design(protocol),
        **_of_records(release),
        **_of_methods(protocol),
        **_of_results(found),
        **_of_trial(protocol),
        "registration": _registration(protocol, release, found),
    }


def _of_design(protocol: Protocol) -> dict[str, str]:
    order = order_words(protocol.orders[protocol.study.primary_order])
    horizon = protocol.study.horizon_days
    outcome = spelled(protocol.outcome.event)
    return {
        "design": "Cohort study of routine records, emulating a target trial by cloning, "
        "censoring and weighting.",
        "question": f"Does completing each stage before the next (order {order}) change the risk "
        f"of {outcome} by day {horizon}, compared with stages chosen as usual?",
        "hypotheses": "Four, two-sided and reported apart: completion (primary), order, "
        "endurance, specificity.",
        "eligibility": "Accepted episodes with an attended session, whose first attended session "
        "is day 0; followed to the outcome, a competing event, the horizon or the last known "
        "status.",
        "matching": "No matching.",
        "variables": f"Exposure: strategy by session. Outcome: first {outcome}. Confounders over "
        f"time: {listed(protocol.deviation_model.covariates)}. Subgroups: condition, region, "
        "chronicity, clinic.",
        "algorithms": "Selection, violation, completion and last known status are SQL files of "
        "the release's code version (sql/concepts, sql/marts).",
        "codes": "Every code of every column is in the data dictionary (docs/data-dictionary.md).",
    }


def _of_records(release: ReleaseFacts) -> dict[str, str]:
    months = (
        f"Episodes begun {release.first_month} to {release.last_month}."
        if release.first_month and release.last_month
        else ""
    )
    kind = "Synthetic demonstration records" if release.is_synthetic else "Session records"
    return {
        "setting": f"{kind} of rehabilitation clinics, from "
        f"{counted(release.deliveries, 'delivery')}. "
        f"{months} Locations: a person must add them.".replace("  ", " "),
        "data_type": f"{kind} of rehabilitation clinics. A person must add the databases' names.",
        "time_frame": f"{months} A person must add the region." if months else "",
        "linkage": "No linkage between databases; episodes are tied to patients by the clinics' "
        "own keys.",
        "measurement": "Sessions, events and follow-up attempts as the clinics record them; pain "
        "before treatment from 0 to 10; exits of stages measured, attested or inferred.",
        "cleaning": "Every row is held to a declared contract of types, ranges, codes and keys; "
        "rejected rows are kept with rule and reason, and counted.",
        "access": f"Protocol hash {release.protocol_hash}, input hash {release.input_hash}, code "
        f"{release.code_version}; released tables as CSV and Parquet. Access to the raw records: "
        "a person must add it.",
    }


def _of_methods(protocol: Protocol) -> dict[str, str]:
    permutations = protocol.sensitivity.permutations
    return {
        "bias": "Time zero is the first session for everybody; weights for leaving the strategy "
        "and follow-up; negative-control outcomes and permuted orders; gates that seal the "
        "estimate.",
        "size": "All eligible episodes. The smallest detectable difference is a gate: at most "
        f"{100 * protocol.gates.detectable_largest_difference:g} points.",
        "quantities": "Pain enters with its square; counts of earlier episodes and other illnesses "
        "as numbers with their squares; everything else as levels.",
        "analysis": "Weighted Aalen-Johansen risks of clones, with logistic models of staying "
        "with the strategy and under follow-up.",
        "subgroup_methods": "The whole design refitted by condition, region and chronicity; "
        "random effects across clinics.",
        "missing": f"{missing_words(protocol)} Reasons for missing records: a person must add "
        "them.",
        "loss": "Censored at the last known status and weighted by the inverse probability of "
        "staying under follow-up; two gates limit its size and its difference.",
        "sensitivity_methods": f"E-value, tipping point, {permutations} permuted orders, "
        "specification curve, positive control, naive comparisons marked as biased.",
        "flow": "On the research page, under Who is in the study.",
    }


def _of_results(found: StudyFacts) -> dict[str, str]:
    other = " ".join(
        text for text in (found.subgroups, found.sensitivity, found.calibration) if text
    )
    return {
        "selection": found.selection,
        "participants": f"{found.participants} A table of characteristics: a person must add it."
        if found.participants
        else "",
        "follow_up": found.follow_up,
        "outcomes": found.follow_up,
        "estimate": " ".join(text for text in (found.estimate, found.gates) if text),
        "other_results": other,
        "verdict": found.verdict,
    }


def _of_trial(protocol: Protocol) -> dict[str, str]:
    table = target_trial(protocol)
    texts = {f"target:{row.name}": row.target for row in table}
    texts |= {f"emulation:{row.name}": row.emulation for row in table}
    assumptions = [row for row in table if row.name.startswith("Assumption: ")]
    short = [row.name.removeprefix("Assumption: ") for row in assumptions]
    texts["target:assumptions"] = f"By randomisation and full follow-up: {', '.join(short)}."
    texts["emulation:assumptions"] = " ".join(
        f"{name.capitalize()}: {row.emulation}"
        for name, row in zip(short, assumptions, strict=True)
    )
    for side in ("target", "emulation"):
        texts[f"{side}:Follow-up"] = f"{texts[f'{side}:Time zero']} {texts[f'{side}:Follow-up']}"
    return texts


def _registration(protocol: Protocol, release: ReleaseFacts, found: StudyFacts) -> str:
    standing = f" Standing of the primary verdict: {found.standing}." if found.standing else ""
    return (
        f"Protocol {protocol.study.name}, hash {release.protocol_hash}.{standing} A public "
        "register: a person must add it."
    )
