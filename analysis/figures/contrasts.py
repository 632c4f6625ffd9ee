"""Forests of contrasts: designed beside biased, hypotheses, subgroups, clinics, stages."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from analysis.figures import measures, words
from analysis.figures.chart import Chart, LegendEntry
from analysis.figures.forest import Line, forest_spec, forest_twin
from analysis.figures.gaps import why_empty
from analysis.figures.words import Row, shows

EVERYBODY: Final = "everybody"
SOURCE: Final = "results/estimates"
DESIGNED: Final = LegendEntry("square-own", "designed estimate")
BIASED: Final = LegendEntry("open-other", "biased comparison")


@dataclass(frozen=True)
class Subject:
    """What a forest is about: key and name of the chart, name of its lines, how to read it."""

    key: str
    name: str
    first: str
    note: str


def forest(
    subject: Subject,
    lines: Sequence[Line],
    measure: str | None,
    legend: Sequence[LegendEntry] = (DESIGNED,),
) -> Chart:
    """Return a forest of the lines, from the top down, titled by where the intervals lie."""
    rows = [line.row for line in lines]
    spec = forest_spec(lines, measure)
    return Chart(
        key=subject.key,
        title=_title(subject.name, lines, measure),
        note=f"{_unit(measure)}, with 95% intervals. {subject.note} {_size(rows)}".strip(),
        twin=forest_twin(lines, subject.first, measure),
        spec=spec,
        missing="" if spec else why_empty(subject.name, rows),
        height="medium",
        legend=tuple(legend),
        source=SOURCE,
    )


def _unit(measure: str | None) -> str:
    name, unit = measures.measure_name(measure), measures.unit_words(measure)
    told = name if unit in name else f"{name}, {unit}"
    return told[:1].upper() + told[1:]


def _size(rows: Sequence[Row]) -> str:
    """Return on how many episodes the largest line rests."""
    known = [row["episodes"] for row in rows if shows(row, "episodes")]
    return f"n: up to {words.count(max(known))} episodes." if known else ""


def _title(name: str, lines: Sequence[Line], measure: str | None) -> str:
    drawn = [line for line in lines if line.is_drawn and line.label != EVERYBODY]
    if not drawn:
        return name
    neutral = 1.0 if measures.is_ratio(measure) else 0.0
    below = sum(line.row["high"] < neutral for line in drawn)
    above = sum(line.row["low"] > neutral for line in drawn)
    covering = len(drawn) - below - above
    if len(drawn) == 1:
        row = drawn[0].row
        write = measures.write_row(row)
        return f"{name}: {write(row['value'])} ({words.span(row['low'], row['high'], write)})"
    parts = [
        f"{number} {place}"
        for number, place in (
            (below, "below no difference"),
            (covering, "covering no difference"),
            (above, "above no difference"),
        )
        if number
    ]
    return f"{name}: of {len(drawn)} intervals {', '.join(parts)}"


def biased_beside_designed(rows: Sequence[Row], measure: str) -> Chart:
    """Return the designed contrast with the biased comparisons below it, on one scale.

    Rows are released rows of results.estimates; only contrasts of this measure are used.
    """
    contrasts = [row for row in rows if row["measure"] == measure and row["comparator"]]
    contrasts.sort(key=lambda row: bool(row["is_biased_comparison"]))
    lines = [_beside_line(row) for row in contrasts]
    has_designed = any(line.is_drawn and not line.row["is_biased_comparison"] for line in lines)
    return Chart(
        key=f"beside-{measure.replace('_', '-')}",
        title=_beside_title(lines, measure),
        note=(
            f"{_unit(measure)}, with 95% intervals. A biased comparison sets people who differ "
            "from the start side by side; it is shown only so that the designed estimate can be "
            f"held against it. {_size([line.row for line in lines])}"
        ).strip(),
        twin=forest_twin(lines, "Contrast", measure),
        spec=forest_spec(lines, measure) if has_designed else None,
        missing="" if has_designed else "Not drawn: the designed estimate is sealed or missing.",
        legend=(DESIGNED, BIASED),
        source=SOURCE,
    )


def _beside_line(row: Row) -> Line:
    if row["is_biased_comparison"]:
        name = measures.contrast_name(row)
        return Line(f"biased comparison: {name}", row, "other", "circle-open")
    return Line(f"designed estimate: {measures.contrast_name(row)}", row)


def _beside_title(lines: Sequence[Line], measure: str) -> str:
    name = measures.measure_name(measure).capitalize()
    designed = next(
        (line.row for line in lines if line.is_drawn and not line.row["is_biased_comparison"]), None
    )
    if designed is None:
        return f"{name}, designed estimate beside biased comparisons"
    value = measures.write_row(designed)(designed["value"])
    return f"{name}: {value} by design, with the biased comparisons beside it"


def subgroup_lines(rows: Sequence[Row], overall: Row | None) -> list[Line]:
    """Return a line for each subgroup, the whole study population last."""
    lines = [Line(words.spelled(row["subgroup"]), row) for row in rows]
    return [*lines, Line(EVERYBODY, overall, "network", "diamond")] if overall else lines


def unnamed_lines(rows: Sequence[Row], label: str) -> list[Line]:
    """Return lines about clinics, unnamed, in the order of their values."""
    shown = sorted(
        (row for row in rows if shows(row, "value")), key=lambda row: float(row["value"])
    )
    hidden = [row for row in rows if not shows(row, "value")]
    return [Line(label, row, "own", "circle") for row in (*shown, *hidden)]
