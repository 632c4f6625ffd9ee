"""What the quality page shows: every signal with a question, the charts, and how clinics differ."""

from collections.abc import Sequence
from dataclasses import dataclass

from analysis.contracts.results import NETWORK
from analysis.figures.chart import Chart
from analysis.figures.control import indicator_name
from analysis.pages.indicators import ChartGroup
from analysis.pages.meeting import Signal
from analysis.pages.shelf import Shelf
from analysis.pages.units import Release, review, spread


@dataclass(frozen=True)
class QualityPage:
    """Everything the quality page shows. `clinics` counts clinics with a signal, unnamed."""

    signals: Sequence[Signal]
    groups: Sequence[ChartGroup]
    clinics: Sequence[str]
    spread: Sequence[Chart]
    why_no_spread: str | None


def quality_page(release: Release) -> QualityPage:
    """Return the network's signals of the last twelve months, its charts, and clinics unnamed."""
    shelf = release.shelf
    return QualityPage(
        signals=[each for each in release.signals if each.unit_kind == NETWORK],
        groups=review(shelf, NETWORK, None, "network"),
        clinics=_clinics_with_signals(shelf),
        spread=spread(shelf),
        why_no_spread=shelf.why_alone,
    )


def _clinics_with_signals(shelf: Shelf) -> list[str]:
    """Return for each indicator in how many clinics a rule fired, those without any left out."""
    rows = shelf.of_unit("quality_points", "clinic")
    units: dict[str, set[str]] = {}
    marked: dict[str, set[str]] = {}
    for row in rows:
        units.setdefault(row["chart"], set()).add(row["unit_name"])
        if row["signal"]:
            marked.setdefault(row["chart"], set()).add(row["unit_name"])
    return [
        f"{indicator_name(chart)}: {len(found)} of {len(units[chart])} clinics"
        for chart, found in sorted(marked.items(), key=lambda one: indicator_name(one[0]))
    ]
