"""Clinics' slopes in every stage, unnamed, drawn towards their mean by how reliable they are."""

from collections.abc import Sequence
from typing import Final

from analysis.figures import style, words
from analysis.figures.chart import Chart, LegendEntry, Twin, twin
from analysis.figures.panels import Frame, Panel, panels_spec
from analysis.figures.predicted import why_no_line
from analysis.figures.slopes import SLOPES, weekly
from analysis.figures.words import Row, shows

NUMBERS: Final = ("shrunken", "low", "high")
LINE_ROOM: Final = 13
SMALLEST_HEIGHT: Final = 110
LARGEST_HEIGHT: Final = 420
# Of more clinics in a stage so many are shown, evenly spread over their order.
MOST_CLINICS: Final = 40


def caterpillar_chart(domain: str, rows: Sequence[Row]) -> Chart:
    """Return the clinics' slopes of a domain, each stage's in its own order, without a name.

    Rows are released rows of results.clinic_courses of this domain.
    """
    kept = [row for term in SLOPES for row in _spread([row for row in rows if row["term"] == term])]
    drawn = [row for row in kept if shows(row, *NUMBERS)]
    most = max((sum(row["term"] == term for row in drawn) for term in SLOPES), default=0)
    height = min(max(LINE_ROOM * most, SMALLEST_HEIGHT), LARGEST_HEIGHT)
    unit = next((row["unit"] for row in kept if row["unit"]), "")
    frame = Frame(
        columns=5, narrow_columns=2, panel_height=height, below=46, left=16, gap=0.03,
        narrow_gap=0.08,
    )  # fmt: skip
    panels = [_panel(term, kept, unit) for term in SLOPES]
    return Chart(
        key=f"clinics-{domain}",
        title=f"{words.domain_name(domain)}: {_title(drawn)}",
        note=(
            f"A line is a clinic, without its name, in {weekly(unit)}: filled, drawn towards the "
            "mean of the clinics by as much as its own estimate (open) is chance, with 95% "
            "interval. Reliability: the share of what clinics differ by that is no chance. Not a "
            "ranking; who the patients are is not taken into account. n: clinics shown, of more "
            f"than {MOST_CLINICS} that many, evenly spread. {words.DESCRIPTIVE}"
        ),
        twin=_twin(kept),
        spec=panels_spec(panels, frame) if drawn else None,
        missing="" if drawn else _missing(kept),
        legend=(
            LegendEntry("dot-own", "clinic, shrunken"),
            LegendEntry("open-network", "its own estimate"),
        ),
        source="results/clinic_courses",
    )


def _spread(rows: Sequence[Row]) -> list[Row]:
    """Return the rows in order of what is shown, at most so many and evenly spread; hidden last."""
    ordered = sorted(rows, key=lambda row: (row["shrunken"] is None, row["shrunken"] or 0.0))
    if len(ordered) <= MOST_CLINICS:
        return ordered
    step = (len(ordered) - 1) / (MOST_CLINICS - 1)
    return [ordered[round(place * step)] for place in range(MOST_CLINICS)]


def _missing(rows: Sequence[Row]) -> str:
    if rows:
        return "Clinics' slopes rest on too few patients to be shown."
    return "Clinics' slopes were not estimated: too few clinics have enough patients."


def _title(drawn: Sequence[Row]) -> str:
    known = [row["reliability"] for row in drawn if shows(row, "reliability")]
    if not known:
        return "how clinics' slopes differ"
    middle = sorted(known)[len(known) // 2]
    return f"how clinics' slopes differ; middle reliability {words.percent(middle)}"


def _panel(term: str, rows: Sequence[Row], unit: str) -> Panel:
    own = [row for row in rows if row["term"] == term]
    drawn = [row for row in own if shows(row, *NUMBERS)]
    places = list(range(len(drawn)))
    hover = [f"a clinic: {_told(row)}" for row in drawn]
    values = [row["shrunken"] for row in drawn]
    filled = style.markers(values, places, hover, "own", size=7)
    low, high = [row["low"] for row in drawn], [row["high"] for row in drawn]
    filled["error_x"] = {**style.error_bars(values, low, high, "own"), "width": 0}
    with_own = [
        (place, row) for place, row in zip(places, drawn, strict=True) if shows(row, "value")
    ]
    raw = style.markers(
        [row["value"] for _, row in with_own],
        [place for place, _ in with_own],
        [],
        "network",
        symbol="circle-open",
        size=6,
    ) | {"hoverinfo": "skip"}
    stage = SLOPES[term]
    return Panel(
        title=f"{stage} {words.SHORT_STAGE_NAMES[stage]}",
        subtitle=_subtitle(own, drawn),
        traces=[raw, filled] if drawn else (),
        xaxis=style.axis(nticks=4, title=style.axis_title(weekly(unit))),
        yaxis=style.axis(
            range=[-0.8, max(len(drawn), 1) - 0.2],
            showticklabels=False,
            showgrid=False,
            zeroline=False,
            ticks="",
        ),
        notes=() if drawn else [why_no_line(own)],
    )


def _subtitle(own: Sequence[Row], drawn: Sequence[Row]) -> str:
    hidden = len(own) - len(drawn)
    return f"n {len(drawn)}" + (f", {hidden} hidden" if hidden else "")


def _told(row: Row) -> str:
    interval = words.span(row["low"], row["high"], words.hundredths)
    return f"{words.hundredths(row['shrunken'])} ({interval}), n {words.cell(row, 'patients').text}"


def _twin(rows: Sequence[Row]) -> Twin:
    cells = [
        [
            words.text(f"{SLOPES[row['term']]} {words.SHORT_STAGE_NAMES[SLOPES[row['term']]]}"),
            words.cell(row, "value", words.hundredths),
            words.cell(row, "shrunken", words.hundredths),
            words.interval_cell(row, "low", "high", words.hundredths),
            words.cell(row, "reliability", words.percent),
            words.cell(row, "patients"),
        ]
        for row in rows
    ]
    header = (
        "Stage, a clinic",
        "Own estimate",
        "Shrunken",
        "95% interval",
        "Reliability",
        "Patients",
    )
    return twin(header, cells)
