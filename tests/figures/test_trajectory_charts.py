"""The pictures for researchers: courses, slopes, clinics without a name, and what lines hide."""

from typing import Any

import polars as pl
import pytest

from analysis.contracts.results import conform
from analysis.disclosure import release_tables
from analysis.figures import style
from analysis.figures.bounds import bounds_chart, missingness_map
from analysis.figures.caterpillar import MOST_CLINICS, caterpillar_chart
from analysis.figures.chart import Chart
from analysis.figures.delta import delta_chart
from analysis.figures.patterns import patterns_chart
from analysis.figures.predicted import predicted_chart, subgroup_courses
from analysis.figures.regression import first_change_chart, untreated_chart
from analysis.figures.slopes import differences_table, slope_chart, subgroup_chart
from analysis.figures.words import Row
from tests.pages.plausible import DISCLOSURE, results

DOMAINS = ("pain", "flexibility", "strength", "endurance")
MINUS = "\N{MINUS SIGN}"


def released(table: str, *rows: dict[str, Any]) -> list[Row]:
    frame = conform(table, pl.DataFrame(rows, infer_schema_length=None))
    return list(release_tables({table: frame}, DISCLOSURE)[table].rows.to_dicts())


@pytest.fixture(scope="module")
def plain() -> dict[str, list[Row]]:
    tables = release_tables(results(), DISCLOSURE)
    return {name: list(table.rows.to_dicts()) for name, table in tables.items()}


def spec(chart: Chart) -> dict[str, Any]:
    assert chart.spec is not None
    return dict(chart.spec)


def notes(chart: Chart) -> list[str]:
    return [note["text"] for note in spec(chart)["layout"]["annotations"]]


def texts(chart: Chart) -> list[list[str]]:
    return [[cell.text for cell in row] for row in chart.twin.rows]


def slope(stage: int, model: str, value: float, patients: int = 200) -> dict[str, Any]:
    return {
        "domain": "pain",
        "model": model,
        "term": f"slope_stage_{stage}",
        "value": value,
        "low": value - 0.1,
        "high": value + 0.1,
        "unit": "{score} per week",
        "patients": patients,
        "values_count": 5 * patients,
    }


def test_models_stand_beside_one_another_with_marks_of_their_own() -> None:
    rows = released("trajectory_models", slope(1, "population", -0.3), slope(1, "marginal", -0.25))
    chart = slope_chart("pain", rows)
    marks = spec(chart)["data"]
    assert len({mark["marker"]["symbol"] for mark in marks}) == 2
    assert marks[0]["y"][0] < marks[1]["y"][0]
    assert texts(chart)[0][1:3] == ["population", f"{MINUS}0.30"]
    assert notes(chart).count("not estimated") == 4


def test_a_hidden_slope_is_told_as_hidden() -> None:
    rows = released(
        "trajectory_models", slope(1, "population", -0.3), slope(2, "population", -0.2, 7)
    )
    chart = slope_chart("pain", rows)
    assert "hidden" in notes(chart)
    assert "2 Structure<br>n hidden" in spec(chart)["layout"]["yaxis"]["ticktext"]


def part(stage: int, kind: str, name: str, value: float) -> dict[str, Any]:
    return slope(stage, f"by_{kind}", value) | {"subgroup_kind": kind, "subgroup": name}


def test_parts_stand_in_the_same_lines_in_every_stage() -> None:
    rows = released(
        "trajectory_models",
        slope(1, "population", -0.3),
        part(1, "region", "hip", -0.2),
        part(2, "region", "hip", -0.1),
        part(1, "condition", "ischemia", -0.4),
    )
    chart = subgroup_chart("pain", rows)
    axes = [spec(chart)["layout"][f"yaxis{n}"] for n in ("", 2, 3, 4, 5)]
    assert all(axis["ticktext"] == ["Ischemia", "Hip"] for axis in axes)
    assert [axis["showticklabels"] for axis in axes] == [True, False, False, False, False]
    assert spec(chart)["narrow"]["yaxis2"]["showticklabels"] is True
    assert texts(chart)[1][:2] == ["Hip", "region"]


def test_differences_of_slopes_are_named_by_their_stages() -> None:
    row = slope(2, "population", 0.1) | {"term": "slope_difference_2_1"}
    table = differences_table(released("trajectory_models", row))
    assert table.rows[0][0].text == "Pain: stage 2 less stage 1"


def point(stage: int, week: float, value: float) -> dict[str, Any]:
    numbers = {"value": value, "low": value - 0.2, "high": value + 0.2}
    own = {"domain": "pain", "model": "population", "unit": "{score}", "patients": 300}
    return own | numbers | {"stage": stage, "week": week}


