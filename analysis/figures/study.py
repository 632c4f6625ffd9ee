"""The study's own charts: risk over time, designed beside biased, balance, and slopes by stage."""

from collections.abc import Sequence
from typing import Any, Final

from analysis.figures import style, words
from analysis.figures.chart import Cell, Chart, LegendEntry, Twin, twin
from analysis.figures.words import Row, shows

STRATEGY_NAMES: Final = {
    "strict": "strict",
    "natural": "natural",
    "early_loading": "strength or endurance within 28 days",
    "completed_all": "completed all five",
    "not_completed_all": "did not",
    "never_violated": "never left the order",
    "ever_violated": "ever left the order",
}
STRATEGY_MEANINGS: Final = {
    "strict": "strict: each stage completed before the next",
    "natural": "natural: stages chosen as usual",
}
CURVE_ROLES: Final = {"strict": ("own", "solid"), "natural": ("other", "dash")}
MEASURE_NAMES: Final = {
    "risk": "risk",
    "risk_difference": "risk difference",
    "risk_ratio": "risk ratio",
    "hazard_ratio": "hazard ratio",
}
RATIOS: Final = ("risk_ratio", "hazard_ratio")
TWIN_DAYS: Final = 30


def strategy_name(name: str | None) -> str:
    """Return a strategy as words."""
    return STRATEGY_NAMES.get(name or "", words.spelled(name).lower())


def curve_chart(rows: Sequence[Row]) -> Chart:
    """Return the weighted risk of re-injury over time under each strategy, with bands.

    Rows are released rows of results.risk_curves of one analysis.
    """
    drawn = [row for row in rows if shows(row, "risk")]
    strategies = list(dict.fromkeys(row["strategy"] for row in drawn))
    return Chart(
        key="risk-curves",
        title=_curve_title(drawn, strategies),
        note=(
            "Share re-injured since the first session, in %, with 95% bands, weighted so that both "
            "lines are about the same people. Starts where enough people are behind it to be shown."
        ),
        twin=_curve_twin(rows),
        spec=_curve_spec(drawn, strategies) if drawn else None,
        missing="" if drawn else "No curve is shown: it is sealed, or was not estimated.",
        height="tall",
        legend=tuple(
            LegendEntry(f"line-{_role(name)[0]}", STRATEGY_MEANINGS.get(name, strategy_name(name)))
            for name in strategies
        ),
    )


def _role(strategy: str) -> tuple[str, str]:
    return CURVE_ROLES.get(strategy, ("network", "dot"))


def _curve_title(drawn: Sequence[Row], strategies: Sequence[str]) -> str:
    ends = [_last(drawn, strategy) for strategy in strategies]
    if not ends:
        return "Risk of re-injury over time"
    told = [f"{words.percent(row['risk'])} under {row['strategy']}" for row in ends]
    return f"By day {ends[0]['day']}: " + ", ".join(told)


def _last(rows: Sequence[Row], strategy: str) -> Row:
    return max(
        (row for row in rows if row["strategy"] == strategy), key=lambda row: int(row["day"])
    )


def _curve_spec(drawn: Sequence[Row], strategies: Sequence[str]) -> dict[str, Any]:
    traces: list[dict[str, Any]] = []
    ends = []
    for name in strategies:
        rows = sorted(
            (row for row in drawn if row["strategy"] == name), key=lambda row: int(row["day"])
        )
        traces += _band(rows, name)
        end = rows[-1]
        ends.append(
            style.label(
                end["day"],
                round(100 * end["risk"], 1),
                f"{name} {words.percent(end['risk'])}",
                _role(name)[0],
                xanchor="right",
                yanchor="bottom",
                yshift=4,
            )
        )
    layout = {
        "xaxis": style.axis(
            title=style.axis_title("days since the first session"), rangemode="tozero"
        ),
        "yaxis": style.axis(
            title=style.axis_title("re-injured"), ticksuffix="%", rangemode="tozero"
        ),
        "annotations": ends,
    }
    return dict(style.figure(traces, layout, style.HEIGHTS["tall"]))


