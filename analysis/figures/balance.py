"""Balance of the people left in each strategy against the whole cohort, overall and by day."""

from collections.abc import Sequence
from typing import Any, Final

from analysis.figures import style, words
from analysis.figures.chart import Cell, Chart, LegendEntry, Twin, twin
from analysis.figures.measures import strategy_name
from analysis.figures.words import Row, shows

SOURCE: Final = "results/balance"
LEGEND: Final = (
    LegendEntry("open-other", "before weighting"),
    LegendEntry("dot-own", "after weighting"),
)
MEANING: Final = (
    "Absolute standardised difference between the people left in a strategy and the whole cohort; "
    "the largest over levels of a covariate"
)
COURSE_ROLES: Final = {"strict": "own", "natural": "network"}
Differences = dict[str, tuple[float, float]]


def balance_chart(rows: Sequence[Row], limit: float | None) -> Chart:
    """Return the largest difference of each covariate over follow-up, before and after weighting.

    Rows are released rows of results.balance; levels of one covariate (`name=level`) are one row
    of the chart, so no clinic is named. `limit` is the gate's threshold.
    """
    largest = largest_differences(rows)
    return Chart(
        key="balance-largest",
        title=_title(largest, limit),
        note=f"{MEANING}, strategies and days of follow-up. No unit: standard deviations.",
        twin=_twin(largest),
        spec=_love_spec(largest, limit) if largest else None,
        missing="" if largest else "Balance was not computed, or is about too few patients.",
        legend=LEGEND,
        source=SOURCE,
    )


def balance_on_day(rows: Sequence[Row], day: int, limit: float | None) -> Chart:
    """Return the love plot of one day of follow-up, the larger of the strategies' differences."""
    largest = largest_differences([row for row in rows if row["day"] == day])
    worst = max((after for _, after in largest.values()), default=0.0)
    return Chart(
        key=f"balance-day-{day}",
        title=f"Day {day}: after weighting, at most {words.decimal(worst)}"
        if largest
        else f"Day {day}: balance",
        note=f"{MEANING} and strategies.",
        twin=_twin(largest),
        spec=_love_spec(largest, limit) if largest else None,
        missing="" if largest else "Too few patients are left on this day to be shown.",
        height="short",
        legend=LEGEND,
        source=SOURCE,
    )


def days_with_difference(rows: Sequence[Row]) -> list[int]:
    """Return the days on which anything differs at all; on day 0 everybody is still there."""
    return sorted(
        {
            row["day"]
            for row in rows
            if not shows(row, "unweighted_difference") or abs(row["unweighted_difference"]) > 0
        }
    )


def balance_course(rows: Sequence[Row], limit: float | None) -> Chart:
    """Return the largest weighted difference of each strategy on every day that was looked at."""
    strategies = list(dict.fromkeys(row["strategy"] for row in rows))
    courses = {
        name: _course([row for row in rows if row["strategy"] == name]) for name in strategies
    }
    drawn = {name: course for name, course in courses.items() if course}
    return Chart(
        key="balance-course",
        title="Largest weighted difference on each day of follow-up",
        note=f"{MEANING}. Broken lines: before weighting. Dotted: the gate's limit.",
        twin=_course_twin(courses),
        spec=_course_spec(drawn, limit) if drawn else None,
        missing="" if drawn else "Balance was not computed, or is about too few patients.",
        height="short",
        legend=tuple(
            LegendEntry(f"line-{COURSE_ROLES.get(name, 'other')}", strategy_name(name))
            for name in drawn
        ),
        source=SOURCE,
    )


def _course(rows: Sequence[Row]) -> dict[int, tuple[float, float]]:
    days = sorted({row["day"] for row in rows})
    found = {day: largest_differences([row for row in rows if row["day"] == day]) for day in days}
    return {
        day: (
            max(before for before, _ in largest.values()),
            max(after for _, after in largest.values()),
        )
        for day, largest in found.items()
        if largest
    }


