"""The research page's charts hold exactly what is released, and say in words what is not."""

from typing import Any

import polars as pl
import pytest

from analysis.contracts.results import RESULT_TABLES, conform
from analysis.disclosure import release_tables
from analysis.figures import measures, words
from analysis.figures.balance import balance_course, balance_on_day, days_with_difference
from analysis.figures.certificate import certificate_chart, certificate_table
from analysis.figures.chart import Chart
from analysis.figures.contrasts import Subject, forest, subgroup_lines, unnamed_lines
from analysis.figures.curves import curve_chart
from analysis.figures.diagnostics import positivity_map, weights_sentence, weights_table
from analysis.figures.forest import Line
from analysis.figures.gaps import why_empty
from analysis.figures.permutations import permuted_funnel
from analysis.figures.sensitivity import (
    immortal_chart,
    positive_chart,
    readings,
    sensitivity_table,
)
from analysis.figures.specifications import specification_chart
from analysis.figures.words import Row
from tests.pages import research_rows
from tests.pages.plausible import DISCLOSURE, results

SUBJECT = Subject("some-forest", "By region", "Region", "How to read it.")
STATUSES = ("sealed", "not_run", "failed", "impossible")


def released(table: str, *rows: dict[str, Any]) -> list[Row]:
    network = {"unit_kind": "network", "unit_name": "network", "patients": 5000, "episodes": 5000}
    tables = {
        table: conform(table, pl.DataFrame(rows, schema=dict(RESULT_TABLES[table]))),
        "unit_summaries": conform("unit_summaries", pl.DataFrame([network])),
    }
    return list(release_tables(tables, DISCLOSURE)[table].rows.to_dicts())


@pytest.fixture(scope="module")
def plain() -> dict[str, list[Row]]:
    tables = release_tables(results(), DISCLOSURE)
    return {name: list(table.rows.to_dicts()) for name, table in tables.items()}


def region(name: str, center: float, **own: Any) -> dict[str, Any]:
    row = research_rows.contrast("by_region", center, 0.02, 4000)
    return row | {"subgroup_kind": "region", "subgroup": name} | own


def spec(chart: Chart) -> Any:
    assert chart.spec is not None
    return chart.spec


def twin_texts(chart: Chart) -> list[list[str]]:
    return [[cell.text for cell in row] for row in chart.twin.rows]


def test_a_forest_draws_the_released_values_and_no_others() -> None:
    rows = released("estimates", region("knee", -0.0312), region("hip", 0.0123))
    chart = forest(SUBJECT, subgroup_lines(rows, None), "risk_difference")
    marks = spec(chart)["data"]
    assert [mark["x"] for mark in marks] == [[100 * row["value"]] for row in rows]
    for mark, row in zip(marks, rows, strict=True):
        ends = mark["error_x"]
        assert mark["x"][0] + ends["array"][0] == pytest.approx(100 * row["high"])
        assert mark["x"][0] - ends["arrayminus"][0] == pytest.approx(100 * row["low"])


def test_a_forest_counts_where_its_intervals_lie_without_the_whole() -> None:
    rows = released("estimates", region("knee", -0.05), region("hip", 0.0), region("jaw", 0.05))
    chart = forest(SUBJECT, subgroup_lines(rows, rows[0]), "risk_difference")
    assert chart.title == (
        "By region: of 3 intervals 1 below no difference, 1 covering no difference, "
        "1 above no difference"
    )
    assert twin_texts(chart)[-1][0] == "everybody"


@pytest.mark.parametrize("status", STATUSES)
def test_a_line_without_a_number_keeps_its_place_with_a_word(status: str) -> None:
    empty = research_rows.empty_row(status, "Too few were seen.")
    rows = released("estimates", region("knee", -0.03), region("hip", 0.0, **empty))
    chart = forest(SUBJECT, subgroup_lines(rows, None), "risk_difference")
    told = [note["text"] for note in spec(chart)["layout"]["annotations"]]
    assert told == [words.SHORT_STATUS_WORDS[status]]
    assert len(spec(chart)["data"]) == 1
    assert twin_texts(chart)[1][1] == words.SHORT_STATUS_WORDS[status]