def _band(rows: Sequence[Row], name: str) -> list[dict[str, Any]]:
    role, dash = _role(name)
    days = [row["day"] for row in rows]
    with_band = [row for row in rows if shows(row, "low", "high")]
    edge = [row["day"] for row in with_band]
    low = [round(100 * row["low"], 2) for row in with_band]
    high = [round(100 * row["high"], 2) for row in with_band]
    step = {"shape": "hv"}
    band = style.line(edge, high, role, width=0, line=step)
    floor = style.line(edge, low, role, width=0, line=step)
    floor |= {"fill": "tonexty", "fillcolor": style.colour(f"{role}-soft")}
    curve = style.line(
        days, [round(100 * row["risk"], 2) for row in rows], role, dash=dash, line=step
    )
    curve |= {
        "hoverinfo": "text",
        "hovertext": [f"{name}, day {row['day']}: {words.percent(row['risk'])}" for row in rows],
    }
    return [band, floor, curve]


def _curve_twin(rows: Sequence[Row]) -> Twin:
    last = max((row["day"] for row in rows), default=0)
    shown = [row for row in rows if row["day"] % TWIN_DAYS == 0 or row["day"] == last]
    cells = [
        [
            words.text(strategy_name(row["strategy"])),
            words.text(row["day"]),
            words.cell(row, "risk", words.percent),
            words.interval_cell(row, "low", "high", words.percent),
            words.cell(row, "at_risk"),
        ]
        for row in shown
    ]
    return twin(("Strategy", "Day", "Risk", "95% interval", "Still followed"), cells)


def forest_chart(rows: Sequence[Row], measure: str) -> Chart:
    """Return the designed contrast with the biased comparisons below it, on one scale.

    Rows are released rows of results.estimates; only contrasts of this measure are used.
    """
    contrasts = [row for row in rows if row["measure"] == measure and row["comparator"]]
    contrasts.sort(key=lambda row: bool(row["is_biased_comparison"]))
    drawn = [row for row in contrasts if shows(row, "value", "low", "high")]
    has_designed = any(not row["is_biased_comparison"] for row in drawn)
    return Chart(
        key=f"forest-{measure.replace('_', '-')}",
        title=_forest_title(drawn, measure),
        note=(
            "Values with 95% intervals. A biased comparison sets people who differ from the start "
            "side by side; it is shown only so that the designed estimate can be held against it."
        ),
        twin=_forest_twin(contrasts, measure),
        spec=_forest_spec(drawn, measure) if has_designed else None,
        missing="" if has_designed else "Not drawn: the designed estimate is sealed or missing.",
        legend=(
            LegendEntry("dot-own", "designed estimate"),
            LegendEntry("open-other", "biased comparison"),
        ),
    )


def _forest_title(drawn: Sequence[Row], measure: str) -> str:
    name = MEASURE_NAMES.get(measure, words.spelled(measure)).capitalize()
    designed = next((row for row in drawn if not row["is_biased_comparison"]), None)
    if designed is None:
        return f"{name}, designed estimate beside biased comparisons"
    value = write_effect(measure)(designed["value"])
    return f"{name}: {value} by design, with the biased comparisons beside it"


def write_effect(measure: str) -> Any:
    """Return the function that writes values of a measure."""
    if measure == "risk":
        return words.percent
    return words.points if measure == "risk_difference" else words.decimal


def _forest_spec(drawn: Sequence[Row], measure: str) -> dict[str, Any]:
    is_ratio = measure in RATIOS
    traces = [_forest_mark(row, place, measure) for place, row in enumerate(drawn)]
    neutral = 1 if is_ratio else 0
    scale = _ratio_axis(drawn) if is_ratio else style.axis(ticksuffix=" points")
    layout = {
        "xaxis": scale,
        "yaxis": style.axis(
            tickvals=list(range(len(drawn))),
            ticktext=[_contrast_label(row) for row in drawn],
            range=[len(drawn) - 0.5, -0.5],
            showgrid=False,
        ),
        "shapes": [_neutral_line(neutral)],
        "margin": {"l": 120, "r": 12, "t": 8, "b": 36},
    }
    return dict(style.figure(traces, layout, 70 + 62 * len(drawn)))


