"""Weighted risk over time under each strategy, with the numbers at risk under the axis."""

from collections.abc import Sequence
from typing import Any, Final

from analysis.figures import style, words
from analysis.figures.chart import Chart, LegendEntry, Twin, twin
from analysis.figures.measures import strategy_name
from analysis.figures.words import Row, shows

STRATEGY_MEANINGS: Final = {
    "strict": "strict: each stage completed before the next",
    "natural": "natural: stages chosen as usual",
}
CURVE_ROLES: Final = {
    "strict": ("own", "solid"),
    "in_order": ("own", "solid"),
    "stage_5_completed": ("own", "solid"),
    "natural": ("other", "dash"),
    "early_loading": ("network", "dot"),
}
# Names that fit beside the numbers under the axis.
SHORT_NAMES: Final = {"stage_5_completed": "stage 5", "early_loading": "early"}
# Of the day's course one in thirty is told in the table; the drawing has every day.
TWIN_DAYS: Final = 30
# How many numbers at risk fit under the axis on a phone.
RISK_COLUMNS: Final = 5
RISK_LINE: Final = 17


def curve_chart(rows: Sequence[Row], key: str = "risk-curves", name: str = "") -> Chart:
    """Return the weighted risk of re-injury over time under each strategy, with bands.

    Rows are released rows of results.risk_curves of one analysis; `name` is told in the title.
    """
    drawn = [row for row in rows if shows(row, "risk")]
    strategies = list(dict.fromkeys(row["strategy"] for row in drawn))
    return Chart(
        key=key,
        title=f"{name}: {_title(drawn, strategies)}" if name else _title(drawn, strategies),
        note=(
            "Share re-injured since the first session, in %, with 95% bands, weighted so that both "
            "lines are about the same people. Starts where enough people are behind it to be "
            "shown. Under the axis: n, episodes still followed under the strategy, unweighted."
        ),
        twin=_twin(rows),
        spec=_spec(rows, drawn, strategies) if drawn else None,
        missing="" if drawn else "No curve is shown: it is sealed, or was not estimated.",
        height="tall",
        legend=tuple(
            LegendEntry(f"line-{_role(each)[0]}", STRATEGY_MEANINGS.get(each, strategy_name(each)))
            for each in strategies
        ),
        source="results/risk_curves",
    )


def _role(strategy: str) -> tuple[str, str]:
    return CURVE_ROLES.get(strategy, ("network", "dot"))


def _title(drawn: Sequence[Row], strategies: Sequence[str]) -> str:
    ends = [_last(drawn, strategy) for strategy in strategies]
    if not ends:
        return "Risk of re-injury over time"
    told = [f"{words.percent(row['risk'])} under {strategy_name(row['strategy'])}" for row in ends]
    return f"Re-injured by day {ends[0]['day']}: {', '.join(told)}"


def _last(rows: Sequence[Row], strategy: str) -> Row:
    return max(
        (row for row in rows if row["strategy"] == strategy), key=lambda row: int(row["day"])
    )


def _spec(rows: Sequence[Row], drawn: Sequence[Row], strategies: Sequence[str]) -> dict[str, Any]:
    traces: list[dict[str, Any]] = []
    ends = []
    lowest = min(strategies, key=lambda name: float(_last(drawn, name)["risk"]))
    for name in strategies:
        course = sorted(
            (row for row in drawn if row["strategy"] == name), key=lambda row: int(row["day"])
        )
        traces += _band(course, name)
        ends.append(_end_label(course[-1], name, is_below=name == lowest))
    days = _risk_days([row["day"] for row in rows])
    layout = {
        "xaxis": style.axis(
            title=style.axis_title("days since the first session"), rangemode="tozero",
            tickvals=days, range=[-0.03 * days[-1], 1.04 * days[-1]],
        ),
        "yaxis": style.axis(
            title=style.axis_title("re-injured"), ticksuffix="%", rangemode="tozero"
        ),
        "annotations": [*ends, *_numbers_at_risk(rows, strategies, days)],
        "margin": {"l": 60, "r": 16, "t": 10, "b": 64 + RISK_LINE * (len(strategies) + 1)},
    }  # fmt: skip
    height = style.HEIGHTS["tall"] + RISK_LINE * (len(strategies) + 1)
    return dict(style.figure(traces, layout, height))


def _end_label(end: Row, name: str, *, is_below: bool) -> dict[str, Any]:
    """Return the name and risk at a curve's end; the lowest curve's stands below its line."""
    return style.label(
        end["day"],
        round(100 * end["risk"], 1),
        f"{SHORT_NAMES.get(name, strategy_name(name))} {words.percent(end['risk'])}",
        _role(name)[0],
        xanchor="right",
        yanchor="top" if is_below else "bottom",
        yshift=-34 if is_below else 6,
    )


def _risk_days(days: Sequence[int]) -> list[int]:
    """Return the released days nearest to even steps of the follow-up."""
    known = sorted(set(days))
    steps = [known[-1] * step / (RISK_COLUMNS - 1) for step in range(RISK_COLUMNS)]
    return sorted({min(known, key=lambda day: (abs(day - step), day)) for step in steps})


def _numbers_at_risk(
    rows: Sequence[Row], strategies: Sequence[str], days: Sequence[int]
) -> list[dict[str, Any]]:
    at = {(row["strategy"], row["day"]): row for row in rows}
    below = 52
    notes = [
        style.label(
            0, 0, "still followed (n)", "soft-ink", xref="paper", yref="paper", xanchor="left",
            yanchor="top", yshift=-below, xshift=-52, font=_small("soft-ink"),
        )
    ]  # fmt: skip
    for place, name in enumerate(strategies, start=1):
        for day in days:
            row = at.get((name, day))
            told = "none" if row is None else words.cell(row, "at_risk").text
            notes.append(
                style.label(
                    day, 0, told, _role(name)[0], yref="paper", xanchor="center", yanchor="top",
                    yshift=-below - RISK_LINE * place, font=_small(_role(name)[0]),
                )
            )  # fmt: skip
        notes.append(
            style.label(
                0, 0, SHORT_NAMES.get(name, strategy_name(name)), _role(name)[0],
                xref="paper", yref="paper",
                xanchor="left", yanchor="top", xshift=-58, yshift=-below - RISK_LINE * place,
                font=_small(_role(name)[0]),
            )
        )  # fmt: skip
    return notes


def _small(role: str) -> dict[str, Any]:
    return {"size": style.TEXT_SIZE - 1, "color": style.colour(role)}


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
        "hovertext": [
            f"{strategy_name(name)}, day {row['day']}: {words.percent(row['risk'])}" for row in rows
        ],
    }
    return [band, floor, curve]


def _twin(rows: Sequence[Row]) -> Twin:
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
