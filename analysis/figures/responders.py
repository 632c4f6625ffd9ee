"""Who improved by a change that matters, and who has no last measure."""

from collections.abc import Sequence
from typing import Any, Final, NamedTuple

from analysis.figures import style, words
from analysis.figures.chart import Chart, LegendEntry, Twin, twin
from analysis.figures.words import Row, shows


class Group(NamedTuple):
    """One part of a bar: its column, meaning, colour, hatching, and where its share is written."""

    column: str
    meaning: str
    role: str
    shape: str
    anchor: str


GROUPS: Final = (
    Group("improved", "improved by an important change", "own", "", "start"),
    Group("not_improved", "did not", "muted", "", "end"),
    Group("unmeasured", "no last measure", "faint", "/", "none"),
)
ROW_HEIGHT = 50


def responder_chart(own: Sequence[Row], network: Sequence[Row], own_name: str) -> Chart:
    """Return shares improved, not improved and unmeasured of every domain.

    Rows are released rows of results.responders; substantial change appears in the table only.
    """
    own, network = words.by_domain(own), words.by_domain(network)
    main = [row for row in own if row["change"] == "important"]
    drawn = [row for row in main if shows(row, "episodes") and row["episodes"]]
    beside = [row for row in network if row["change"] == "important"]
    return Chart(
        key="responders",
        title=_title(drawn),
        note=(
            "Share of all episodes, in %, from the first to the last measure. People without a "
            "last measure stay in the denominator as a group of their own. n: episodes."
        ),
        twin=_twin(own, network, own_name),
        spec=_spec(drawn, beside) if drawn else None,
        missing="" if drawn else "Too few patients to show who improved.",
        legend=_legend(bool(beside)),
    )


def _legend(has_network: bool) -> tuple[LegendEntry, ...]:
    entries = (
        LegendEntry("bar-own", "improved by an important change"),
        LegendEntry("bar-muted", "did not"),
        LegendEntry("bar-hatched", "no last measure"),
    )
    return (
        (*entries, LegendEntry("diamond-network", "network, improved")) if has_network else entries
    )


def _title(drawn: Sequence[Row]) -> str:
    shown = [row for row in drawn if shows(row, "share_improved")]
    if not shown:
        return "Who improved by an important change"
    best = max(shown, key=lambda row: float(row["share_improved"]))
    least = min(shown, key=lambda row: float(row["share_improved"]))
    if words.percent(best["share_improved"]) == words.percent(least["share_improved"]):
        what = f"in {best['domain']}" if best is least else "in every domain shown"
        return f"{words.percent(best['share_improved'])} improved {what}"
    return (
        f"Between {words.percent(least['share_improved'])} ({least['domain']}) and "
        f"{words.percent(best['share_improved'])} ({best['domain']}) improved"
    )


def _spec(drawn: Sequence[Row], network: Sequence[Row]) -> dict[str, Any]:
    names = [_row_name(row) for row in drawn]
    traces = [_bar(drawn, names, group) for group in GROUPS]
    traces += _network_marks(drawn, network)
    layout = {
        "barmode": "stack",
        "bargap": 0.38,
        "xaxis": style.axis(range=[0, 101], ticksuffix="%", dtick=25),
        "yaxis": style.axis(autorange="reversed", showgrid=False, ticks=""),
        "margin": {"l": 90, "r": 16, "t": 6, "b": 34},
    }
    return dict(style.figure(traces, layout, 70 + ROW_HEIGHT * len(drawn)))


def _row_name(row: Row) -> str:
    return f"{words.domain_name(row['domain'])}<br>n {words.count(row['episodes'])}"


def _bar(rows: Sequence[Row], names: Sequence[str], group: Group) -> dict[str, Any]:
    shares = [_share(row, group.column) for row in rows]
    bar = {
        "type": "bar",
        "orientation": "h",
        "x": [None if share is None else round(100 * share, 1) for share in shares],
        "y": list(names),
        "hoverinfo": "text",
        "hovertext": [
            "" if share is None else f"{group.meaning}: {words.percent(share)}" for share in shares
        ],
        "marker": {
            "color": style.colour(group.role),
            "pattern": {
                "shape": group.shape,
                "fgcolor": style.colour("network"),
                "size": 6,
                "solidity": 0.16,
            },
            "line": {"color": style.colour("paper"), "width": 1},
        },
    }
    return bar if group.anchor == "none" else bar | _texts(shares, group)


def _texts(shares: Sequence[float | None], group: Group) -> dict[str, Any]:
    return {
        "text": [
            "" if share is None or share < 0.16 else f" {words.percent(share)} " for share in shares
        ],
        "textposition": "inside",
        "insidetextanchor": group.anchor,
        "textangle": 0,
        "textfont": {
            "color": style.colour("paper" if group.role == "own" else "ink"),
            "size": style.TEXT_SIZE,
        },
    }


def _share(row: Row, column: str) -> float | None:
    """Return a group's share; of the three shown groups where all are shown, else of the whole."""
    if not shows(row, column):
        return None
    parts = [row[group.column] for group in GROUPS]
    whole = sum(parts) if None not in parts else row["episodes"]
    return float(min(row[column] / whole, 1.0)) if whole else None


def _network_marks(drawn: Sequence[Row], network: Sequence[Row]) -> list[dict[str, Any]]:
    shares = {row["domain"]: row for row in network if shows(row, "share_improved")}
    marked = [row for row in drawn if row["domain"] in shares]
    if not marked:
        return []
    values = [shares[row["domain"]]["share_improved"] for row in marked]
    hover = [f"network: {words.percent(value)}" for value in values]
    marks = style.markers(
        [round(100 * value, 1) for value in values],
        [_row_name(row) for row in marked],
        hover,
        "ink",
    )
    marks["marker"] = style.outlined_diamond()
    return [marks]


def _twin(own: Sequence[Row], network: Sequence[Row], own_name: str) -> Twin:
    rows = [
        [
            words.text(words.domain_name(row["domain"])),
            words.text(words.CHANGE_NAMES.get(row["change"], words.spelled(row["change"]))),
            words.text(name),
            words.cell(row, "episodes"),
            words.cell(row, "improved"),
            words.cell(row, "not_improved"),
            words.cell(row, "unmeasured"),
            words.cell(row, "share_improved", words.percent),
            words.interval_cell(row, "low", "high", words.percent),
        ]
        for name, group in ((own_name, own), ("network", network))
        for row in group
    ]
    header = (
        "Domain",
        "Improved by",
        "Of",
        "Episodes",
        "Improved",
        "Not improved",
        "No last measure",
        "Share improved",
        "95% interval",
    )
    return twin(header, rows)
