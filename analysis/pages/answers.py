"""The answers at the top of a unit's page: a figure, its sentence, and what it leaves open."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

from analysis.contracts.release import ABSENT, RELEASED
from analysis.figures import words
from analysis.figures.words import Row, shows

WIDTH: Final = 320
LEFT: Final = 8
NO_CAUSE: Final = "It describes these people; it does not say why."


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
    """One question of a page's reader and what the released figures say to it."""

    key: str
    question: str
    number: str
    headline: str
    short: str
    sentences: tuple[str, ...]
    beside: str
    caution: str
    strip: Strip | None
    is_hidden: bool


@dataclass(frozen=True)
class UnitRows:
    """The released rows of one unit and of the network; `network` rows are None when not shown."""

    summary: Row | None
    pain: Row | None
    network_summary: Row | None
    network_pain: Row | None
    is_network: bool


def answers(rows: UnitRows) -> tuple[Answer, Answer]:
    """Return whether patients get better and whether they stay better."""
    return better(rows), staying(rows)


def better(rows: UnitRows) -> Answer:
    """Return the share improved in pain by an important change."""
    own = rows.pain
    if not shows(own, "share_improved", "improved", "episodes"):
        return _hidden("better", "Do patients get better?", own, "share_improved", "who improved")
    assert own is not None  # noqa: S101 - `shows` has looked
    share = own["share_improved"]
    return Answer(
        key="better",
        question="Do patients get better?",
        number=words.percent(share),
        headline=f"{words.in_ten(share)} have clearly less pain",
        short=f"{words.percent(share)} have clearly less pain"
        f"{_network_aside(rows.network_pain, 'share_improved')}",
        sentences=(
            f"Pain fell by an amount that matters to a patient in {words.percent(share)} of "
            f"episodes: about {words.count(own['improved'])} of {words.count(own['episodes'])}"
            f"{_interval(own, 'low', 'high')}.",
            _unmeasured(own),
        ),
        beside=_beside(rows.network_pain, own, "share_improved", ("low", "high")),
        caution=f"From the first to the last measure of the episode. {NO_CAUSE}",
        strip=strip(own, rows.network_pain, "share_improved", ("low", "high"), 1.0),
        is_hidden=False,
    )


def _unmeasured(own: Row) -> str:
    if not shows(own, "unmeasured"):
        return "How many have no last measure is too small a number to be shown, or gives one away."
    if not own["unmeasured"]:
        return "Everybody has a last measure."
    share = words.percent(min(1.0, own["unmeasured"] / own["episodes"]))
    return f"{share} have no last measure; they stay in the count, as not known to be better."


def staying(rows: UnitRows) -> Answer:
    """Return the risk of re-injury within the horizon, and how many were followed."""
    own = rows.summary
    question = "Do they stay better?"
    if not shows(own, "reinjury_risk", "episodes"):
        return _hidden("staying", question, own, "reinjury_risk", "how many were injured again")
    assert own is not None  # noqa: S101 - `shows` has looked
    risk, ends = own["reinjury_risk"], ("reinjury_risk_low", "reinjury_risk_high")
    return Answer(
        key="staying",
        question=question,
        number=words.percent(risk),
        headline=f"{words.in_ten(risk)} are injured again within a year",
        short=f"{words.percent(risk)} are injured again within a year"
        f"{_network_aside(rows.network_summary, 'reinjury_risk')}",
        sentences=(
            f"The risk of re-injury within a year of the first session is {words.percent(risk)}"
            f"{_interval(own, *ends)}, from {words.count(own['episodes'])} episodes.",
            _known(own),
        ),
        beside=_beside(rows.network_summary, own, "reinjury_risk", ends),
        caution=(
            "People who are not heard of any more are counted only as long as they were seen. "
            f"{NO_CAUSE}"
        ),
        strip=strip(
            own, rows.network_summary, "reinjury_risk", ends, _top(own, rows.network_summary)
        ),
        is_hidden=False,
    )


def _known(own: Row) -> str:
    if not shows(own, "status_known", "episodes") or not own["episodes"]:
        return "For how many the year's end is known is too small a number to be shown."
    share = min(1.0, own["status_known"] / own["episodes"])
    rest = (
        "what happened to the others is not known."
        if share < 1
        else "hardly anybody was lost from view."
    )
    return f"Status after a year is known for {words.percent(share)} of episodes; {rest}"