def _course_spec(
    courses: dict[str, dict[int, tuple[float, float]]], limit: float | None
) -> dict[str, Any]:
    traces: list[dict[str, Any]] = []
    for name, course in courses.items():
        role = COURSE_ROLES.get(name, "other")
        days = list(course)
        before = [round(pair[0], 3) for pair in course.values()]
        after = [round(pair[1], 3) for pair in course.values()]
        traces.append(style.line(days, before, role, width=1.4, dash="dash"))
        traces.append(style.line(days, after, role))
        hover = [f"{name}, day {day}: {value}" for day, value in zip(days, after, strict=True)]
        traces.append(style.markers(days, after, hover, role))
    layout = {
        "xaxis": style.axis(title=style.axis_title("days since the first session")),
        "yaxis": style.axis(title=style.axis_title("standardised difference"), rangemode="tozero"),
        "shapes": [] if limit is None else [style.level_line(limit)],
        "margin": {"l": 52, "r": 14, "t": 10, "b": 52},
    }
    return dict(style.figure(traces, layout, style.HEIGHTS["short"]))


def _course_twin(courses: dict[str, dict[int, tuple[float, float]]]) -> Twin:
    rows = [
        [
            words.text(strategy_name(name)),
            words.text(day),
            Cell(words.decimal(before)),
            Cell(words.decimal(after)),
        ]
        for name, course in courses.items()
        for day, (before, after) in course.items()
    ]
    return twin(("Strategy", "Day", "Before weighting", "After weighting"), rows)


def largest_differences(rows: Sequence[Row]) -> Differences:
    """Return the largest absolute difference of each covariate, before and after weighting."""
    largest: Differences = {}
    for row in rows:
        if not shows(row, "unweighted_difference", "weighted_difference"):
            continue
        name = covariate_name(row["covariate"])
        before, after = largest.get(name, (0.0, 0.0))
        largest[name] = (
            max(before, abs(row["unweighted_difference"])),
            max(after, abs(row["weighted_difference"])),
        )
    return dict(sorted(largest.items(), key=lambda item: item[1][0]))


def covariate_name(covariate: str) -> str:
    """Return the covariate without its level, so that a clinic's name is not shown."""
    bare = covariate.split("=", maxsplit=1)[0].split("[", maxsplit=1)[0].split(":", maxsplit=1)[0]
    return words.spelled(bare.removesuffix("_id").removesuffix("_nrs"))


def _title(largest: Differences, limit: float | None) -> str:
    if not largest:
        return "Balance of the people left in each strategy"
    worst = max(after for _, after in largest.values())
    told = f"After weighting, the largest difference is {words.decimal(worst)}"
    return told if limit is None else f"{told}; the gate asks for less than {words.decimal(limit)}"


def _love_spec(largest: Differences, limit: float | None) -> dict[str, Any]:
    names = list(largest)
    before = [round(pair[0], 3) for pair in largest.values()]
    after = [round(pair[1], 3) for pair in largest.values()]
    layout = {
        "xaxis": style.axis(title=style.axis_title("standardised difference"), rangemode="tozero"),
        "yaxis": style.axis(gridcolor=style.colour("faint")),
        "shapes": [] if limit is None else [style.upright(limit)],
        "margin": {"l": 120, "r": 12, "t": 8, "b": 44},
    }
    marks = [
        style.markers(
            before,
            names,
            [f"before: {value}" for value in before],
            "other",
            symbol="circle-open",
            size=11,
        ),
        style.markers(after, names, [f"after: {value}" for value in after], "own", size=11),
    ]
    return dict(style.figure(marks, layout, 90 + 28 * len(names)))


def _twin(largest: Differences) -> Twin:
    rows = [
        [words.text(name), Cell(words.decimal(before)), Cell(words.decimal(after))]
        for name, (before, after) in largest.items()
    ]
    return twin(("Covariate", "Before weighting", "After weighting"), rows)