def test_a_small_group_is_hidden_in_forest_and_table() -> None:
    rows = released("estimates", region("knee", -0.03), region("hip", 0.0171, episodes=7, events=2))
    chart = forest(SUBJECT, subgroup_lines(rows, None), "risk_difference")
    assert "hidden" in twin_texts(chart)[1]
    assert [note["text"] for note in spec(chart)["layout"]["annotations"]] == ["hidden"]
    assert "1.7" not in str(chart)


@pytest.mark.parametrize("status", STATUSES)
def test_a_forest_without_any_number_says_why(status: str) -> None:
    empty = research_rows.empty_row(status, "Too few were seen.")
    rows = released("estimates", region("knee", 0.0, **empty))
    chart = forest(SUBJECT, subgroup_lines(rows, None), "risk_difference")
    assert chart.spec is None
    assert chart.missing.startswith("By region ")
    assert ("Too few were seen" in chart.missing) == (status != "sealed")


def test_a_forest_that_was_never_run_says_so() -> None:
    chart = forest(SUBJECT, [], "risk_difference")
    assert chart.missing == "By region was not run: the release holds no row of it."


def test_many_clinics_stand_close_and_unlabelled() -> None:
    rows = released("estimates", *(region("x", place / 1000) for place in range(60)))
    layout = spec(forest(SUBJECT, unnamed_lines(rows, "a clinic"), "risk_difference"))["layout"]
    assert layout["yaxis"]["showticklabels"] is False
    assert layout["height"] < 900


def test_unnamed_lines_stand_in_the_order_of_their_values() -> None:
    rows = released("estimates", region("b", 0.02), region("a", -0.02), region("c", 0.0))
    lines = unnamed_lines(rows, "a clinic")
    assert [line.row["value"] for line in lines] == [-0.02, 0.0, 0.02]
    assert {line.label for line in lines} == {"a clinic"}


def test_ratios_are_drawn_around_one_and_days_told_as_days() -> None:
    ratio = released("estimates", region("knee", 1.2) | {"measure": "risk_ratio"})
    chart = forest(SUBJECT, [Line("knee", ratio[0])], "risk_ratio")
    assert spec(chart)["layout"]["xaxis"]["type"] == "log"
    assert spec(chart)["layout"]["shapes"][0]["x0"] == 1.0
    write = measures.write_effect("restricted_mean_days_difference")
    assert write(5.25) == "+5.2 days"
    assert write(0.0) == "0 days"
    assert words.span(-1.0, 5.5, write) == "\N{MINUS SIGN}1 to +5.5 days"


def test_numbers_at_risk_under_the_axis_are_the_released_ones(
    plain: dict[str, list[Row]],
) -> None:
    rows = plain["risk_curves"]
    notes = spec(curve_chart(rows))["layout"]["annotations"]
    at_risk = [note for note in notes if note.get("yref") == "paper" and note.get("xref") is None]
    told = {words.count(row["at_risk"]) for row in rows}
    assert len(at_risk) == 10
    assert {note["text"] for note in at_risk} <= told
    assert {0, 365} <= {note["x"] for note in at_risk}


def test_a_hidden_number_at_risk_is_named_hidden() -> None:
    def point(day: int, at_risk: int) -> dict[str, Any]:
        return {
            "analysis": "primary",
            "strategy": "strict",
            "day": day,
            "risk": day / 1000,
            "low": 0.0,
            "high": 0.5,
            "at_risk": at_risk,
        }

    rows = released("risk_curves", point(0, 4000), point(100, 3000), point(365, 6))
    notes = spec(curve_chart(rows))["layout"]["annotations"]
    assert "hidden" in [note["text"] for note in notes]


