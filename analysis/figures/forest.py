"""A forest: estimates with intervals on one scale, and words where there is no number."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from analysis.figures import measures, style, words
from analysis.figures.chart import Cell, Twin, twin
from analysis.figures.words import Row, shows

LABEL_MARGIN: Final = 128
MARK_SIZE: Final = 11
LABEL_WIDTH: Final = 19
LINE_HEIGHT: Final = 14
LINE_GAP: Final = 10
# Beyond so many lines the labels go, and lines stand close.
MANY_LINES: Final = 30
CLOSE_LINE: Final = 11
MOST_TICKS: Final = 5
RATIO_TICKS: Final = (0.1, 0.2, 0.33, 0.5, 0.67, 0.8, 1, 1.25, 1.5, 2, 3, 5, 10)
# Intervals wider than this, in the drawn unit, are cut at the frame and told in the table.
WIDEST_POINTS: Final = 60.0


@dataclass(frozen=True)
class Line:
    """One line of a forest: what it is about, and the released row of results.estimates.

    `role` and `symbol` set the mark apart; `note` is added to the label (a kind, a standing).
    """

    label: str
    row: Row
    role: str = "own"
    symbol: str = "square"
    note: str = ""

    @property
    def is_drawn(self) -> bool:
        """Say whether the line has an estimate and its interval."""
        return shows(self.row, "value", "low", "high")


def forest_spec(lines: Sequence[Line], measure: str | None) -> dict[str, Any] | None:
    """Return the drawing of the lines, from the top down; None when no line has an estimate."""
    drawn = [(place, line) for place, line in enumerate(lines) if line.is_drawn]
    if not drawn:
        return None
    labels = [_label(line) for line in lines]
    is_close = len(lines) > MANY_LINES
    neutral = 1.0 if measures.is_ratio(measure) else 0.0
    layout = {
        "xaxis": _scale([line.row for _, line in drawn], measure),
        "yaxis": style.axis(
            tickvals=list(range(len(lines))),
            ticktext=labels,
            showticklabels=not is_close,
            range=[len(lines) - 0.5, -0.5],
            showgrid=False,
            zeroline=False,
            automargin=False,
        ),
        "shapes": [style.upright(neutral)],
        "annotations": [
            _status_label(place, line, neutral, measure)
            for place, line in enumerate(lines)
            if not line.is_drawn
        ],
        "margin": {"l": LABEL_MARGIN, "r": 14, "t": 8, "b": 48},
    }
    traces = [_mark(line, place, measure) for place, line in drawn]
    return dict(style.figure(traces, layout, 76 + _height(labels)))


def _height(labels: Sequence[str]) -> int:
    """Return the room that the lines take: all as much as the longest label; many, little."""
    if len(labels) > MANY_LINES:
        return CLOSE_LINE * len(labels)
    rows = max(2, *(label.count("<br>") + 1 for label in labels), 0)
    return (LINE_HEIGHT * rows + LINE_GAP) * len(labels)


def _label(line: Line) -> str:
    own = words.wrapped(line.label, LABEL_WIDTH)
    return f"{own}<br>{words.wrapped(line.note, LABEL_WIDTH)}" if line.note else own


def _status_label(place: int, line: Line, neutral: float, measure: str | None) -> dict[str, Any]:
    told = status_told(line.row)
    # On a logarithmic axis an annotation stands at the logarithm of its place.
    x = 0.0 if measures.is_ratio(measure) else neutral
    return style.label(x, place, told, "soft-ink", xanchor="center", bgcolor=style.colour("paper"))


def status_told(row: Row) -> str:
    """Return in a word or two why a row has no number."""
    if row["status"] in words.SHORT_STATUS_WORDS:
        return words.SHORT_STATUS_WORDS[row["status"]]
    if shows(row, "value"):
        return "no interval"
    return words.HIDDEN_WORDS.get(words.status(row, "value"), "none")


def _scale(rows: Sequence[Row], measure: str | None) -> dict[str, Any]:
    factor = measures.drawn_scale(measure)
    low = min(row["low"] for row in rows) * factor
    high = max(row["high"] for row in rows) * factor
    title = style.axis_title(measures.unit_words(measure))
    if measures.is_ratio(measure):
        kept = [tick for tick in RATIO_TICKS if min(low, 0.8) * 0.9 <= tick <= max(high, 1.25)]
        kept = _spaced(kept)
        return style.axis(
            type="log", tickvals=kept, ticktext=[words.decimal(tick) for tick in kept], title=title
        )
    own: dict[str, Any] = {"nticks": 6, "title": title}
    if measures.is_share(measure) and max(-low, high) > WIDEST_POINTS:
        own["range"] = [max(low, -WIDEST_POINTS) - 2, min(high, WIDEST_POINTS) + 2]
    return style.axis(**own)


def _spaced(ticks: Sequence[float]) -> list[float]:
    """Return ratios far enough apart for their words to stand in half a sheet of paper."""
    room = math.log(ticks[-1] / ticks[0]) / MOST_TICKS
    kept = [1.0]
    for side in ([tick for tick in ticks if tick > 1], [tick for tick in ticks if tick < 1][::-1]):
        last = 1.0
        for tick in side:
            if abs(math.log(tick / last)) >= room:
                kept.append(tick)
                last = tick
    return sorted(kept)


def _mark(line: Line, place: int, measure: str | None) -> dict[str, Any]:
    row, scale = line.row, measures.drawn_scale(measure)
    value, low, high = (round(scale * row[name], 4) for name in ("value", "low", "high"))
    write = measures.write_row(row)
    hover = (
        f"{words.escaped(line.label)}: {write(row['value'])} "
        f"({words.span(row['low'], row['high'], write)})"
    )
    mark = style.markers([value], [place], [hover], line.role, symbol=line.symbol, size=MARK_SIZE)
    mark["error_x"] = style.error_bars([value], [low], [high], line.role)
    return mark


def forest_twin(lines: Sequence[Line], first: str, measure: str | None) -> Twin:
    """Return the lines as a table, with the status of each."""
    rows = [
        [
            words.text(f"{line.label}, {line.note}" if line.note else line.label),
            words.cell(line.row, "value", measures.write_row(line.row)),
            words.interval_cell(line.row, "low", "high", measures.write_row(line.row)),
            words.cell(line.row, "episodes"),
            words.cell(line.row, "events"),
            status_cell(line.row),
        ]
        for line in lines
    ]
    name = measures.measure_name(measure)
    header = (first, name[:1].upper() + name[1:], "95% interval", "Episodes", "Events", "Status")
    return twin(header, rows)


def status_cell(row: Row) -> Cell:
    """Return a row's status with its reason; why a row is sealed stands at the page's top."""
    reason = "" if row["status"] == "sealed" or not row["reason"] else f": {row['reason']}"
    return words.text(f"{words.status_words(row)}{reason}")
