"""Where care ended before all stages were completed, and the recorded reason."""

from collections.abc import Sequence
from typing import Any, Final, NamedTuple

from analysis.figures import style, words
from analysis.figures.chart import Chart, LegendEntry, Twin, twin
from analysis.figures.words import Row, shows


class Look(NamedTuple):
    """How a part of a bar looks: colour, hatching, and its key in the legend."""

    role: str
    shape: str
    mark: str


REASON_NAMES: Final = {
    "goals_met": "goals met",
    "self_discharged": "discharged themselves",
    "lost": "did not come back",
    "financial": "money",
    "moved": "moved away",
    "referred_on": "referred on",
    "surgery": "surgery",
    "adverse_event": "adverse event",
    "maintenance": "went on to maintenance",
    "not_recorded": "no reason recorded",
}
NOT_RECORDED: Final = "not_recorded"
LOOKS: Final = (
    Look("own", "", "bar-own"),
    Look("other", "\\", "bar-other"),
    Look("own-soft", "", "bar-soft"),
    Look("muted", "", "bar-muted"),
)
REST: Final = Look("paper", ".", "bar-dotted")
UNKNOWN: Final = Look("faint", "/", "bar-hatched")
ROW_HEIGHT: Final = 46


def endings_chart(rows: Sequence[Row]) -> Chart:
    """Return the episodes whose care ended in each stage, by reason.

    Rows are released rows of results.stage_endings of one unit. The most frequent reasons have a
    look of their own; the others share one, and stand apart in the table.
    """
    drawn = [row for row in rows if shows(row, "episodes") and row["episodes"]]
    named = _named(drawn)
    return Chart(
        key="stage-endings",
        title=_title(named),
        note=(
            "n: episodes whose care ended before all stages were completed, by the stage that was "
            "due next and the recorded reason; who is still in care is not counted. Reasons about "
            "too few patients are left out of the bars, and are hidden in the table."
        ),
        twin=_twin(rows),
        spec=_spec(rows, drawn, named) if drawn else None,
        missing="" if drawn else _missing(rows),
        legend=_legend(drawn, named),
        source="results/stage_endings",
    )


def reason_name(reason: str) -> str:
    """Return a reason of leaving as words."""
    return REASON_NAMES.get(reason, words.spelled(reason).lower())


def _missing(rows: Sequence[Row]) -> str:
    if rows:
        return "Too few patients left for any one reason to show where and why."
    return "No care is known to have ended before all stages were completed."


def _named(drawn: Sequence[Row]) -> list[str]:
    """Return the most frequent reasons, with a look of their own."""
    totals: dict[str, int] = {}
    for row in drawn:
        totals[row["reason"]] = totals.get(row["reason"], 0) + row["episodes"]
    totals.pop(NOT_RECORDED, None)
    return sorted(totals, key=lambda reason: (-totals[reason], reason))[: len(LOOKS)]


def _title(named: Sequence[str]) -> str:
    if not named:
        return "Where care ended early, and why"
    return f"Where care ended early; the most frequent known reason: {reason_name(named[0])}"


def _groups(drawn: Sequence[Row], named: Sequence[str]) -> list[tuple[str, tuple[str, ...], Look]]:
    """Return the parts of a bar: their words, reasons and look."""
    reasons = list(dict.fromkeys(row["reason"] for row in drawn))
    rest = tuple(reason for reason in reasons if reason not in (*named, NOT_RECORDED))
    groups: list[tuple[str, tuple[str, ...], Look]] = [
        (reason_name(reason), (reason,), look) for reason, look in zip(named, LOOKS, strict=False)
    ]
    if rest:
        groups.append(("other reasons", rest, REST))
    if NOT_RECORDED in reasons:
        groups.append((reason_name(NOT_RECORDED), (NOT_RECORDED,), UNKNOWN))
    return groups


def _legend(drawn: Sequence[Row], named: Sequence[str]) -> tuple[LegendEntry, ...]:
    return tuple(LegendEntry(look.mark, name) for name, _, look in _groups(drawn, named))


def _spec(rows: Sequence[Row], drawn: Sequence[Row], named: Sequence[str]) -> dict[str, Any]:
    layout = {
        "barmode": "stack",
        "bargap": 0.4,
        "xaxis": style.axis(
            title=style.axis_title("n: episodes"),
            range=[0, round(1.35 * _longest(drawn), 1)],
            nticks=5,
        ),
        "yaxis": style.axis(
            tickvals=list(words.STAGES),
            ticktext=[f"{stage} {words.SHORT_STAGE_NAMES[stage]}" for stage in words.STAGES],
            range=[5.5, 0.5],
            showgrid=False,
        ),
        "annotations": [
            note for stage in words.STAGES for note in _stage_notes(stage, rows, drawn)
        ],
        "margin": {"l": 90, "r": 16, "t": 6, "b": 48},
    }
    traces = [_bar(name, reasons, look, drawn) for name, reasons, look in _groups(drawn, named)]
    return dict(style.figure(traces, layout, 70 + ROW_HEIGHT * len(words.STAGES)))


def _longest(drawn: Sequence[Row]) -> int:
    totals = [
        sum(int(row["episodes"]) for row in drawn if row["stage"] == stage)
        for stage in words.STAGES
    ]
    return max(totals)


def _stage_notes(stage: int, rows: Sequence[Row], drawn: Sequence[Row]) -> list[dict[str, Any]]:
    """Return what stands at the end of a stage's bar: that it has none, or hides a part."""
    own = [row for row in rows if row["stage"] == stage]
    shown = [row for row in drawn if row["stage"] == stage]
    if len(own) == len(shown) and shown:
        return []
    told = "none" if not own else "+ hidden" if shown else "hidden"
    end = sum(row["episodes"] for row in shown)
    return [style.label(end, stage, told, "soft-ink", xanchor="left", xshift=6)]


def _bar(name: str, reasons: Sequence[str], look: Look, drawn: Sequence[Row]) -> dict[str, Any]:
    totals = {
        stage: sum(
            row["episodes"] for row in drawn if row["stage"] == stage and row["reason"] in reasons
        )
        for stage in words.STAGES
    }
    shown = {stage: number for stage, number in totals.items() if number}
    return {
        "type": "bar",
        "orientation": "h",
        "x": list(shown.values()),
        "y": list(shown),
        "hoverinfo": "text",
        "hovertext": [
            f"{name}, stage {stage}: {words.count(number)}" for stage, number in shown.items()
        ],
        "marker": {
            "color": style.colour(look.role),
            "pattern": {
                "shape": look.shape,
                "bgcolor": style.colour(look.role),
                "fgcolor": style.colour("paper" if look.role == "other" else "network"),
                "size": 6,
                "solidity": 0.2,
            },
            "line": {"color": style.colour("soft-ink"), "width": 1},
        },
    }


def _twin(rows: Sequence[Row]) -> Twin:
    ordered = sorted(rows, key=lambda row: (int(row["stage"]), -(row["episodes"] or 0)))
    cells = [
        [
            words.text(f"{row['stage']} {words.STAGE_NAMES.get(row['stage'], '')}"),
            words.text(reason_name(row["reason"])),
            words.cell(row, "episodes"),
            words.cell(row, "patients"),
        ]
        for row in ordered
    ]
    return twin(("Stage due next", "Reason", "Episodes", "Patients"), cells)
