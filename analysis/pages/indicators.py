"""The control charts of a unit, in groups that a reader opens one by one."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from analysis.contracts.results import CLINIC
from analysis.figures.chart import Chart
from analysis.figures.control import control_chart
from analysis.figures.words import Row
from analysis.pages.shelf import Shelf

# Key, title, and the beginnings of the indicators' names, in the order in which they are shown.
GROUPS: Final = (
    (
        "outcomes",
        "Getting better and staying better",
        ("improved_", "pain_change_", "deteriorated", "reinjury_", "adverse_"),
    ),
    (
        "order",
        "Keeping the order",
        ("premature_", "exit_evidence", "measured_exits", "never_exit_", "completed_"),
    ),
    ("recording", "Measuring and following up", ("pain_measured", "follow_up_", "stage_labels")),
    ("attendance", "Coming to sessions", ("missed_", "no_shows", "late_cancellations")),
    ("stages", "Time and visits in each stage", ("days_in_stage_", "visits_in_stage_")),
    ("further", "Further indicators", ("",)),
)
# On a clinic's page these charts are drawn where a rule fired, and counted otherwise: ten more
# charts in every page would weigh more than they tell.
WITH_SIGNAL_ONLY: Final = "stages"


@dataclass(frozen=True)
class ChartGroup:
    """Charts about one matter; `told` says of them what a reader sees before opening it."""

    key: str
    title: str
    told: str
    charts: Sequence[Chart]

    @property
    def drawn(self) -> list[Chart]:
        """Return the charts that are drawn."""
        return [chart for chart in self.charts if chart.spec is not None]

    @property
    def missing(self) -> list[Chart]:
        """Return the charts that say why they are not drawn."""
        return [chart for chart in self.charts if chart.spec is None]


def chart_groups(shelf: Shelf, kind: str, name: str | None) -> list[ChartGroup]:
    """Return the control charts of one unit by group."""
    series: dict[str, list[Row]] = {}
    for row in shelf.of_unit("quality_points", kind, name):
        series.setdefault(row["chart"], []).append(row)
    rebases = shelf.of_unit("rebases", kind, name)
    grouped: dict[str, list[str]] = {}
    for chart in series:
        grouped.setdefault(_group_of(chart), []).append(chart)
    return [
        _group(
            key,
            title,
            {chart: series[chart] for chart in _in_order(grouped[key], starts)},
            rebases,
            only_with_signal=kind == CLINIC and key == WITH_SIGNAL_ONLY,
        )
        for key, title, starts in GROUPS
        if key in grouped
    ]


def _group_of(chart: str) -> str:
    return next(key for key, _, starts in GROUPS if chart.startswith(starts))


def _in_order(charts: Sequence[str], starts: Sequence[str]) -> list[str]:
    def place(chart: str) -> tuple[int, str]:
        return next(at for at, start in enumerate(starts) if chart.startswith(start)), chart

    return sorted(charts, key=place)


def _group(
    key: str,
    title: str,
    series: dict[str, list[Row]],
    rebases: Sequence[Row],
    *,
    only_with_signal: bool,
) -> ChartGroup:
    signals = {chart for chart, rows in series.items() if any(row["signal"] for row in rows)}
    charts = [
        control_chart(chart, rows, [each for each in rebases if each["chart"] == chart])
        for chart, rows in series.items()
        if chart in signals or not only_with_signal
    ]
    told = _told(len(series), len(signals))
    if only_with_signal:
        told += "; drawn where a rule fired"
    elif not any(chart.spec for chart in charts):
        told = f"{_number(len(series))}, none with enough patients to be drawn"
    return ChartGroup(key, title, told, charts)


def _told(charts: int, signals: int) -> str:
    return f"{_number(charts)}, {f'a signal in {signals}' if signals else 'no signal'}"


def _number(charts: int) -> str:
    return "1 chart" if charts == 1 else f"{charts} charts"
