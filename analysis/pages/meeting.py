"""What a quality meeting talks about: every rule that fired, with a question; never a verdict."""

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from analysis.contracts.indicators import INDICATOR_WORDS
from analysis.contracts.release import ReleaseFacts
from analysis.contracts.results import CLINIC, NETWORK
from analysis.figures import words
from analysis.figures.control import indicator_name, signal_name
from analysis.figures.words import Row, shows
from analysis.pages.shelf import Shelf

DEFAULT_QUESTION: Final = "What changed in care, in recording, or in who came?"
# Outcomes that are held against what patients' state before treatment lets expect.
OUTCOMES: Final = {
    "reinjury_365_days": "Re-injured within a year, against what was expected",
    "improved_at_discharge": "Improved in pain at discharge, against what was expected",
    "never_exit_stage_1": "Never met the exit of stage 1, against what was expected",
}
OUTCOME_QUESTION: Final = (
    "Is it recorded as elsewhere, does something that is not recorded set these patients apart, "
    "and what is done in other ways here?"
)
POSITIONS: Final = {
    "warning_low": "below the 95% limit, where about 1 clinic in 40 lies by chance",
    "warning_high": "above the 95% limit, where about 1 clinic in 40 lies by chance",
    "alarm_low": "below the 99.8% limit, where about 1 clinic in 1000 lies by chance",
    "alarm_high": "above the 99.8% limit, where about 1 clinic in 1000 lies by chance",
}
SUMS: Final = {
    "worse": "the sum for outcomes worse than expected reached its limit",
    "better": "the sum for outcomes better than expected reached its limit",
}
HIDDEN: Final = "hidden: too few patients"
MONTHS_LISTED: Final = 12
MONTH: Final = re.compile(r"(\d{4})-(0[1-9]|1[0-2])")
QUARTER: Final = re.compile(r"(\d{4})-Q([1-4])")
YEAR: Final = re.compile(r"\d{4}")


@dataclass(frozen=True)
class Signal:
    """A rule that fired in consecutive periods of one unit's indicator, and what to ask.

    `latest` tells the last of these periods: the value with n, centre and limits.
    """

    indicator: str
    unit_kind: str
    unit_name: str
    rule: str
    first_period: str
    last_period: str
    latest: str
    question: str

    @property
    def unit(self) -> str:
        """Return whom the signal is about."""
        return "All clinics together" if self.unit_kind == NETWORK else f"Clinic {self.unit_name}"

    @property
    def periods(self) -> str:
        """Return the periods in which the rule fired."""
        if self.first_period == self.last_period:
            return self.first_period
        return f"{self.first_period} to {self.last_period}"


def signals(shelf: Shelf, facts: ReleaseFacts, month: str | None = None) -> list[Signal]:
    """Return one entry for every rule and unit, the newest first, then by indicator.

    With a `month` (YYYY-MM) only what was observed by then is listed, and of that what ends in the
    twelve months up to it. A comparison by case mix covers all months of the release.
    """
    found = [*_of_charts(shelf, month), *_of_sums(shelf, month), *_of_positions(shelf, facts)]
    if month is not None:
        found = [each for each in found if is_listed(each.last_period, month)]
    return sorted(found, key=_newest_first)


def is_listed(period: str, month: str) -> bool:
    """Say whether a period (YYYY-MM, YYYY-Qn or YYYY) meets the twelve months up to the month."""
    first, last = month_numbers(period)
    _, end = month_numbers(month)
    return last > end - MONTHS_LISTED and first <= end


def month_numbers(period: str) -> tuple[int, int]:
    """Return the first and the last month of a period, counted from the year 0.

    Raises `ValueError` when it is neither YYYY-MM nor YYYY-Qn nor YYYY.
    """
    if found := MONTH.fullmatch(period):
        month = 12 * int(found[1]) + int(found[2]) - 1
        return month, month
    if found := QUARTER.fullmatch(period):
        first = 12 * int(found[1]) + 3 * (int(found[2]) - 1)
        return first, first + 2
    if YEAR.fullmatch(period):
        first = 12 * int(period)
        return first, first + 11
    raise ValueError(period)


def _newest_first(signal: Signal) -> tuple[int, str, bool, str, str]:
    _, last = month_numbers(signal.last_period)
    is_clinic = signal.unit_kind == CLINIC
    return -last, signal.indicator, is_clinic, signal.unit_name, signal.rule


