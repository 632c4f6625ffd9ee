"""Who improved or got worse by a change that matters, and who has no last measure."""

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
ROW_HEIGHT: Final = 68
# Where in the room of a row its two bars lie, and how thick they are.
WORSE_PLACE: Final = 0.33
THICK, THIN = 0.46, 0.14


def responder_chart(
    own: Sequence[Row],
    network: Sequence[Row],
    own_name: str,
    worse: Sequence[Row] = (),
    network_worse: Sequence[Row] = (),
) -> Chart:
    """Return shares improved, not improved and unmeasured of every domain, and who got worse.

    Rows are released rows of results.responders, and of results.deteriorations for `worse`;
    substantial change appears in the table only.
    """
    own, network = words.by_domain(own), words.by_domain(network)
    worse, network_worse = words.by_domain(worse), words.by_domain(network_worse)
    main = [row for row in own if row["change"] == "important"]
    drawn = [row for row in main if shows(row, "episodes") and row["episodes"]]
    beside = [row for row in network if row["change"] == "important"]
    return Chart(
        key="responders",
        title=_title(drawn),
        note=(
            "Share of all episodes, in %, from the first to the last measure. People without a "
            "last measure stay in the denominator as a group of their own; who got worse is part "
            f"of those who did not improve. n: episodes. {words.DESCRIPTIVE_CARE}"
        ),
        twin=_twin(own, network, own_name),
        further=(
            ("Who got worse by an important change", _worse_twin(worse, network_worse, own_name)),
        )
        if worse
        else (),
        spec=_spec(drawn, beside, worse) if drawn else None,
        missing="" if drawn else "Too few patients to show who improved.",
        legend=_legend(bool(beside), bool(worse)),
        source="results/responders, results/deteriorations" if worse else "results/responders",
    )


def _legend(has_network: bool, has_worse: bool) -> tuple[LegendEntry, ...]:
    entries = [
        LegendEntry("bar-own", "improved by an important change"),
        LegendEntry("bar-muted", "did not"),
        LegendEntry("bar-hatched", "no last measure"),
    ]
    if has_worse:
        entries.append(LegendEntry("bar-thin", "got worse by an important change"))
    if has_network:
        entries.append(LegendEntry("diamond-network", "network, improved"))
    return tuple(entries)


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


def _spec(drawn: Sequence[Row], network: Sequence[Row], worse: Sequence[Row]) -> dict[str, Any]:
    traces = [_bar(drawn, group) for group in GROUPS]
    traces += [*_worse_bars(drawn, worse), *_network_marks(drawn, network)]
    layout = {
        "barmode": "stack",
        "xaxis": style.axis(range=[0, 101], ticksuffix="%", dtick=25),
        "yaxis": style.axis(
            tickvals=list(range(len(drawn))),
            ticktext=[_row_name(row) for row in drawn],
            range=[len(drawn) - 0.4, -0.4],
            showgrid=False,
            zeroline=False,
            ticks="",
        ),
        "annotations": _worse_labels(drawn, worse),
        "margin": {"l": 90, "r": 16, "t": 6, "b": 34},
    }
    return dict(style.figure(traces, layout, 50 + ROW_HEIGHT * len(drawn)))


def _row_name(row: Row) -> str:
    return f"{words.domain_name(row['domain'])}<br>n {words.count(row['episodes'])}"


def _bar(rows: Sequence[Row], group: Group) -> dict[str, Any]:
    shares = [_share(row, group.column) for row in rows]
    bar = {
        "type": "bar",
        "orientation": "h",
        "x": [None if share is None else round(100 * share, 1) for share in shares],
        "y": list(range(len(rows))),
        "width": THICK,
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


def _worse_at(drawn: Sequence[Row], worse: Sequence[Row]) -> list[tuple[int, Row]]:
    """Return the rows of who got worse, each with the place of its domain's bar."""
    places = {row["domain"]: place for place, row in enumerate(drawn)}
    return [(places[row["domain"]], row) for row in worse if row["domain"] in places]


def _worse_bars(drawn: Sequence[Row], worse: Sequence[Row]) -> list[dict[str, Any]]:
    """Return the thin bars below, from 0, of those who got worse."""
    shown = [
        (place, row) for place, row in _worse_at(drawn, worse) if shows(row, "share_deteriorated")
    ]
    if not shown:
        return []
    return [
        {
            "type": "bar",
            "orientation": "h",
            "x": [round(100 * row["share_deteriorated"], 1) for _, row in shown],
            "y": [place + WORSE_PLACE for place, _ in shown],
            "width": THIN,
            "hoverinfo": "text",
            "hovertext": [
                f"got worse by an important change: {words.percent(row['share_deteriorated'])}"
                for _, row in shown
            ],
            "marker": {"color": style.colour("other")},
        }
    ]


def _worse_labels(drawn: Sequence[Row], worse: Sequence[Row]) -> list[dict[str, Any]]:
    """Return the share beside each thin bar, or the word that it is hidden."""
    small = {"size": style.TEXT_SIZE - 1, "color": style.colour("ink")}
    labels = []
    for place, row in _worse_at(drawn, worse):
        told = words.cell(row, "share_deteriorated", words.percent).text
        is_shown = shows(row, "share_deteriorated")
        labels.append(
            style.label(
                round(100 * row["share_deteriorated"], 1) if is_shown else 0,
                place + WORSE_PLACE,
                f"{told} got worse" if is_shown else f"got worse: {told}",
                xanchor="left",
                xshift=4,
                font=small,
            )
        )
    return labels


def _network_marks(drawn: Sequence[Row], network: Sequence[Row]) -> list[dict[str, Any]]:
    shares = {row["domain"]: row for row in network if shows(row, "share_improved")}
    marked = [row for row in drawn if row["domain"] in shares]
    if not marked:
        return []
    values = [shares[row["domain"]]["share_improved"] for row in marked]
    hover = [f"network: {words.percent(value)}" for value in values]
    marks = style.markers(
        [round(100 * value, 1) for value in values],
        [place for place, row in enumerate(drawn) if row["domain"] in shares],
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


def _worse_twin(own: Sequence[Row], network: Sequence[Row], own_name: str) -> Twin:
    rows = [
        [
            words.text(words.domain_name(row["domain"])),
            words.text(name),
            words.cell(row, "episodes"),
            words.cell(row, "deteriorated"),
            words.cell(row, "not_deteriorated"),
            words.cell(row, "unmeasured"),
            words.cell(row, "share_deteriorated", words.percent),
            words.interval_cell(row, "low", "high", words.percent),
        ]
        for name, group in ((own_name, own), ("network", network))
        for row in group
    ]
    header = (
        "Domain",
        "Of",
        "Episodes",
        "Got worse",
        "Did not",
        "No last measure",
        "Share that got worse",
        "95% interval",
    )
    return twin(header, rows)
