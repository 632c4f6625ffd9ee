"""Control charts: an indicator over time, with its centre, limits and signals, by kind of data.

Reads calculated rows only: which rule fired, and which limits hold, was said before the gate.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import groupby, pairwise
from typing import Any, Final

from analysis.contracts.indicators import INDICATOR_WORDS
from analysis.figures import style, words
from analysis.figures.chart import Cell, Chart, LegendEntry, Twin, twin
from analysis.figures.words import Row, shows

# Fewer shown points than this make no course to look at.
FEWEST_POINTS: Final = 3
# The latest points of a long series that a page shows; the released table holds all.
LATEST: Final = 24
# Where no value lies below this part of the largest one, a scale from zero would show a flat line.
FLAT: Final = 0.4
# A centre is rounded by the size of each point's numbers, to less than this part of it.
CENTRE_ROUNDING: Final = 0.015
METHOD_WORDS: Final = {
    "p": "Limits of chance for shares (p chart).",
    "p_prime": "Limits for shares, set by how far periods differ beyond chance (p' chart, Laney).",
    "u": "Limits of chance for counts of an episode (u chart).",
    "u_prime": "Limits for counts, set by how far periods differ beyond chance (u' chart, Laney).",
    "xmr": "Limits from the differences between neighbouring periods (XmR chart).",
    "g": "Limits of chance for how many came between rare events (g chart).",
    "t": "Limits of chance for the time between rare events (t chart).",
    "run": "Run chart: no limits; only long runs and too few crossings are looked for.",
}
NO_RULES: Final = "Too few complete periods for a centre and rules."
RARE: Final = ("g", "t")
SIGNAL_NAMES: Final = {
    "beyond_limits": "outside the limits",
    "shift": "part of a long run on one side of the centre",
    "few_crossings": "the centre is crossed too seldom",
}


def indicator_name(chart: str) -> str:
    """Return an indicator as words."""
    known = INDICATOR_WORDS.get(chart)
    return known.title if known else words.spelled(chart)


def signal_name(signal: str | None) -> str:
    """Return the rules that fired, as words."""
    if not signal:
        return "none"
    return ", ".join(
        SIGNAL_NAMES.get(rule, words.spelled(rule).lower()) for rule in signal.split(";")
    )


@dataclass(frozen=True)
class Scale:
    """How the values of a chart are written: a share as per cent, anything else in its unit."""

    unit: str | None

    @property
    def write(self) -> Callable[[float], str]:
        """Return what writes a value with its unit."""
        return words.percent if self.unit is None else self._with_unit

    def _with_unit(self, value: float) -> str:
        return f"{words.plain(value)} {self.unit}"

    def drawn(self, value: float) -> float:
        """Return a value as it stands on the axis."""
        return round(100 * value, 2) if self.unit is None else round(value, 2)

    @property
    def name(self) -> str:
        """Return what the column of values is called."""
        return "Share" if self.unit is None else words.spelled(self.unit)


def control_chart(chart: str, rows: Sequence[Row], rebases: Sequence[Row] = ()) -> Chart:
    """Return one indicator of one unit over its periods.

    Rows are released rows of results.quality_points of one chart and unit, `rebases` those of
    results.rebases.
    """
    every = sorted(rows, key=lambda row: str(row["period"]))
    ordered = every[-LATEST:]
    drawn = [row for row in ordered if shows(row, "value")]
    scale = Scale(next((row["unit"] for row in ordered if row["unit"]), None))
    is_drawn = len(drawn) >= FEWEST_POINTS
    return Chart(
        key=f"control-{chart.replace('_', '-')}",
        title=_title(chart, drawn, scale) if is_drawn else indicator_name(chart),
        note=" ".join([_note(every, ordered, drawn), *map(_rebase_words, rebases)]),
        twin=_twin(ordered, scale),
        spec=_spec(drawn, scale) if is_drawn else None,
        missing="" if is_drawn else _missing(ordered),
        height="short",
        legend=_legend(drawn),
    )


def _title(chart: str, drawn: Sequence[Row], scale: Scale) -> str:
    """Return the indicator with its latest centre, or value, and whether a rule fired."""
    centred = [row for row in drawn if shows(row, "center") and row["method"] != "none"]
    told = (
        f"{scale.write(centred[-1]['center'])} at the centre"
        if centred
        else f"{scale.write(drawn[-1]['value'])} last"
    )
    return f"{indicator_name(chart)}: {told}, {_signal_words(drawn)}"


def _signal_words(drawn: Sequence[Row]) -> str:
    signals = sum(1 for row in drawn if row["signal"])
    if not signals:
        return "no signal"
    return f"signal in {signals} {_period_name(drawn, signals)}"


def _period_name(rows: Sequence[Row], number: int) -> str:
    """Return what a point is: a month or quarter, or a group of rare events."""
    if any(row["method"] in RARE for row in rows):
        name = "point"
    else:
        name = "quarter" if any("Q" in str(row["period"]) for row in rows) else "month"
    return name if number == 1 else f"{name}s"


def _missing(rows: Sequence[Row]) -> str:
    if not rows:
        return "The records hold nothing to follow."
    if not any(row["value"] is not None or row["value_status"] == "suppressed" for row in rows):
        return "The records do not hold what this indicator counts."
    return f"Too few {_period_name(rows, 2)} have enough patients to be shown."


def _note(every: Sequence[Row], rows: Sequence[Row], drawn: Sequence[Row]) -> str:
    methods = [row["method"] for row in drawn if row["method"] and row["method"] != "none"]
    told = METHOD_WORDS.get(methods[-1], "") if methods else NO_RULES
    parts = [
        told,
        _baseline_words([row for row in every if shows(row, "value")]),
        _point_words(rows),
        "Grey: not yet followed long enough." if any(map(_is_open, drawn)) else "",
        "Gaps: too few patients to be shown." if len(drawn) < len(rows) else "",
    ]
    return " ".join(part for part in parts if part)


def _rebase_words(rebase: Row) -> str:
    reason = rebase["reason"].rstrip(".")
    told = f"New baseline from {rebase['period']}: {reason}"
    return f"{told} (decided {rebase['date']}, {rebase['reviewer']})."


def _point_words(rows: Sequence[Row]) -> str:
    if any(row["method"] in RARE for row in rows):
        return "A point is a group of events, dated by the last of them."
    return (
        f"By {_period_name(rows, 1)} in which episodes began, the latest {LATEST} at most, from "
        "rounded counts; signals were looked for in the exact ones."
    )


def _baseline_words(drawn: Sequence[Row]) -> str:
    phases = _phases(drawn)
    if not phases:
        return ""
    told = ", then ".join(_from_to([row["period"] for row in part]) for part in phases)
    what = "centre and limits" if any(shows(row, "upper") for row in drawn) else "the centre"
    held = "are" if what.endswith("limits") else "is"
    return f"{words.spelled(what)} {held} from {told} (shaded), and held after that."


def _phases(drawn: Sequence[Row]) -> list[list[Row]]:
    """Return the points that made each centre, phase by phase."""
    phases: list[list[Row]] = []
    for row in drawn:
        if row["is_baseline"] and row["method"] != "none":
            if not phases or _is_step(phases[-1][-1], row):
                phases.append([])
            phases[-1].append(row)
    return phases


def _is_step(before: Row, after: Row) -> bool:
    """Say whether the centre moves from one point to the next by more than its rounding."""
    if not shows(before, "center") or not shows(after, "center"):
        return False
    moved = abs(after["center"] - before["center"])
    return bool(moved > CENTRE_ROUNDING * max(abs(after["center"]), abs(before["center"])))


def _legend(drawn: Sequence[Row]) -> tuple[LegendEntry, ...]:
    entries = [LegendEntry("dot-own", _period_name(drawn, 1))]
    if any(row["signal"] for row in drawn):
        entries.append(LegendEntry("diamond-signal", "signal"))
    if any(map(_is_open, drawn)):
        entries.append(LegendEntry("open-network", "incomplete"))
    if any(shows(row, "center") and row["method"] != "none" for row in drawn):
        entries.append(LegendEntry("line-network", "centre"))
    if any(shows(row, "upper") for row in drawn):
        entries.append(LegendEntry("dash-network", "limits"))
    if _phases(drawn):
        entries.append(LegendEntry("band-important", "baseline"))
    return tuple(entries)


def _spec(drawn: Sequence[Row], scale: Scale) -> dict[str, Any]:
    settled = [row for row in drawn if not _is_open(row)]
    traces = [
        *_guides(drawn, scale),
        _course(drawn, scale),
        *_marks([row for row in drawn if _is_open(row)], scale, "soft-ink", "circle-open", 8),
        *_marks([row for row in settled if not row["signal"]], scale, "own", "circle", 8),
        *_marks([row for row in settled if row["signal"]], scale, "signal", "diamond", 11),
    ]
    layout = {
        "xaxis": style.axis(
            type="category", nticks=5, showgrid=False, tickangle=0, automargin=False
        ),
        "yaxis": style.axis(rangemode=_range_mode(drawn), automargin=False, **_suffix(scale)),
        "shapes": [_band(drawn, part) for part in _phases(drawn)],
        "margin": {"l": 44 if scale.unit is None else 56, "r": 12, "t": 8, "b": 32},
    }
    return dict(style.figure(traces, layout, style.HEIGHTS["short"]))


def _suffix(scale: Scale) -> dict[str, Any]:
    if scale.unit is None:
        return {"ticksuffix": "%"}
    return {"title": style.axis_title(scale.unit)}


def _range_mode(drawn: Sequence[Row]) -> str:
    ends = [float(row["value"]) for row in drawn]
    ends += [float(row["lower"]) for row in drawn if shows(row, "lower")]
    return "normal" if min(ends) > FLAT * max(ends) or min(ends) < 0 else "tozero"


def _is_open(row: Row) -> bool:
    return row["is_complete"] is False and not row["signal"]


def _band(drawn: Sequence[Row], part: Sequence[Row]) -> dict[str, Any]:
    """Return the shade behind the points of a baseline; a category's place is its number."""
    periods = [row["period"] for row in drawn]
    return {
        "type": "rect",
        "layer": "below",
        "x0": periods.index(part[0]["period"]) - 0.5,
        "x1": periods.index(part[-1]["period"]) + 0.5,
        "y0": 0,
        "y1": 1,
        "yref": "paper",
        "fillcolor": style.colour("faint"),
        "opacity": 0.55,
        "line": {"width": 0},
    }


