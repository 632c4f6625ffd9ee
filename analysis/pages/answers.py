"""The answers at the top of a unit's page: a figure, its sentence, and what it leaves open."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

from analysis.contracts.release import ABSENT
from analysis.figures import words
from analysis.figures.words import Row, shows

WIDTH: Final = 320
LEFT: Final = 8
NO_CHANGES: Final = ("none", "the records hold no change of stage")
NO_CAUSE: Final = "It does not say why."


@dataclass(frozen=True)
class Strip:
    """A figure and its interval on a line from 0 to `top`, drawn beside the network's.

    Places are in the units of the drawing; `words` says the same for those who do not see it.
    """

    own: float | None
    own_low: float | None
    own_high: float | None
    network: float | None
    ticks: tuple[tuple[float, str], ...]
    words: str


@dataclass(frozen=True)
class Answer:
    """One question of a page's reader and what the released figures say to it.

    `number` and `headline` read as one sentence; `counts` says of how many, how sure, and how the
    network does; `meaning` what the number is, `caution` what it is not.
    """

    key: str
    question: str
    number: str
    headline: str
    counts: str
    meaning: str
    caution: str
    strip: Strip | None
    is_hidden: bool = False


@dataclass(frozen=True)
class UnitRows:
    """The released rows of one unit and of the network; `network` rows are None when not shown.

    `last_stage` is the unit's row of the last stage's funnel, `evidence` that of the stage changes
    with a measured or attested exit.
    """

    summary: Row | None
    pain: Row | None
    last_stage: Row | None
    evidence: Row | None
    network_summary: Row | None
    network_pain: Row | None
    network_evidence: Row | None
    is_network: bool


def answers(rows: UnitRows) -> tuple[Answer, ...]:
    """Return whether patients get better, stay better, and how far they get."""
    return better(rows), staying(rows), reaching(rows)


def better(rows: UnitRows) -> Answer:
    """Return the share improved in pain by an important change."""
    own, question = rows.pain, "Do patients get better?"
    if not shows(own, "share_improved", "improved", "episodes"):
        return _hidden("better", question, own, "share_improved", "who improved")
    assert own is not None  # noqa: S101 - `shows` has looked
    ends = ("low", "high")
    return Answer(
        key="better",
        question=question,
        number=words.percent(own["share_improved"]),
        headline="have clearly less pain",
        counts=f"About {words.count(own['improved'])} of {words.count(own['episodes'])} episodes"
        f"{_interval(own, *ends)}. {_beside(rows.network_pain, own, 'share_improved', ends)}",
        meaning=f"Their pain fell by an amount that matters to a patient. {_unmeasured(own)}",
        caution=f"The first and the last measure of an episode alone count. {NO_CAUSE}",
        strip=strip(own, rows.network_pain, "share_improved", ends, 1.0),
    )


def _unmeasured(own: Row) -> str:
    if not shows(own, "unmeasured"):
        return "How many have no last measure is too small a number to be shown, or gives one away."
    if not own["unmeasured"]:
        return "Everybody has a last measure."
    share = words.percent(min(1.0, own["unmeasured"] / own["episodes"]))
    return f"{share} have no last measure and count as not known to be better."


def staying(rows: UnitRows) -> Answer:
    """Return the risk of re-injury within the horizon, and how many were followed."""
    own, question = rows.summary, "Do they stay better?"
    if not shows(own, "reinjury_risk", "episodes"):
        return _hidden("staying", question, own, "reinjury_risk", "how many were injured again")
    assert own is not None  # noqa: S101 - `shows` has looked
    ends = ("reinjury_risk_low", "reinjury_risk_high")
    network = rows.network_summary
    return Answer(
        key="staying",
        question=question,
        number=words.percent(own["reinjury_risk"]),
        headline="are injured again within a year",
        counts=f"Of {words.count(own['episodes'])} episodes{_interval(own, *ends)}. "
        f"{_beside(network, own, 'reinjury_risk', ends)}",
        meaning=_known(own, network),
        caution=f"People not heard of any more count only as long as they were seen. {NO_CAUSE}",
        strip=strip(own, network, "reinjury_risk", ends, _top(own, network)),
    )


def _known(own: Row, network: Row | None) -> str:
    if not shows(own, "status_known", "episodes") or not own["episodes"]:
        return "For how many the year's end is known is too small a number to be shown."
    share = min(1.0, own["status_known"] / own["episodes"])
    rest = (
        "what became of the others is not known."
        if share < 1
        else "hardly anybody was lost from view."
    )
    beside = _known_share(network, "status_known")
    aside = "" if beside is None else f" (network {words.percent(beside)})"
    return f"Status after a year is known for {words.percent(share)} of episodes{aside}; {rest}"


def reaching(rows: UnitRows) -> Answer:
    """Return the share of episodes that completed all five stages."""
    own, question = rows.summary, "How far do they get?"
    column = "episodes_completed_all"
    if not shows(own, column, "episodes") or own is None or not own["episodes"]:
        return _hidden("reaching", question, own, column, "how many complete all stages")
    network = rows.network_summary
    return Answer(
        key="reaching",
        question=question,
        number=words.percent(_share(own, column)),
        headline="complete all five stages",
        counts=f"About {words.count(own[column])} of {words.count(own['episodes'])} episodes. "
        f"{_network_share(network, column)}",
        meaning=f"The exit of every stage was met, measured or attested.{_reach(rows, own)}",
        caution=f"Some are still in care, and leaving can be what was agreed. {NO_CAUSE}",
        strip=_placed(_share(own, column), None, _known_share(network, column), 1.0),
    )


def _reach(rows: UnitRows, own: Row) -> str:
    last = rows.last_stage
    if last is None or not shows(last, "episodes_worked"):
        return ""
    share = min(1.0, last["episodes_worked"] / own["episodes"])
    return f" {words.percent(share)} reach the last stage, endurance."


def _known_share(network: Row | None, column: str) -> float | None:
    if network is None or not shows(network, column, "episodes") or not network["episodes"]:
        return None
    return _share(network, column)


def _network_share(network: Row | None, column: str) -> str:
    share = _known_share(network, column)
    return "" if share is None else f"Network: {words.percent(share)}."


def _interval(row: Row, low: str, high: str) -> str:
    if not shows(row, low, high):
        return ""
    return f" (95% interval {words.percent(row[low])} to {words.percent(row[high])})"


def _beside(network: Row | None, own: Row, column: str, ends: tuple[str, str]) -> str:
    if not shows(network, column):
        return ""
    assert network is not None  # noqa: S101 - `shows` has looked
    value = network[column]
    told = f"Network: {words.percent(value)}"
    if not shows(own, *ends):
        return f"{told}."
    if own[ends[0]] <= value <= own[ends[1]]:
        return f"{told}, no clear difference."
    place = "higher" if own[column] > value else "lower"
    return f"{told}; here it is {place}. Who the patients are is not taken into account."


def _hidden(key: str, question: str, row: Row | None, column: str, what: str) -> Answer:
    if row is None or words.status(row, column) == ABSENT:
        number, headline = "none", "Not known"
        sentence = f"The records do not tell {what}: it was not measured or not followed up."
    else:
        number, headline = "hidden", "Too few patients to say"
        sentence = f"The figure of {what} rests on too few patients to be shown."
    return Answer(key, question, number, headline, "", sentence, "", None, is_hidden=True)


def _top(own: Row, network: Row | None) -> float:
    ends = [row["reinjury_risk"] for row in (own, network) if row and shows(row, "reinjury_risk")]
    if shows(own, "reinjury_risk_high"):
        ends.append(own["reinjury_risk_high"])
    return next((top for top in (0.2, 0.4, 0.6) if max(ends) <= top * 0.95), 1.0)


def strip(own: Row, network: Row | None, column: str, ends: tuple[str, str], top: float) -> Strip:
    """Return a figure with its interval on a line from 0 to `top`."""
    interval = (own[ends[0]], own[ends[1]]) if shows(own, *ends) else None
    beside = network[column] if network is not None and shows(network, column) else None
    return _placed(own[column], interval, beside, top)


def _placed(
    own: float, interval: tuple[float, float] | None, network: float | None, top: float
) -> Strip:
    def place(value: float) -> float:
        return round(LEFT + (WIDTH - 2 * LEFT) * min(value / top, 1.0), 1)

    told = words.percent(own)
    if interval:
        told += f" (95% interval {words.percent(interval[0])} to {words.percent(interval[1])})"
    if network is not None:
        told += f"; network {words.percent(network)}"
    return Strip(
        own=place(own),
        own_low=place(interval[0]) if interval else None,
        own_high=place(interval[1]) if interval else None,
        network=None if network is None else place(network),
        ticks=tuple((place(top * part / 4), words.percent(top * part / 4)) for part in range(5)),
        words=told,
    )


@dataclass(frozen=True)
class Fact:
    """A smaller figure: its name, its value, and a line that says what it means."""

    name: str
    value: str
    line: str
    is_hidden: bool = False


def whom(rows: UnitRows) -> str:
    """Return whom a page is about, as a line of its head; empty where nobody is counted."""
    own = rows.summary
    if own is None:
        return ""
    if not shows(own, "patients", "episodes"):
        return "fewer patients than can be shown"
    return f"{words.count(own['patients'])} patients in {words.count(own['episodes'])} episodes"


def facts(rows: UnitRows) -> list[Fact]:
    """Return who the page is about and how their care went, in smaller figures."""
    own, network = rows.summary, rows.network_summary
    if own is None:
        return []
    return [
        _count_fact(own, network),
        _share_fact(
            "Moved on early",
            own,
            network,
            "episodes_ever_violated",
            "worked a stage before the one that must come first was completed",
        ),
        _share_fact(
            "Skipped a stage",
            own,
            network,
            "episodes_ever_skipped",
            "worked a stage while an earlier one had never been worked; all of them moved on early",
        ),
        _evidence_fact(rows.evidence, rows.network_evidence),
    ]


def _count_fact(own: Row, network: Row | None) -> Fact:
    if not shows(own, "patients", "episodes"):
        return Fact("Patients", "hidden", "too few to be shown", is_hidden=True)
    sessions = words.cell(own, "attended_sessions").text
    beside = ""
    if network is not None and shows(network, "patients"):
        beside = f" Network: {words.count(network['patients'])} patients."
    return Fact(
        "Patients",
        words.count(own["patients"]),
        f"in {words.count(own['episodes'])} episodes with {sessions} attended sessions; who came "
        f"back with another problem is one patient with two episodes.{beside}",
    )


def _share_fact(name: str, own: Row, network: Row | None, column: str, meaning: str) -> Fact:
    if not shows(own, column, "episodes") or not own["episodes"]:
        return Fact(name, "hidden", "rests on too few patients to be shown", is_hidden=True)
    share = _share(own, column)
    beside = ""
    if shows(network, column, "episodes") and network is not None and network["episodes"]:
        beside = f" Network: {words.percent(_share(network, column))}."
    number = f"about {words.count(own[column])} of {words.count(own['episodes'])} episodes"
    line = f"{number} {meaning}.{beside}"
    return Fact(name, words.percent(share), line)


def _evidence_fact(own: Row | None, network: Row | None) -> Fact:
    name = "Exits with evidence"
    if own is None or not shows(own, "share", "numerator", "denominator"):
        is_hidden = own is not None and words.status(own, "share") != ABSENT
        said = ("hidden", "rests on too few patients to be shown") if is_hidden else NO_CHANGES
        return Fact(name, *said, is_hidden=True)
    beside = ""
    if network is not None and shows(network, "share"):
        beside = f" Network: {words.percent(network['share'])}."
    return Fact(
        name,
        words.percent(own["share"]),
        f"about {words.count(own['numerator'])} of {words.count(own['denominator'])} changes of "
        f"stage came after an exit that was measured or attested.{beside}",
    )


def _share(row: Row, column: str) -> float:
    return float(min(1.0, row[column] / row["episodes"]))


def first(rows: Sequence[Row], matches: Callable[[Row], bool]) -> Row | None:
    """Return the first row that matches."""
    return next((row for row in rows if matches(row)), None)