def test_a_predicted_course_tells_stages_and_n_under_its_axis() -> None:
    rows = released(
        "trajectory_courses", point(1, 0.0, 6.0), point(1, 4.0, 5.0), point(2, 7.0, 4.5)
    )
    chart = predicted_chart(rows, DOMAINS)
    axis = spec(chart)["layout"]["xaxis"]
    assert axis["ticktext"] == ["1<br>n 300", "2<br>n 300"]
    assert axis["tickvals"] == [2.0, 5.5]
    assert "usual weeks in the stages: 4, 3" in notes(chart)
    assert notes(chart).count("not estimated") == 3
    assert [row[0] for row in texts(chart)] == [
        "Pain, at the start", "Pain, end of stage 1", "Pain, end of stage 2",
    ]  # fmt: skip


def test_parts_courses_are_told_at_the_end_of_each_stage(plain: dict[str, list[Row]]) -> None:
    table = subgroup_courses(plain["trajectory_courses"])
    assert len(table.rows) == 4 * 15
    assert all(cell.text for row in table.rows for cell in row)


def clinic(number: int, value: float, patients: int = 90) -> dict[str, Any]:
    return {
        "unit_kind": "clinic",
        "unit_name": f"secret-{number}",
        "domain": "pain",
        "term": "slope_stage_1",
        "value": value,
        "shrunken": value / 2,
        "low": value / 2 - 0.1,
        "high": value / 2 + 0.1,
        "reliability": 0.5,
        "unit": "{score} per week",
        "patients": patients,
        "values_count": 5 * patients,
    }


def test_clinics_are_ordered_unnamed_and_few_enough_to_be_read() -> None:
    rows = released("clinic_courses", *(clinic(n, -0.01 * n) for n in range(1, 61)))
    chart = caterpillar_chart("pain", rows)
    assert "secret" not in str(chart)
    shrunken = next(trace for trace in spec(chart)["data"] if "error_x" in trace)["x"]
    assert shrunken == sorted(shrunken)
    assert len(shrunken) == len(chart.twin.rows) == MOST_CLINICS


def test_a_small_clinics_slope_is_hidden_among_the_others() -> None:
    rows = released("clinic_courses", *(clinic(n, -0.1 * n) for n in range(1, 7)), clinic(9, 1, 4))
    chart = caterpillar_chart("pain", rows)
    assert "n 6, 1 hidden" in notes(chart)
    assert texts(chart)[-1][1:] == ["hidden"] * 5


def week(pattern: str, number: int, mean: float, people: int = 60) -> dict[str, Any]:
    counts = {"episodes": people, "patients": people}
    limits = {"mean": mean, "low": mean - 0.3, "high": mean + 0.3}
    return (
        {"domain": "pain", "pattern": pattern, "week": number, "unit": "{score}"} | counts | limits
    )


def test_those_who_left_are_drawn_apart_with_n_below_the_axis() -> None:
    rows = released(
        "dropout_patterns",
        week("completed", 0, 6.0),
        week("completed", 12, 2.0, 40),
        week("left_quarter_1", 0, 6.2),
        week("left_quarter_1", 2, 6.0, 5),
        week("left_stage_1", 0, 6.1),
    )
    chart = patterns_chart(rows, DOMAINS)
    drawn = spec(chart)["data"]
    assert [trace["x"] for trace in drawn] == [[0, 12], [0]]
    assert len({trace["marker"]["symbol"] for trace in drawn}) == 2
    assert "\N{BLACK CIRCLE} completed all stages: n 60, week 12: 40" in notes(chart)
    assert "Pain: left, stage 1 the highest worked" in [row[0] for row in texts(chart)]


def check(method: str, measure: str, value: float | None, **own: Any) -> dict[str, Any]:
    limits = {} if value is None else {"value": value, "low": value - 0.4, "high": value + 0.4}
    row = {"domain": "pain", "method": method, "measure": measure, "patients": 400}
    return row | {"unit": "{score}", "status": "estimated"} | limits | own


def test_the_tipping_point_stands_in_title_panel_and_drawing() -> None:
    rows = released(
        "trajectory_sensitivity",
        *(
            check("delta", "change_week_12", -2 + delta / 4, parameter=delta)
            for delta in (0.0, 4.0)
        ),
        check("delta", "mean_week_12", 4.0, parameter=0.0),
        check("delta", "tipping_not_clear", 3.2),
    )
    chart = delta_chart(rows, DOMAINS)
    assert chart.title.endswith("no clear change: pain 3.2")
    assert "n 400; not clear from 3.2" in notes(chart)
    assert [line["x0"] for line in spec(chart)["layout"]["shapes"]] == [3.2]
    assert spec(chart)["data"][2]["y"] == [-2.0, -1.0]


