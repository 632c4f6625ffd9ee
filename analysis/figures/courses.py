"""The course of a domain through the five stages."""

from collections.abc import Sequence
from typing import Any

from analysis.contracts.release import SUPPRESSED
from analysis.figures import style, words
from analysis.figures.chart import Chart, LegendEntry, Twin, twin
from analysis.figures.words import Row, shows

OWN_PLACE = -0.13
NETWORK_PLACE = 0.17
MEANS = ("first_mean", "last_mean", "last_low", "last_high")


def course_chart(domain: str, own: Sequence[Row], network: Sequence[Row], own_name: str) -> Chart:
    """Return first and last mean of a domain in every stage, beside the network's.

    `own` and `network` are released rows of results.domain_courses of this domain; `network` is
    empty where there is nothing to be shown beside.
    """
    unit = next((row["unit"] for row in [*own, *network] if row["unit"]), "")
    drawn = [row for row in own if shows(row, *MEANS)]
    return Chart(
        key=f"course-{domain}",
        title=_title(domain, own),
        note=_note(domain, unit),
        twin=course_twin(own, network, unit, own_name),
        spec=_spec(own, network, unit, own_name) if drawn else None,
        missing="" if drawn else why_missing(domain, own),
        height="medium",
        legend=_legend(own_name, bool(network)),
    )


def why_missing(domain: str, own: Sequence[Row]) -> str:
    """Return why a domain has no course to be drawn."""
    name = words.domain_name(domain)
    if any(words.status(row, "last_mean") == SUPPRESSED for row in own):
        return f"{name} was measured in too few patients to be shown."
    return f"{name} was not measured twice in any stage, so there is no course to show."


def _title(domain: str, own: Sequence[Row]) -> str:
    name = words.domain_name(domain)
    judged = [row for row in own if shows(row, "change_low", "change_high")]
    if not judged:
        return f"{name} by stage"
    better = sum(is_better(domain, row) for row in judged)
    word = "lower" if domain in words.LOWER_IS_BETTER else "higher"
    stages = f"{better} of {len(judged)} stages" if len(judged) > 1 else _one(better)
    return f"{name} was clearly {word} at the end of {stages}"


def _one(better: int) -> str:
    return "the one stage shown" if better else "none of the stages shown"


def is_better(domain: str, row: Row) -> bool:
    """Say whether the interval of a stage's change lies on the better side."""
    if domain in words.LOWER_IS_BETTER:
        return bool(row["change_high"] < 0)
    return bool(row["change_low"] > 0)


def _note(domain: str, unit: str) -> str:
    direction = "lower" if domain in words.LOWER_IS_BETTER else "higher"
    return (
        f"Mean {words.UNIT_WORDS.get(unit, unit)}, {direction} is better; from the first to the "
        f"last value in the stage, with the interval of the last. n: episodes. {words.DESCRIPTIVE}"
    )


def _legend(own_name: str, has_network: bool) -> tuple[LegendEntry, ...]:
    own = (
        LegendEntry("open-own", f"{own_name}, first"),
        LegendEntry("dot-own", f"{own_name}, last"),
    )
    return (*own, LegendEntry("diamond-network", "network, first to last")) if has_network else own


def _spec(own: Sequence[Row], network: Sequence[Row], unit: str, own_name: str) -> dict[str, Any]:
    traces = [*network_traces(network, unit), *own_traces(own, unit, own_name)]
    layout = {
        "xaxis": style.axis(
            tickvals=list(words.STAGES),
            ticktext=[stage_tick(own, stage) for stage in words.STAGES],
            range=[0.5, 5.5],
            showgrid=False,
            tickangle=0,
            tickfont={"size": 10, "color": style.colour("soft-ink")},
        ),
        "yaxis": style.axis(
            title=style.axis_title(words.SHORT_UNITS.get(unit, unit)),
            range=_value_range(own, network, unit),
        ),
        "annotations": hidden_labels(own),
        "margin": {"l": 44, "r": 10, "t": 10, "b": 62},
    }
    return dict(style.figure(traces, layout, style.HEIGHTS["medium"]))


def _value_range(own: Sequence[Row], network: Sequence[Row], unit: str) -> list[float]:
    """Return a range that begins at 0 for the pain scale, and near the values elsewhere."""
    drawn = [
        float(row[name]) for row in [*own, *network] for name in MEANS if row[name] is not None
    ]
    room = max(1.0, 0.12 * (max(drawn) - min(drawn)))
    low = 0.0 if unit == "{score}" else max(0.0, min(drawn) - room)
    return [round(low, 1), round(max(drawn) + room, 1)]