def test_balance_is_told_by_day_and_day_0_is_left_out() -> None:
    def level(day: int, before: float, after: float) -> dict[str, Any]:
        return {
            "analysis": "primary",
            "strategy": "strict",
            "day": day,
            "covariate": "chronicity=chronic",
            "unweighted_difference": before,
            "weighted_difference": after,
        }

    rows = released("balance", level(0, 0.0, 0.0), level(90, -0.21, 0.03), level(365, 0.3, -0.07))
    assert days_with_difference(rows) == [90, 365]
    assert balance_on_day(rows, 365, 0.1).title == "Day 365: after weighting, at most 0.07"
    assert twin_texts(balance_on_day(rows, 90, 0.1)) == [["Chronicity", "0.21", "0.03"]]
    course = balance_course(rows, 0.1)
    assert [row[1:] for row in twin_texts(course)] == [
        ["0", "0", "0"],
        ["90", "0.21", "0.03"],
        ["365", "0.3", "0.07"],
    ]


def test_the_positivity_map_shades_by_share_and_hides_small_cells() -> None:
    def kind(stage: int, pain: str | None, patients: int, left: float) -> dict[str, Any]:
        return {"unit_kind": "network", "unit_name": "network"} | research_rows.mapped(
            stage, pain, 2 * patients, patients, int(2 * patients * left)
        )

    rows = released(
        "positivity",
        kind(1, "2: 4 to below 7", 500, 0.01),
        kind(1, "1: below 4", 500, 0.8),
        kind(2, "1: below 4", 4, 0.5),
        kind(2, None, 500, 0.2),
    )
    found = positivity_map(rows)
    assert found.columns == ("pain below 4", "pain 4 to below 7", "pain not known")
    (_, first), (name, second) = found.rows
    assert [None if cell is None else cell.shade for cell in first] == [5, 0, None]
    assert name == "2 Structure"
    assert second[0] is not None
    assert second[0].share.text == "hidden"
    assert second[1] is None


def test_weights_are_told_with_their_least_effective_size(plain: dict[str, list[Row]]) -> None:
    told = weights_sentence(plain["weights"])
    assert "effective sample size is 40%" in told
    assert "(strict, day 365)" in told
    first = weights_table(plain["weights"]).rows[0]
    assert [cell.text for cell in first][3:5] == ["1.00", "0.10"]


def test_the_specification_curve_is_sorted_and_marks_the_registered_one(
    plain: dict[str, list[Row]],
) -> None:
    rows = plain["specification_curve"]
    traces = spec(specification_chart(rows))["data"]
    points = [trace for trace in traces if trace.get("hoverinfo") == "text"]
    drawn = sorted((x, y) for trace in points for x, y in zip(trace["x"], trace["y"], strict=True))
    assert [y for _, y in drawn] == sorted(round(100 * row["value"], 2) for row in rows)
    (registered,) = (trace for trace in points if trace["marker"]["symbol"] == "diamond")
    own = next(row for row in rows if row["is_registered"])
    assert registered["y"] == [round(100 * own["value"], 2)]
    dots = [trace for trace in traces if trace.get("yaxis") == "y2"]
    assert sum(len(trace["x"]) for trace in dots) == 6 * len(rows)


def test_every_dot_of_the_matrix_stands_on_its_choice(plain: dict[str, list[Row]]) -> None:
    rows = [row for row in plain["specification_curve"] if row["is_registered"]]
    chart = spec(specification_chart(rows))
    labels = chart["layout"]["yaxis2"]["ticktext"]
    (dots,) = (trace for trace in chart["data"] if trace.get("yaxis") == "y2" and trace["x"])
    assert [labels[place] for place in dots["y"]] == [
        "strict", "seed", "365 days", "full", "weighted", "none",
    ]  # fmt: skip


def test_the_permuted_orders_are_told_with_the_share_rejected() -> None:
    def order(number: int, value: float) -> dict[str, Any]:
        errors = {"difference_error": 0.01, "ratio_error": 0.07}
        own = {"permutation": number, "risk_difference": value, "log_risk_ratio": value * 5}
        return own | errors | {"status": "estimated"}

    rows = released("negative_exposures", order(1, 0.004), order(2, -0.031), order(3, 0.012))
    share = {"analysis": "primary", "method": "empirical_null_exposures", "status": "estimated"}
    (rejected,) = released("sensitivity", share | {"measure": "share_rejected", "value": 0.3333})
    chart = permuted_funnel(rows, None, rejected)
    assert chart.title == "33% of 3 permuted orders are rejected, where 5% are expected"
    assert spec(chart)["data"][-1]["x"] == [0.4, -3.1, 1.2]


