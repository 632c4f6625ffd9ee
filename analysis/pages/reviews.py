"""What the quality page shows: the network's control charts, and every signal with a question."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from analysis.figures.chart import Chart
from analysis.figures.control import indicator_name, signal_name
from analysis.figures.words import Row
from analysis.pages.shelf import Shelf
from analysis.pages.units import control_charts

QUESTIONS: Final = {
    "premature_advance": "Was moving on early a choice, or were exits not recorded?",
    "exit_evidence": "Are exits measured or attested less often, or only written down less often?",
    "missed_sessions": "What changed in booking, reminders or travel in these months?",
    "reinjury_90_days": "Did who came, or how re-injury is asked for, change in these months?",
    "follow_up_capture": "Who asks for status after a year, and did that change?",
}
DEFAULT_QUESTION: Final = "What changed in care, in recording, or in who came?"


@dataclass(frozen=True)
class Signal:
    """Months of one chart in which a rule fired, and what to ask; never a verdict."""

    indicator: str
    periods: str
    rules: str
    question: str


@dataclass(frozen=True)
class QualityPage:
    """Everything the quality page shows. `clinics` counts clinics with a signal, unnamed."""

    signals: Sequence[Signal]
    charts: Sequence[Chart]
    clinics: Sequence[str]


def quality_page(shelf: Shelf) -> QualityPage:
    """Return the signals of the network and its charts."""
    return QualityPage(
        signals=signals(shelf.of_unit("quality_points", "network")),
        charts=control_charts(shelf, "network", None),
        clinics=_clinics_with_signals(shelf),
    )


def signals(rows: Sequence[Row]) -> list[Signal]:
    """Return one entry for every chart and set of rules that fired, with its months."""
    found: dict[tuple[str, str], list[str]] = {}
    for row in rows:
        if row["signal"]:
            found.setdefault((row["chart"], row["signal"]), []).append(str(row["period"]))
    return [
        Signal(
            indicator=indicator_name(chart),
            periods=", ".join(sorted(periods)),
            rules=signal_name(signal),
            question=QUESTIONS.get(chart, DEFAULT_QUESTION),
        )
        for (chart, signal), periods in found.items()
    ]


def _clinics_with_signals(shelf: Shelf) -> list[str]:
    rows = shelf.of_unit("quality_points", "clinic")
    told = []
    for chart in dict.fromkeys(row["chart"] for row in rows):
        units = {row["unit_name"] for row in rows if row["chart"] == chart}
        marked = {row["unit_name"] for row in rows if row["chart"] == chart and row["signal"]}
        told.append(f"{indicator_name(chart)}: {len(marked)} of {len(units)} clinics")
    return told
