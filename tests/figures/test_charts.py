"""Charts show what is released, say what is not, and hold the same numbers as their tables."""

import json
from collections.abc import Iterator
from typing import Any

import polars as pl
import pytest

from analysis.contracts.protocol import Disclosure
from analysis.contracts.results import conform
from analysis.disclosure import release_tables
from analysis.figures import style
from analysis.figures.balance import balance_chart, covariate_name
from analysis.figures.chart import Chart
from analysis.figures.contrasts import biased_beside_designed
from analysis.figures.control import control_chart
from analysis.figures.courses import course_chart
from analysis.figures.curves import curve_chart
from analysis.figures.responders import responder_chart
from analysis.figures.script import plotly_script
from analysis.figures.stages import stage_chart
from analysis.figures.words import Row, percent, points

RULE = Disclosure(smallest_count=11, rounding_base=5)
CLINIC = {"unit_kind": "clinic", "unit_name": "c1"}


def released(table: str, *rows: dict[str, Any]) -> list[Row]:
    frame = conform(table, pl.DataFrame(rows, infer_schema_length=None))
    return list(release_tables({table: frame}, RULE)[table].rows.to_dicts())


def course(stage: int, patients: int, last: float) -> dict[str, Any]:
    half = {"last_low": last - 0.3, "last_high": last + 0.3}
    change = {"change_mean": last - 6, "change_low": last - 6.4, "change_high": last - 5.6}
    counts = {"episodes": patients, "patients": patients, "first_mean": 6.0, "last_mean": last}
    return CLINIC | {"domain": "pain", "unit": "{score}", "stage": stage} | counts | half | change


def texts(value: Any) -> Iterator[str]:
    if isinstance(value, dict):
        for item in value.values():
            yield from texts(item)
    elif isinstance(value, list | tuple):
        for item in value:
            yield from texts(item)
    elif isinstance(value, str):
        yield value


def cells(chart: Chart) -> set[str]:
    return {cell.text for row in chart.twin.rows for cell in row}


def test_a_course_says_in_how_many_stages_it_moved() -> None:
    chart = course_chart(
        "pain",
        released("domain_courses", course(1, 80, 4.0), course(2, 60, 6.0)),
        [],
        "this clinic",
    )
    assert chart.title == "Pain was clearly lower at the end of 1 of 2 stages"
    assert {"4.0", "3.7 to 4.3", "80"} <= cells(chart)


def test_a_hidden_stage_is_marked_as_hidden_in_drawing_and_table() -> None:
    chart = course_chart(
        "pain",
        released("domain_courses", course(1, 80, 4.0), course(2, 6, 3.123)),
        [],
        "this clinic",
    )
    assert chart.spec is not None
    assert "hidden" in list(texts(chart.spec["layout"]["annotations"]))
    assert "hidden" in cells(chart)
    assert "3.1" not in json.dumps(chart.spec)


def test_a_chart_without_anything_to_draw_says_why() -> None:
    hidden = course_chart("pain", released("domain_courses", course(1, 6, 4.0)), [], "this clinic")
    assert hidden.spec is None
    assert "too few patients" in hidden.missing
    nobody = course_chart("pain", [], [], "this clinic")
    assert "not measured" in nobody.missing


def test_the_unmeasured_stand_in_the_bar_as_a_group_of_their_own() -> None:
    row = CLINIC | {
        "domain": "pain",
        "change": "important",
        "episodes": 100,
        "patients": 100,
        "improved": 50,
        "not_improved": 30,
        "unmeasured": 20,
        "share_improved": 0.5,
        "low": 0.4,
        "high": 0.6,
    }
    chart = responder_chart(released("responders", row), [], "this clinic")
    assert chart.spec is not None
    assert [trace["x"] for trace in chart.spec["data"]] == [[50.0], [30.0], [20.0]]
    assert chart.title == "50% improved in pain"


def test_stages_are_shares_of_the_most_worked_stage() -> None:
    rows = [
        CLINIC
        | {
            "stage": stage,
            "episodes_worked": count,
            "episodes_completed": 40,
            "patients_worked": count,
        }
        for stage, count in ((1, 200), (5, 100))
    ]
    chart = stage_chart(released("stage_funnel", *rows), [], "this clinic")
    assert chart.title == "50% of episodes reach the endurance stage, 20% complete it"


def curve(strategy: str, day: int, risk: float) -> dict[str, Any]:
    return {
        "analysis": "primary",
        "strategy": strategy,
        "day": day,
        "risk": risk,
        "low": risk * 0.9,
        "high": risk * 1.1,
        "at_risk": 5000,
    }


def test_strategies_differ_in_dash_as_well_as_colour() -> None:
    rows = [curve(name, day, day / 2000) for name in ("strict", "natural") for day in (0, 100, 365)]
    chart = curve_chart(released("risk_curves", *rows))
    assert chart.spec is not None
    drawn = [trace["line"] for trace in chart.spec["data"] if trace.get("hovertext")]
    assert len({pen["dash"] for pen in drawn}) == len({pen["color"] for pen in drawn}) == 2