def _guides(drawn: Sequence[Row], scale: Scale) -> list[dict[str, Any]]:
    """Return centre and limits as steps; a new phase begins a new line."""
    guides = []
    for column, dash in (("center", "solid"), ("lower", "dash"), ("upper", "dash")):
        known = [row for row in drawn if shows(row, column) and row["method"] != "none"]
        if not known:
            continue
        x, y = _broken(known, column, scale)
        guides.append(
            style.line(
                x, y, "network", width=1.4, dash=dash, line={"shape": "hvh"}, connectgaps=False
            )
        )
    return guides


def _broken(known: Sequence[Row], column: str, scale: Scale) -> tuple[list[Any], list[Any]]:
    """Return the places of a guide, with a gap where its centre changes."""
    x, y = [known[0]["period"]], [scale.drawn(known[0][column])]
    for before, row in pairwise(known):
        if _is_step(before, row):
            x.append(row["period"])
            y.append(None)  # type: ignore[arg-type]
        x.append(row["period"])
        y.append(scale.drawn(row[column]))
    return x, y


def _course(drawn: Sequence[Row], scale: Scale) -> dict[str, Any]:
    values = [scale.drawn(row["value"]) for row in drawn]
    return style.line([row["period"] for row in drawn], values, "own", width=1.2)