def _ratio_axis(drawn: Sequence[Row]) -> dict[str, Any]:
    ticks = [0.25, 0.33, 0.5, 0.67, 0.8, 1, 1.25, 1.5, 2, 3, 4]
    low = min(row["low"] for row in drawn)
    high = max(row["high"] for row in drawn)
    kept = [tick for tick in ticks if min(low, 0.8) * 0.9 <= tick <= max(high, 1.25) * 1.1]
    return style.axis(type="log", tickvals=kept, ticktext=[words.decimal(tick) for tick in kept])


def _neutral_line(neutral: float) -> dict[str, Any]:
    return {
        "type": "line",
        "x0": neutral,
        "x1": neutral,
        "y0": 0,
        "y1": 1,
        "yref": "paper",
        "line": {"color": style.colour("soft-ink"), "width": 1, "dash": "dot"},
    }


def _contrast_label(row: Row) -> str:
    if not row["is_biased_comparison"]:
        return (
            "designed estimate<br>strict against natural"
            if row["strategy"] == "strict"
            else "designed estimate"
        )
    name = strategy_name(row["strategy"]).replace(" the order", "<br>the order")
    return f"biased comparison<br>{name}"


def _forest_mark(row: Row, place: int, measure: str) -> dict[str, Any]:
    scale = 100 if measure == "risk_difference" else 1
    role = "other" if row["is_biased_comparison"] else "own"
    value, low, high = (round(scale * row[name], 3) for name in ("value", "low", "high"))
    write = write_effect(measure)
    hover = f"{write(row['value'])} ({write(row['low'])} to {write(row['high'])})"
    mark = style.markers(
        [value],
        [place],
        [hover],
        role,
        symbol="circle-open" if row["is_biased_comparison"] else "square",
        size=12,
    )
    mark["error_x"] = style.error_bars([value], [low], [high], role)
    return mark


def _forest_twin(contrasts: Sequence[Row], measure: str) -> Twin:
    write = write_effect(measure)
    rows = [
        [
            words.text("biased comparison" if row["is_biased_comparison"] else "designed estimate"),
            words.text(
                f"{strategy_name(row['strategy'])} against {strategy_name(row['comparator'])}"
            ),
            words.cell(row, "value", write),
            words.interval_cell(row, "low", "high", write),
            words.cell(row, "episodes"),
            words.cell(row, "events"),
        ]
        for row in contrasts
    ]
    header = (
        "Kind",
        "Contrast",
        MEASURE_NAMES.get(measure, measure),
        "95% interval",
        "Episodes",
        "Events",
    )
    return twin(header, rows)


def balance_chart(rows: Sequence[Row], limit: float | None) -> Chart:
    """Return the largest difference of each covariate over follow-up, before and after weighting.

    Rows are released rows of results.balance; levels of one covariate (`name=level`) are one row
    of the chart, so no clinic is named. `limit` is the gate's threshold.
    """
    largest = _largest_differences(rows)
    return Chart(
        key="balance",
        title=_balance_title(largest, limit),
        note=(
            "Largest absolute standardised difference between the people left in a strategy and "
            "the whole cohort, over covariate levels, strategies and days of follow-up."
        ),
        twin=_balance_twin(largest),
        spec=_balance_spec(largest, limit) if largest else None,
        missing="" if largest else "Balance was not computed, or is about too few patients.",
        legend=(
            LegendEntry("open-other", "before weighting"),
            LegendEntry("dot-own", "after weighting"),
        ),
    )


Differences = dict[str, tuple[float, float]]


def _largest_differences(rows: Sequence[Row]) -> Differences:
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