def contrast(strategy: str, *, is_biased: bool) -> dict[str, Any]:
    return {
        "analysis": "biased" if is_biased else "primary",
        "strategy": strategy,
        "comparator": "natural",
        "measure": "risk_difference",
        "value": -0.05,
        "low": -0.08,
        "high": -0.02,
        "episodes": 5000,
        "events": 500,
        "status": "estimated",
        "is_biased_comparison": is_biased,
    }


def test_every_biased_comparison_carries_the_words() -> None:
    rows = released(
        "estimates", contrast("never_violated", is_biased=True), contrast("strict", is_biased=False)
    )
    chart = biased_beside_designed(rows, "risk_difference")
    assert chart.spec is not None
    labels = chart.spec["layout"]["yaxis"]["ticktext"]
    assert [label.startswith("biased comparison") for label in labels] == [False, True]
    kinds = [row[0].text.partition(":")[0] for row in chart.twin.rows]
    assert kinds == ["designed estimate", "biased comparison"]


def test_a_forest_without_the_designed_estimate_is_not_drawn() -> None:
    chart = biased_beside_designed(
        released("estimates", contrast("never_violated", is_biased=True)), "risk_difference"
    )
    assert chart.spec is None


def test_balance_names_no_clinic() -> None:
    rows = [
        {
            "analysis": "primary",
            "strategy": "strict",
            "day": 90,
            "covariate": f"clinic_id={name}",
            "unweighted_difference": 0.2,
            "weighted_difference": 0.02,
        }
        for name in ("north", "south")
    ]
    cohort = {"unit_kind": "network", "unit_name": "network", "patients": 900, "episodes": 900}
    tables = release_tables(
        {
            "balance": conform("balance", pl.DataFrame(rows)),
            "unit_summaries": conform("unit_summaries", pl.DataFrame([cohort])),
        },
        RULE,
    )
    chart = balance_chart(tables["balance"].rows.to_dicts(), 0.1)
    assert len(chart.twin.rows) == 1
    assert "north" not in json.dumps(chart.spec) + str(chart.twin)
    assert covariate_name("first_pain_nrs") == "First pain"


def point(period: str, patients: int, signal: str | None) -> dict[str, Any]:
    return {
        "chart": "follow_up_capture",
        "unit_kind": "network",
        "unit_name": "network",
        "period": period,
        "numerator": patients * 0.5,
        "denominator": float(patients),
        "value": 0.5,
        "center": 0.6,
        "lower": 0.4,
        "upper": 0.8,
        "signal": signal,
        "method": "p",
        "is_complete": True,
        "patients": patients,
    }


def test_a_signal_has_a_mark_of_its_own() -> None:
    months = [
        point(f"2025-{month:02d}", 100, "shift" if month == 4 else None) for month in range(1, 6)
    ]
    chart = control_chart("follow_up_capture", released("quality_points", *months))
    assert chart.spec is not None
    marks = {
        trace["marker"]["symbol"]: trace["x"] for trace in chart.spec["data"] if "marker" in trace
    }
    assert marks["diamond"] == ["2025-04"]
    assert "part of a long run on one side of the centre" in cells(chart)


def test_a_control_chart_of_small_months_says_so() -> None:
    months = [point(f"2025-{month:02d}", 8, None) for month in range(1, 6)]
    chart = control_chart("follow_up_capture", released("quality_points", *months))
    assert chart.spec is None
    assert "Too few" in chart.missing


@pytest.mark.parametrize("dark", [False, True])
def test_a_resolved_spec_is_a_valid_plotly_figure(dark: bool) -> None:
    plotly = pytest.importorskip("plotly.graph_objects")
    rows = released("domain_courses", course(1, 80, 4.0), course(2, 60, 5.0))
    chart = course_chart("pain", rows, rows, "this clinic")
    spec = style.resolved(chart.spec, dark=dark)
    plotly.Figure(data=spec["data"], layout=spec["layout"])
    assert not [text for text in texts(spec) if text.startswith("@")]


def test_no_chart_can_be_sent_anywhere() -> None:
    assert style.CONFIG["showSendToCloud"] is False
    assert style.CONFIG["displayModeBar"] is False


def test_every_colour_role_has_a_light_and_a_dark_value() -> None:
    assert all(light and dark for light, dark in style.COLOURS.values())
    with pytest.raises(KeyError):
        style.colour("pink")


def test_the_shared_script_is_plotlys_own() -> None:
    assert b"plotly.js v" in plotly_script()[:200]


def test_numbers_are_written_for_readers() -> None:
    assert [percent(0.42), percent(0.005), percent(1.0)] == ["42%", "0.5%", "100%"]
    assert points(-0.03) == "\N{MINUS SIGN}3 points"
