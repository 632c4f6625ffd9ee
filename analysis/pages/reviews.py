"""What the quality page shows: the network's control charts, and every signal with a question."""

from collections.abc import Sequence
from dataclasses import dataclass

from analysis.contracts.release import ReleaseFacts
from analysis.contracts.results import NETWORK
from analysis.figures.chart import Chart
from analysis.figures.control import indicator_name
from analysis.pages.meeting import Signal, signals
from analysis.pages.shelf import Shelf
from analysis.pages.units import control_charts


@dataclass(frozen=True)
class QualityPage:
    """Everything the quality page shows. `clinics` counts clinics with a signal, unnamed."""

    signals: Sequence[Signal]
    charts: Sequence[Chart]
    clinics: Sequence[str]


def quality_page(shelf: Shelf, facts: ReleaseFacts) -> QualityPage:
    """Return the network's signals of the last twelve months, and its charts."""
    found = signals(shelf, facts, facts.last_month)
    return QualityPage(
        signals=[each for each in found if each.unit_kind == NETWORK],
        charts=control_charts(shelf, "network", None),
        clinics=_clinics_with_signals(shelf),
    )


def _clinics_with_signals(shelf: Shelf) -> list[str]:
    rows = shelf.of_unit("quality_points", "clinic")
    told = []
    for chart in dict.fromkeys(row["chart"] for row in rows):
        units = {row["unit_name"] for row in rows if row["chart"] == chart}
        marked = {row["unit_name"] for row in rows if row["chart"] == chart and row["signal"]}
        told.append(f"{indicator_name(chart)}: {len(marked)} of {len(units)} clinics")
    return told