def _of_charts(shelf: Shelf, month: str | None) -> Iterator[Signal]:
    for chart, rows in _series(shelf.rows("quality_points"), "chart", month):
        for rule, first, last in _runs(rows):
            yield _signal(
                first,
                last,
                indicator=indicator_name(chart),
                rule=signal_name(rule),
                latest=_value_words(last),
                question=_question(chart),
            )


def _of_sums(shelf: Shelf, month: str | None) -> Iterator[Signal]:
    for outcome, rows in _series(shelf.rows("risk_cusums"), "outcome", month):
        for rule, first, last in _runs(rows):
            yield _signal(
                first,
                last,
                indicator=OUTCOMES.get(outcome, words.spelled(outcome)),
                rule=SUMS.get(rule, words.spelled(rule).lower()),
                latest=_sum_words(last, rule),
                question=OUTCOME_QUESTION,
            )


def _of_positions(shelf: Shelf, facts: ReleaseFacts) -> Iterator[Signal]:
    if facts.first_month is None or facts.last_month is None:
        return
    for row in shelf.rows("case_mix"):
        if row["position"] in POSITIONS:
            yield Signal(
                indicator=OUTCOMES.get(row["outcome"], words.spelled(row["outcome"])),
                unit_kind=row["unit_kind"],
                unit_name=row["unit_name"],
                rule=POSITIONS[row["position"]],
                first_period=facts.first_month,
                last_period=facts.last_month,
                latest=_ratio_words(row),
                question=OUTCOME_QUESTION,
            )


def _signal(
    first: Row, last: Row, *, indicator: str, rule: str, latest: str, question: str
) -> Signal:
    return Signal(
        indicator=indicator,
        unit_kind=last["unit_kind"],
        unit_name=last["unit_name"],
        rule=rule,
        first_period=first["period"],
        last_period=last["period"],
        latest=latest,
        question=question,
    )


def _series(rows: Iterable[Row], column: str, month: str | None) -> Iterator[tuple[str, list[Row]]]:
    """Yield what is followed and its rows, unit by unit, in their order and up to the month."""
    series: dict[tuple[str, str, str], list[Row]] = {}
    for row in rows:
        if month is None or month_numbers(row["period"])[0] <= month_numbers(month)[1]:
            key = (row[column], row["unit_kind"], row["unit_name"])
            series.setdefault(key, []).append(row)
    for (name, *_), own in series.items():
        yield name, sorted(own, key=lambda row: month_numbers(row["period"]))


def _runs(rows: Sequence[Row]) -> Iterator[tuple[str, Row, Row]]:
    """Yield each rule with the first and the last of neighbouring rows in which it fired."""
    fired = [(row["signal"] or "").split(";") for row in rows]
    for rule in sorted({rule for rules in fired for rule in rules if rule}):
        run: list[Row] = []
        for row, rules in zip(rows, fired, strict=True):
            if rule in rules:
                run.append(row)
            elif run:
                yield rule, run[0], run[-1]
                run = []
        if run:
            yield rule, run[0], run[-1]


def _question(chart: str) -> str:
    known = INDICATOR_WORDS.get(chart)
    return known.question if known else DEFAULT_QUESTION


def _value_words(row: Row) -> str:
    if not shows(row, "value"):
        return HIDDEN
    write = _writer(row)
    told = f"{write(row['value'])}{_number_of(row)}"
    guides = [f"centre {write(row['center'])}"] if shows(row, "center") else []
    if shows(row, "lower", "upper"):
        guides.append(f"limits {words.span(row['lower'], row['upper'], write)}")
    return f"{told} ({', '.join(guides)})" if guides else told


def _writer(row: Row) -> Callable[[float], str]:
    unit = row.get("unit")
    return words.percent if unit is None else lambda value: f"{words.plain(value)} {unit}"


def _number_of(row: Row) -> str:
    if shows(row, "denominator"):
        share = row.get("unit") is None
        number = words.count(row["denominator"])
        return f" of {number}" if share else f", n = {number}"
    return f", {words.count(row['patients'])} patients" if shows(row, "patients") else ""


def _sum_words(row: Row, rule: str) -> str:
    if rule not in SUMS or not shows(row, rule, "episodes", "observed"):
        return HIDDEN
    return (
        f"{words.count(row['observed'])} of {words.count(row['episodes'])} episodes in the period, "
        f"at whose end the sum, begun anew, stands at {words.hundredths(row[rule])} of its limit"
    )


def _ratio_words(row: Row) -> str:
    if not shows(row, "observed", "expected", "episodes"):
        return HIDDEN
    return (
        f"{words.count(row['observed'])} of {words.count(row['episodes'])} episodes, where "
        f"{words.plain(row['expected'])} were expected from the patients' state before treatment"
    )
