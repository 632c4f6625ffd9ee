"""Control charts are drawn by kind of data, and say where their limits come from."""

from typing import Any

import polars as pl

from analysis.contracts.results import conform
from analysis.disclosure import release_tables
from analysis.figures.chart import Chart
from analysis.figures.control import control_chart
from analysis.figures.words import Row
from tests.pages.plausible import DISCLOSURE

UNIT = {"unit_kind": "network", "unit_name": "network"}


def released(*rows: dict[str, Any]) -> list[Row]:
    frame = conform(
        "quality_points",
        pl.DataFrame([UNIT | row for row in rows], infer_schema_length=None),
    )
    return release_tables({"quality_points": frame}, DISCLOSURE)["quality_points"].rows.to_dicts()


def mean(chart: str, period: str, value: float, center: float, **own: Any) -> dict[str, Any]:
    return {
        "chart": chart,
        "period": period,
        "denominator": 120.0,
        "patients": 110,
        "value": value,
        "center": center,
        "lower": center - 6,
        "upper": center + 6,
        "method": "xmr",
        "unit": "days",
        "is_complete": True,
        "is_baseline": False,
    } | own


def drawing(chart: Chart) -> dict[str, Any]:
    assert chart.spec is not None
    return dict(chart.spec)


QUARTERS = [f"{year}-Q{quarter}" for year in (2024, 2025) for quarter in (1, 2, 3, 4)]
REBASED = [
    mean("days_in_stage_1", quarter, center + 1, center, is_baseline=place in {0, 1, 4, 5})
    for place, (quarter, center) in enumerate(zip(QUARTERS, [30.0] * 4 + [20.0] * 4, strict=True))
]


def test_a_mean_is_drawn_in_its_unit_with_limits_from_neighbours() -> None:
    chart = control_chart("days_in_stage_1", released(*REBASED))
    axis = drawing(chart)["layout"]["yaxis"]
    assert axis["title"]["text"] == "days"
    assert "ticksuffix" not in axis
    assert "Mean days in stage 1" in chart.title
    assert "20.0 days" in chart.title
    assert "XmR" in chart.note
    assert chart.twin.header[0] == "Quarter"
    assert chart.twin.rows[0][3].text == "31.0 days"


def test_frozen_limits_are_shaded_and_told_phase_by_phase() -> None:
    chart = control_chart("days_in_stage_1", released(*REBASED))
    bands = [(shape["x0"], shape["x1"]) for shape in drawing(chart)["layout"]["shapes"]]
    assert bands == [(-0.5, 1.5), (3.5, 5.5)]
    assert "from 2024-Q1 to 2024-Q2, then 2025-Q1 to 2025-Q2 (shaded)" in chart.note


def test_a_new_phase_begins_a_new_line() -> None:
    center = drawing(control_chart("days_in_stage_1", released(*REBASED)))["data"][0]
    assert center["y"] == [30.0] * 4 + [None] + [20.0] * 4
    assert center["connectgaps"] is False


def test_rare_events_are_points_not_months() -> None:
    rows = [
        mean("adverse_endings_cases", f"2025-{month:02d}", 40.0, 50.0, method="g", unit="episodes")
        for month in (1, 4, 5, 9)
    ]
    chart = control_chart("adverse_endings_cases", released(*rows))
    assert chart.legend[0].words == "point"
    assert "dated by the last of them" in chart.note


def test_a_run_chart_has_a_centre_and_no_limits() -> None:
    rows = [
        mean("pain_change_at_discharge", f"2025-{month:02d}", -2.0, -1.9, method="run")
        | {"lower": None, "upper": None, "unit": "points"}
        for month in range(1, 6)
    ]
    chart = control_chart("pain_change_at_discharge", released(*rows))
    assert "Run chart" in chart.note
    assert "limits" not in [entry.words for entry in chart.legend]
    assert drawing(chart)["layout"]["yaxis"]["rangemode"] == "normal"


def test_an_incomplete_cohort_is_grey_and_told() -> None:
    rows = released(*REBASED, mean("days_in_stage_1", "2026-Q1", 9.0, 20.0, is_complete=False))
    chart = control_chart("days_in_stage_1", rows)
    open_marks = [
        trace["x"]
        for trace in drawing(chart)["data"]
        if trace.get("marker", {}).get("symbol") == "circle-open"
    ]
    assert open_marks == [["2026-Q1"]]
    assert "Grey: not yet followed long enough." in chart.note


def test_a_share_near_the_top_is_not_pressed_flat() -> None:
    rows = [
        mean("exit_evidence", f"2025-{month:02d}", 0.9, 0.95, method="p", unit=None)
        | {"numerator": 108.0, "lower": 0.85, "upper": 1.0}
        for month in range(1, 5)
    ]
    layout = drawing(control_chart("exit_evidence", released(*rows)))["layout"]
    assert layout["yaxis"]["rangemode"] == "normal"
    assert layout["yaxis"]["ticksuffix"] == "%"


def test_a_long_series_shows_its_latest_points() -> None:
    months = [f"{year}-{month:02d}" for year in (2023, 2024, 2025) for month in range(1, 13)]
    rows = [mean("days_in_stage_1", month, 31.0, 30.0) for month in months]
    chart = control_chart("days_in_stage_1", released(*rows))
    assert [row[0].text for row in chart.twin.rows] == months[12:]


def test_too_few_periods_have_no_centre() -> None:
    rows = [
        mean("days_in_stage_1", quarter, 31.0, 30.0, method="none", is_baseline=True)
        | {"lower": None, "upper": None}
        for quarter in QUARTERS[:4]
    ]
    chart = control_chart("days_in_stage_1", released(*rows))
    assert drawing(chart)["layout"]["shapes"] == []
    assert "31.0 days last" in chart.title
    assert chart.note.startswith("Too few complete periods")


def test_what_was_never_recorded_says_so() -> None:
    rows = [
        mean("exit_evidence", f"2025-{month:02d}", 0.0, 0.0, method="none")
        | dict.fromkeys(("value", "center", "lower", "upper", "unit"))
        for month in range(1, 5)
    ]
    chart = control_chart("exit_evidence", released(*rows))
    assert chart.spec is None
    assert chart.missing == "The records do not hold what this indicator counts."