def stage_tick(own: Sequence[Row], stage: int) -> str:
    """Return a stage's number, name and n, for under the axis."""
    row = next((row for row in own if row["stage"] == stage), None)
    number = (
        words.count(row["episodes"])
        if row is not None and shows(row, "episodes")
        else "\N{EN DASH}"
    )
    return f"{stage}<br>{words.SHORT_STAGE_NAMES[stage]}<br>n {number}"


def own_traces(rows: Sequence[Row], unit: str, name: str) -> list[dict[str, Any]]:
    """Return the marks from first to last mean, with the interval of the last."""
    drawn = [row for row in rows if shows(row, *MEANS)]
    x = [row["stage"] + OWN_PLACE for row in drawn]
    last = [row["last_mean"] for row in drawn]
    hover = [_hover(row, unit, name) for row in drawn]
    firsts = style.markers(
        x, [row["first_mean"] for row in drawn], hover, "own", symbol="circle-open"
    )
    lasts = style.markers(x, last, hover, "own", size=11)
    lasts["error_y"] = style.error_bars(
        last, [row["last_low"] for row in drawn], [row["last_high"] for row in drawn], "own"
    )
    return [_segments(drawn, OWN_PLACE, "own"), firsts, lasts]


def network_traces(rows: Sequence[Row], unit: str) -> list[dict[str, Any]]:
    """Return the network's marks from first to last mean, to the right of the unit's own."""
    drawn = [row for row in rows if shows(row, "first_mean", "last_mean")]
    if not drawn:
        return []
    x = [row["stage"] + NETWORK_PLACE for row in drawn]
    hover = [_hover(row, unit, "network") for row in drawn]
    lasts = style.markers(
        x, [row["last_mean"] for row in drawn], hover, "network", symbol=style.NETWORK_MARK, size=9
    )
    return [_segments(drawn, NETWORK_PLACE, "network", dash=style.NETWORK_DASH), lasts]


def _segments(rows: Sequence[Row], place: float, role: str, dash: str = "solid") -> dict[str, Any]:
    x: list[float | None] = []
    y: list[float | None] = []
    for row in rows:
        x += [row["stage"] + place, row["stage"] + place, None]
        y += [row["first_mean"], row["last_mean"], None]
    return style.line(x, y, role, dash=dash, width=3 if role == "own" else 2)


def _hover(row: Row, unit: str, name: str) -> str:
    short = words.SHORT_UNITS.get(unit, unit)
    return (
        f"{name}, stage {row['stage']}<br>{words.plain(row['first_mean'])} to "
        f"{words.plain(row['last_mean'])} {short}"
    )


def hidden_labels(own: Sequence[Row]) -> list[dict[str, Any]]:
    """Return the word for every stage that is hidden, where its marks would stand."""
    return [
        style.label(
            row["stage"], 0.04, "hidden", "soft-ink", yref="paper", textangle=-90, yanchor="bottom"
        )
        for row in own
        if words.status(row, "last_mean") == SUPPRESSED
    ]


def course_twin(own: Sequence[Row], network: Sequence[Row], unit: str, own_name: str) -> Twin:
    """Return the rows of a domain as a table, the unit's own before the network's."""
    rows = []
    for name, group in ((own_name, own), ("network", network)):
        for row in group:
            rows.append(
                [
                    words.text(f"{row['stage']} {words.STAGE_NAMES.get(row['stage'], '')}"),
                    words.text(name),
                    words.cell(row, "episodes"),
                    words.cell(row, "patients"),
                    words.cell(row, "first_mean", words.plain),
                    words.cell(row, "last_mean", words.plain),
                    words.interval_cell(row, "last_low", "last_high", words.plain),
                    words.cell(row, "change_mean", words.plain),
                    words.interval_cell(row, "change_low", "change_high", words.plain),
                ]
            )
    short = words.SHORT_UNITS.get(unit, unit)
    header = (
        "Stage",
        "Of",
        "Episodes",
        "Patients",
        f"First mean ({short})",
        "Last mean",
        "95% interval of last",
        "Change",
        "95% interval of change",
    )
    return twin(header, rows)