def test_a_sealed_estimate_is_no_mark_among_the_permuted_orders(
    plain: dict[str, list[Row]],
) -> None:
    shown = next(
        row
        for row in plain["estimates"]
        if row["analysis"] == "primary" and row["measure"] == "risk_difference"
    )
    hidden = dict(shown) | {"value": None, "value_status": "sealed"}
    with_own, without = (
        permuted_funnel(plain["negative_exposures"], row) for row in (shown, hidden)
    )
    assert len(spec(with_own)["data"]) == len(spec(without)["data"]) + 1


def test_every_argument_is_read_out_with_its_numbers(plain: dict[str, list[Row]]) -> None:
    told = "\n".join(readings(plain["sensitivity"]))
    for part in (
        "risk ratios of 1.68",
        "would have to be 2.41 times",
        "8.5% of the controls are rejected",
        "risk ratio 0.835",
        "finds 1.03 times the planted ratio",
        "216 specifications have an estimate, the middle one of \N{MINUS SIGN}3 points",
        "with p 0.034, and so many clear intervals with p near 0",
        "by 0.62 (completed all five) and by 1.18",
    ):
        assert part in told


def test_naive_ratios_always_carry_the_words(plain: dict[str, list[Row]]) -> None:
    chart = immortal_chart(plain["sensitivity"])
    told = [row[0] for row in twin_texts(chart)]
    naive = [text for text in told if "risk ratio" in text or "hazard" in text]
    assert [text.startswith("biased comparison") for text in naive] == [False] + [True] * 6
    assert positive_chart(plain["sensitivity"]).spec is not None


def test_naive_ratios_are_not_drawn_without_the_designed_one(
    plain: dict[str, list[Row]],
) -> None:
    rows = [row for row in plain["sensitivity"] if row["measure"] != "designed_risk_ratio"]
    assert immortal_chart(rows).spec is None


@pytest.mark.parametrize("status", STATUSES)
def test_an_argument_without_numbers_says_why(status: str) -> None:
    row = {"analysis": "primary", "method": "e_value", "measure": "risk_ratio"}
    rows = released("sensitivity", row | {"status": status, "reason": "There is no ratio."})
    (told,) = readings(rows)
    assert told.startswith("E-value: It ")
    assert [cell.text for cell in sensitivity_table(rows).rows[0]][2] != "0"
    assert ("There is no ratio" in told) == (status != "sealed")


def test_a_certificate_tells_its_errors_and_what_was_not_run(
    plain: dict[str, list[Row]],
) -> None:
    chart = certificate_chart(plain["certificate"], "coverage", (0.935, 0.965))
    mark = spec(chart)["data"][0]
    assert mark["x"][0] == 94.9
    assert mark["error_x"]["array"][0] == pytest.approx(100 * 1.959964 * 0.0069, abs=1e-3)
    assert [line["x0"] for line in spec(chart)["layout"]["shapes"]] == [93.5, 96.5]
    wide = {"scenario": "null", "measure": "coverage", "value": 0.75, "monte_carlo_error": 0.25}
    drawn = spec(certificate_chart(released("certificate", wide), "coverage"))["data"][0]
    assert (drawn["error_x"]["array"], drawn["error_x"]["arrayminus"]) == ([25.0], [48.999])
    empty = {"scenario": "all", "measure": "sealed_share", "registries": 0, "status": "not_run"}
    cells = [cell.text for cell in certificate_table(released("certificate", empty)).rows[0]]
    assert cells == [
        "all planted truths", "Sealed share", "none", "none", "none", "none", "none set", "not run",
    ]  # fmt: skip


def test_reasons_are_told_by_their_kinds() -> None:
    empty = research_rows.empty_row
    rows = released(
        "estimates",
        region("a", 0.0, **empty("failed", "No convergence.")),
        region("b", 0.0, **empty("impossible", "Nobody left.")),
        region("c", 0.0, **empty("impossible", "Nobody left.")),
    )
    assert why_empty("It", rows) == (
        "It has no released number: 1 failed, 2 impossible with these data."
    )
    assert why_empty("It", rows[1:]) == "It cannot be estimated from these data (Nobody left)."