def _network_aside(network: Row | None, column: str) -> str:
    if network is None or not shows(network, column):
        return ""
    return f" (network {words.percent(network[column])})"


def _interval(row: Row, low: str, high: str) -> str:
    if not shows(row, low, high):
        return ""
    return f" (95% interval {words.percent(row[low])} to {words.percent(row[high])})"


def _beside(network: Row | None, own: Row, column: str, ends: tuple[str, str]) -> str:
    if not shows(network, column):
        return ""
    assert network is not None  # noqa: S101 - `shows` has looked
    value = network[column]
    told = f"Network: {words.percent(value)}{_interval(network, *ends)}."
    if not shows(own, *ends):
        return told
    if own[ends[0]] <= value <= own[ends[1]]:
        return f"{told} No clear difference: the network's figure lies in this clinic's interval."
    place = "higher" if own[column] > value else "lower"
    return (
        f"{told} This clinic's figure is {place}; who its patients are is not taken into account."
    )


def _hidden(key: str, question: str, row: Row | None, column: str, what: str) -> Answer:
    if row is None or words.status(row, column) == ABSENT:
        number, headline, short = "none", "Not known", f"{what} is not known"
        sentence = f"The records do not tell {what}: it was not measured or not followed up."
    else:
        number, headline = "hidden", "Too few patients to say"
        short = f"{what} cannot be said of so few patients"
        sentence = f"The figure of {what} rests on too few patients to be shown."
    return Answer(key, question, number, headline, short, (sentence,), "", "", None, is_hidden=True)


def _top(own: Row, network: Row | None) -> float:
    ends = [row["reinjury_risk"] for row in (own, network) if row and shows(row, "reinjury_risk")]
    if shows(own, "reinjury_risk_high"):
        ends.append(own["reinjury_risk_high"])
    return next((top for top in (0.2, 0.4, 0.6) if max(ends) <= top * 0.95), 1.0)


def strip(own: Row, network: Row | None, column: str, ends: tuple[str, str], top: float) -> Strip:
    """Return a figure with its interval on a line from 0 to `top`."""

    def place(row: Row | None, name: str) -> float | None:
        if row is None or words.status(row, name) != RELEASED:
            return None
        return round(LEFT + (WIDTH - 2 * LEFT) * min(float(row[name]) / top, 1.0), 1)

    ticks = tuple(
        (round(LEFT + (WIDTH - 2 * LEFT) * part / 4, 1), words.percent(top * part / 4))
        for part in range(5)
    )
    told = f"{words.percent(own[column])}{_interval(own, *ends)}"
    if shows(network, column) and network is not None:
        told += f"; network {words.percent(network[column])}"
    return Strip(
        own=place(own, column),
        own_low=place(own, ends[0]),
        own_high=place(own, ends[1]),
        network=place(network, column),
        ticks=ticks,
        words=told,
    )


@dataclass(frozen=True)
class Fact:
    """A smaller figure: its name, its value, and a line that says what it means."""

    name: str
    value: str
    line: str
    is_hidden: bool = False


def facts(rows: UnitRows) -> list[Fact]:
    """Return who the page is about and how their care went, in smaller figures."""
    own, network = rows.summary, rows.network_summary
    if own is None:
        return []
    return [
        _count_fact(own),
        _share_fact(
            "Completed all five stages",
            own,
            network,
            "episodes_completed_all",
            "met the exit of every stage, measured or attested; some are still in care",
        ),
        _share_fact(
            "Moved on early at least once",
            own,
            network,
            "episodes_ever_violated",
            "worked a stage before the one that must come first was completed",
        ),
        _share_fact(
            "Status known after a year",
            own,
            network,
            "status_known",
            "seen, reached or injured again; the rest are lost from view or too recent",
        ),
    ]


def _count_fact(own: Row) -> Fact:
    if not shows(own, "patients", "episodes"):
        return Fact("Patients", "hidden", "too few to be shown", is_hidden=True)
    sessions = words.cell(own, "attended_sessions").text
    return Fact(
        "Patients",
        words.count(own["patients"]),
        f"in {words.count(own['episodes'])} episodes with {sessions} attended sessions",
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


def _share(row: Row, column: str) -> float:
    return float(min(1.0, row[column] / row["episodes"]))


def first(rows: Sequence[Row], matches: Callable[[Row], bool]) -> Row | None:
    """Return the first row that matches."""
    return next((row for row in rows if matches(row)), None)