def _marks(
    rows: Sequence[Row], scale: Scale, role: str, symbol: str, size: int
) -> list[dict[str, Any]]:
    """Return the points as one trace, or none where there are none."""
    if not rows:
        return []
    marks = style.markers(
        [row["period"] for row in rows],
        [scale.drawn(row["value"]) for row in rows],
        [f"{row['period']}: {scale.write(row['value'])}{_of(row, scale)}" for row in rows],
        role,
        symbol=symbol,
        size=size,
    )
    return [marks]


def _of(row: Row, scale: Scale) -> str:
    if not shows(row, "denominator"):
        return ""
    number = words.count(row["denominator"])
    return f" of {number}" if scale.unit is None else f", n {number}"


def _twin(rows: Sequence[Row], scale: Scale) -> Twin:
    period = words.spelled(_period_name(rows, 1))
    header = (period, "Numerator", "Denominator (n)", scale.name, "Centre", "Limits", "Signal")
    lines = [(row["period"], _numbers(row, scale)) for row in rows]
    cells = []
    for numbers, same in groupby(lines, key=lambda line: line[1]):
        periods = [one for one, _ in same]
        if all(cell.kind != "number" for cell in numbers):
            cells.append([words.text(_from_to(periods)), *numbers])
        else:
            cells += [[words.text(one), *numbers] for one in periods]
    return twin(header, cells)


def _numbers(row: Row, scale: Scale) -> list[Cell]:
    return [
        words.cell(row, "numerator"),
        words.cell(row, "denominator"),
        words.cell(row, "value", scale.write),
        words.cell(row, "center", scale.write),
        words.interval_cell(row, "lower", "upper", scale.write),
        words.text(signal_name(row["signal"])),
    ]


def _from_to(periods: Sequence[str]) -> str:
    """Return neighbouring periods of which nothing is shown as one."""
    return periods[0] if len(periods) == 1 else f"{periods[0]} to {periods[-1]}"