def _balance_title(largest: Differences, limit: float | None) -> str:
    if not largest:
        return "Balance of the people left in each strategy"
    worst = max(after for _, after in largest.values())
    told = f"After weighting, the largest difference is {words.decimal(worst)}"
    return told if limit is None else f"{told}; the gate asks for less than {words.decimal(limit)}"


def _balance_spec(largest: Differences, limit: float | None) -> dict[str, Any]:
    names = list(largest)
    before = [round(pair[0], 3) for pair in largest.values()]
    after = [round(pair[1], 3) for pair in largest.values()]
    layout = {
        "xaxis": style.axis(title=style.axis_title("standardised difference"), rangemode="tozero"),
        "yaxis": style.axis(gridcolor=style.colour("faint")),
        "shapes": [] if limit is None else [_neutral_line(limit)],
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


def _balance_twin(largest: Differences) -> Twin:
    rows = [
        [words.text(name), Cell(words.decimal(before)), Cell(words.decimal(after))]
        for name, (before, after) in largest.items()
    ]
    return twin(("Covariate", "Before weighting", "After weighting"), rows)


def slope_chart(domain: str, rows: Sequence[Row]) -> Chart:
    """Return a domain's slope per week in every stage, of the population model.

    Rows are released rows of results.trajectory_models of this domain.
    """
    slopes = {f"slope_stage_{stage}": stage for stage in words.STAGES}
    kept = [row for row in rows if row["term"] in slopes and row["model"] == "population"]
    drawn = [row for row in kept if shows(row, "value", "low", "high")]
    unit = kept[0]["unit"] if kept else ""
    direction = "lower" if domain in words.LOWER_IS_BETTER else "higher"
    return Chart(
        key=f"slopes-{domain}",
        title=f"{words.domain_name(domain)}: change per week by stage",
        note=(
            f"Model of all episodes, in {_weekly(unit)}, with 95% intervals; {direction} is "
            "better. It describes; it does not show what a stage did."
        ),
        twin=_slope_twin(kept, slopes),
        spec=_slope_spec(drawn, slopes, unit) if drawn else None,
        missing="" if drawn else "No slope is shown: not estimated, or about too few patients.",
        height="short",
        legend=(LegendEntry("dot-own", "change per week"),),
    )


def _weekly(unit: str) -> str:
    return unit.replace("{score}", "points").replace("deg", "degrees")


def _slope_spec(drawn: Sequence[Row], slopes: dict[str, int], unit: str) -> dict[str, Any]:
    values = [row["value"] for row in drawn]
    mark = style.markers(
        [slopes[row["term"]] for row in drawn],
        values,
        [
            f"stage {slopes[row['term']]}: {words.decimal(row['value'])} {_weekly(unit)}"
            for row in drawn
        ],
        "own",
        size=11,
    )
    mark["error_y"] = style.error_bars(
        values, [row["low"] for row in drawn], [row["high"] for row in drawn], "own"
    )
    layout = {
        "xaxis": style.axis(
            tickvals=list(words.STAGES),
            ticktext=[f"{stage}<br>{words.SHORT_STAGE_NAMES[stage]}" for stage in words.STAGES],
            range=[0.5, 5.5],
            showgrid=False,
            tickangle=0,
        ),
        "yaxis": style.axis(title=style.axis_title(_weekly(unit)), rangemode="tozero"),
    }
    return dict(style.figure([mark], layout, style.HEIGHTS["short"]))


def _slope_twin(rows: Sequence[Row], slopes: dict[str, int]) -> Twin:
    cells = [
        [
            words.text(f"{slopes[row['term']]} {words.STAGE_NAMES[slopes[row['term']]]}"),
            words.cell(row, "value", words.decimal),
            words.interval_cell(row, "low", "high", words.decimal),
            words.cell(row, "patients"),
        ]
        for row in rows
    ]
    return twin(("Stage", "Change per week", "95% interval", "Patients"), cells)
