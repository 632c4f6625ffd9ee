"""How far episodes get through the five stages."""

from collections.abc import Sequence
from typing import Any

from analysis.figures import style, words
from analysis.figures.chart import Chart, LegendEntry, Twin, twin
from analysis.figures.words import Row, shows


def stage_chart(own: Sequence[Row], network: Sequence[Row], own_name: str) -> Chart:
    """Return episodes that worked and completed each stage, as shares of those that began.

    Rows are released rows of results.stage_funnel. All began: the largest shown number of
    episodes in any stage.
    """
    base = _largest(own)
    return Chart(
        key="stages",
        title=_title(own, base),
        note=(
            "Episodes that worked a stage, and those that met its exit with measured or attested "
            "evidence, as % of the episodes in the most worked stage. People may work stages in "
            "any order and may still be in care."
        ),
        twin=_twin(own, network, own_name),
        spec=_spec(own, network, base, own_name) if base else None,
        missing="" if base else "Too few patients to show how far they get.",
        legend=_legend(bool(network)),
    )


def _legend(has_network: bool) -> tuple[LegendEntry, ...]:
    own = (LegendEntry("bar-soft", "worked the stage"), LegendEntry("bar-own", "completed it"))
    return (*own, LegendEntry("diamond-network", "network, worked")) if has_network else own


def _largest(rows: Sequence[Row]) -> int:
    return max((row["episodes_worked"] for row in rows if shows(row, "episodes_worked")), default=0)


def _title(own: Sequence[Row], base: int) -> str:
    last = next((row for row in own if row["stage"] == words.STAGES[-1]), None)
    if last is None or not base or not shows(last, "episodes_worked"):
        return "How far episodes get through the five stages"
    worked = words.percent(last["episodes_worked"] / base)
    if not shows(last, "episodes_completed"):
        return f"{worked} of episodes reach the endurance stage"
    completed = words.percent(last["episodes_completed"] / base)
    return f"{worked} of episodes reach the endurance stage, {completed} complete it"


def _spec(own: Sequence[Row], network: Sequence[Row], base: int, own_name: str) -> dict[str, Any]:
    traces = [
        _bar(own, base, "episodes_worked", f"{own_name}: worked") | {"width": 0.72},
        _bar(own, base, "episodes_completed", f"{own_name}: completed") | {"width": 0.34},
        *_network_marks(network),
    ]
    layout = {
        "barmode": "overlay",
        "xaxis": style.axis(
            range=[0, 126],
            tickvals=[0, 25, 50, 75, 100],
            ticktext=["0%", "25%", "50%", "75%", "100%"],
        ),
        "yaxis": style.axis(
            tickvals=list(words.STAGES),
            ticktext=[_tick(own, stage) for stage in words.STAGES],
            range=[5.5, 0.5],
            showgrid=False,
        ),
        "annotations": _labels(own, base),
        "margin": {"l": 90, "r": 6, "t": 6, "b": 34},
    }
    return dict(style.figure(traces, layout, style.HEIGHTS["medium"]))


def _bar(rows: Sequence[Row], base: int, column: str, meaning: str) -> dict[str, Any]:
    drawn = [row for row in rows if shows(row, column)]
    role = "own" if column == "episodes_completed" else "own-soft"
    return {
        "type": "bar",
        "orientation": "h",
        "x": [round(100 * row[column] / base, 1) for row in drawn],
        "y": [row["stage"] for row in drawn],
        "hoverinfo": "text",
        "hovertext": [f"{meaning} {words.count(row[column])}" for row in drawn],
        "marker": {"color": style.colour(role), "line": {"color": style.colour("own"), "width": 1}},
    }


def _labels(rows: Sequence[Row], base: int) -> list[dict[str, Any]]:
    return [_label(row, base) for row in rows]


def _label(row: Row, base: int) -> dict[str, Any]:
    if not shows(row, "episodes_worked"):
        return style.label(1, row["stage"], "hidden", "soft-ink", xanchor="left")
    share = words.percent(row["episodes_worked"] / base)
    return style.label(126, row["stage"], f"{share}", xanchor="right")


def _tick(rows: Sequence[Row], stage: int) -> str:
    row = next((row for row in rows if row["stage"] == stage), None)
    number = "none" if row is None else words.cell(row, "episodes_worked").text
    return f"{stage} {words.SHORT_STAGE_NAMES[stage]}<br>n {number}"


def _network_marks(network: Sequence[Row]) -> list[dict[str, Any]]:
    base = _largest(network)
    drawn = [row for row in network if shows(row, "episodes_worked")]
    if not base:
        return []
    shares = [row["episodes_worked"] / base for row in drawn]
    marks = style.markers(
        [round(100 * share, 1) for share in shares],
        [row["stage"] for row in drawn],
        [f"network: worked {words.percent(share)}" for share in shares],
        "ink",
    )
    marks["marker"] = style.outlined_diamond()
    return [marks]


def _twin(own: Sequence[Row], network: Sequence[Row], own_name: str) -> Twin:
    rows = [
        [
            words.text(f"{row['stage']} {words.STAGE_NAMES.get(row['stage'], '')}"),
            words.text(name),
            words.cell(row, "episodes_worked"),
            words.cell(row, "episodes_completed"),
            words.cell(row, "patients_worked"),
        ]
        for name, group in ((own_name, own), ("network", network))
        for row in group
    ]
    return twin(("Stage", "Of", "Episodes that worked it", "Completed it", "Patients"), rows)