def test_a_check_that_is_impossible_says_why() -> None:
    told = {"status": "impossible", "reason": "Hardly anybody was measured twice."}
    rows = released(
        "trajectory_sensitivity",
        check("delta", "change_week_12", None, **told),
        check("regression_to_the_mean", "reliability", None, **told),
    )
    for chart in (delta_chart(rows, DOMAINS), first_change_chart(rows, DOMAINS)):
        assert chart.spec is None
        assert "Hardly anybody was measured twice." in chart.missing
    assert "was not run" in untreated_chart(rows).missing


def test_observed_changes_stand_beside_those_expected_from_noise() -> None:
    method = "regression_to_the_mean"
    rows = released(
        "trajectory_sensitivity",
        check(method, "observed_change_worst_third", -1.5),
        check(method, "expected_change_worst_third", -0.9),
        check(method, "untreated_acute", 2.3, parameter=6.0),
        check(method, "observed_acute", 2.0, parameter=6.0),
    )
    marks = spec(first_change_chart(rows, DOMAINS))["data"]
    assert [mark["x"] for mark in marks] == [[-1.5], [-0.9]]
    assert len({mark["marker"]["symbol"] for mark in marks}) == 2
    lines = spec(untreated_chart(rows))["data"]
    assert {line["line"]["dash"] for line in lines if "hovertemplate" in line} == {"solid", "dash"}


def test_values_at_the_ends_are_told_with_the_number_of_values() -> None:
    row = {"domain": "pain", "stage": 1, "patients": 90, "values_count": 200}
    ends = {"at_worst": 20, "at_best": 60, "share_at_worst": 0.1, "share_at_best": 0.3}
    chart = bounds_chart(released("measure_bounds", row | ends))
    assert chart.title == "At most 30% of values lie at the best end (pain, stage 1)"
    assert spec(chart)["layout"]["xaxis"]["ticktext"][0] == "1<br>n 200"


def test_a_hidden_share_at_an_end_is_told_where_its_bar_would_stand() -> None:
    row = {"domain": "pain", "stage": 1, "patients": 90, "values_count": 200}
    ends = {"at_worst": 4, "at_best": 60, "share_at_worst": 0.02, "share_at_best": 0.3}
    chart = bounds_chart(released("measure_bounds", row | ends))
    (hidden,) = [n for n in spec(chart)["layout"]["annotations"] if n["text"] == "hidden"]
    assert hidden["x"] == 0.8


def test_the_map_of_missing_values_is_darker_where_more_is_missing() -> None:
    def cell(domain: str, sessions: int, measured: int) -> dict[str, Any]:
        share = {"share_measured": measured / sessions}
        counts = {"patients": sessions, "sessions": sessions, "measured": measured}
        return {"domain": domain, "stage": 1} | counts | share

    rows = released(
        "missingness", cell("pain", 200, 190), cell("strength", 200, 40), cell("endurance", 8, 8)
    )
    found = missingness_map(rows)
    assert [name for name, _ in found.rows] == ["Pain", "Strength", "Endurance"]
    shades = [cells[0].shade for _, cells in found.rows if cells[0] is not None]
    assert shades[0] is not None
    assert shades[1] is not None
    assert shades[0] < shades[1]
    assert shades[2] is None


@pytest.mark.parametrize("dark", [False, True])
def test_every_picture_is_a_valid_plotly_figure(plain: dict[str, list[Row]], dark: bool) -> None:
    plotly = pytest.importorskip("plotly.graph_objects")
    checks = plain["trajectory_sensitivity"]
    pain = [row for row in plain["trajectory_models"] if row["domain"] == "pain"]
    clinics = [row for row in plain["clinic_courses"] if row["domain"] == "pain"]
    for chart in (
        predicted_chart(plain["trajectory_courses"], DOMAINS),
        slope_chart("pain", [row for row in pain if not row["subgroup"]]),
        subgroup_chart("pain", pain),
        caterpillar_chart("pain", clinics),
        patterns_chart(plain["dropout_patterns"], DOMAINS),
        delta_chart(checks, DOMAINS),
        first_change_chart(checks, DOMAINS),
        untreated_chart(checks),
        bounds_chart(plain["measure_bounds"]),
    ):
        drawn = style.resolved(chart.spec, dark=dark)
        plotly.Figure(data=drawn["data"], layout=drawn["layout"])
