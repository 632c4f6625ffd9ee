"""The pictures of the review: clinics side by side, cumulative sums, what is recorded, groups."""

from typing import Any

import polars as pl
import pytest

from analysis.contracts.results import conform
from analysis.disclosure import release_tables
from analysis.figures.chart import Chart
from analysis.figures.cusums import cusum_chart
from analysis.figures.groups import group_improved_chart, group_reinjury_chart
from analysis.figures.observed_expected import observed_expected_chart, position_words
from analysis.figures.tiers import requirements_chart, tier_of, tier_strip, unlock_words
from analysis.figures.words import Row
from tests.pages.plausible import DISCLOSURE

CLINIC = {"unit_kind": "clinic", "unit_name": "C1"}
REINJURY = "reinjury_365_days"


def released(table: str, *rows: dict[str, Any]) -> list[Row]:
    frame = conform(table, pl.DataFrame([CLINIC | row for row in rows], infer_schema_length=None))
    return list(release_tables({table: frame}, DISCLOSURE)[table].rows.to_dicts())


def spec(chart: Chart) -> dict[str, Any]:
    assert chart.spec is not None
    return dict(chart.spec)


def compared(name: str, observed: int, expected: float, **own: Any) -> dict[str, Any]:
    return {
        "unit_name": name,
        "outcome": REINJURY,
        "episodes": 200,
        "patients": 190,
        "observed": observed,
        "expected": expected,
        "ratio": observed / expected,
        "low": 0.7,
        "high": 1.4,
        "shrunken": 1.0,
        "reliability": 0.5,
        "warning_low": 0.7,
        "warning_high": 1.3,
        "alarm_low": 0.5,
        "alarm_high": 1.6,
        "position": "within",
        "method": "exact",
        "is_comparable": True,
    } | own


def four_clinics() -> list[Row]:
    return released(
        "case_mix",
        compared("North", 40, 41.0),
        compared("South", 70, 35.0, position="alarm_high"),
        compared("East", 30, 31.0),
        compared("West", 30, 29.0, position=None, is_comparable=False, reason="Known less often."),
    )


def marks(chart: Chart) -> dict[str, list[float]]:
    return {
        trace["marker"]["symbol"]: trace["x"]
        for trace in spec(chart)["data"]
        if trace["mode"] == "markers"
    }


def test_a_clinic_outside_the_inner_limits_alone_is_told_with_how_often_chance_does_that() -> None:
    rows = released(
        "case_mix",
        compared("North", 40, 41.0),
        compared("South", 50, 37.0, position="warning_high"),
        compared("East", 30, 31.0),
    )
    title = observed_expected_chart(REINJURY, rows).title
    assert title.endswith("1 outside the 95% limits, where chance puts 1 in 20")


def test_clinics_are_unnamed_and_what_is_not_compared_is_an_open_mark() -> None:
    chart = observed_expected_chart(REINJURY, four_clinics())
    assert marks(chart) == {"circle": [31.0, 41.0], "diamond": [35.0], "circle-open": [29.0]}
    told = str(chart)
    assert not any(name in told for name in ("North", "South", "East", "West"))
    assert chart.title.endswith(": 1 outside the 99.8% limits")
    assert chart.title.startswith("3 clinics compared")


def test_how_well_the_model_does_stands_below_the_picture() -> None:
    network = compared("network", 0, 1.0) | {"unit_kind": "network", "reason": "It does so-so."}
    rows = four_clinics()
    with_network = [*rows, {**rows[0], **network}]
    chart = observed_expected_chart(REINJURY, with_network)
    assert chart.note.endswith("why clinics differ. It does so-so.")
    assert len(chart.twin.rows) == len(rows)


def test_the_own_clinic_is_marked_and_stands_first_in_the_table() -> None:
    chart = observed_expected_chart(REINJURY, four_clinics(), own="South")
    assert marks(chart)["star"] == [35.0]
    assert [row[0].text for row in chart.twin.rows] == ["this clinic"] + ["a clinic"] * 3
    assert chart.title == "About 70 re-injured within a year where 35 were expected"
    assert "South" not in str(chart)


def test_both_pairs_of_limits_are_drawn_in_dashes_of_their_own() -> None:
    chart = observed_expected_chart(REINJURY, four_clinics())
    lines = [trace["line"]["dash"] for trace in spec(chart)["data"] if trace["mode"] == "lines"]
    assert lines == ["dash", "dash", "dot", "dot"]


def test_limits_do_not_take_in_a_clinic_that_is_not_compared() -> None:
    guides = [
        trace
        for trace in spec(observed_expected_chart(REINJURY, four_clinics()))["data"]
        if trace["mode"] == "lines"
    ]
    assert all(trace["x"] == [31.0, 35.0, 41.0] for trace in guides)


def test_a_position_is_told_in_a_sentence() -> None:
    north, south, _, west = four_clinics()
    assert position_words(north).endswith("within the limits of chance.")
    assert position_words(south).endswith("above the 99.8% limit.")
    assert position_words(west) == "Not compared: Known less often."
    assert position_words(None).startswith("This clinic has no patients")


def test_a_clinic_with_few_cases_is_hidden_and_told_as_hidden() -> None:
    rows = [*four_clinics(), *released("case_mix", compared("Tiny", 5, 9.0, position=None))]
    chart = observed_expected_chart(REINJURY, rows, own="Tiny")
    assert "1 clinic is hidden" in chart.note
    assert chart.twin.rows[0][2].text == "hidden"
    assert 9.0 not in [x for xs in marks(chart).values() for x in xs]


def period(name: str, observed: int, **own: Any) -> dict[str, Any]:
    sums = {"worse": 0.31, "better": 0.0, "life_adjusted": -8.2, "signal": None}
    counts = {"episodes": 120, "patients": 118, "observed": observed}
    return {"outcome": REINJURY, "period": name} | counts | sums | own


def test_a_signal_is_a_diamond_at_the_limit_and_stands_in_the_title() -> None:
    rows = released(
        "risk_cusums",
        period("2024-Q1", 20),
        period("2024-Q2", 30, worse=0.42, signal="worse", life_adjusted=-19.0),
    )
    chart = cusum_chart(REINJURY, rows)
    signal = next(
        trace for trace in spec(chart)["data"] if trace.get("marker", {}).get("symbol") == "diamond"
    )
    assert (signal["x"], signal["y"]) == (["2024-Q2"], [1.0])
    assert chart.title.endswith("the latest signal, worse than expected, is in 2024-Q2")
    assert [row[6].text for row in chart.twin.rows] == ["none", "worse than expected"]


def test_sums_for_better_go_downwards_and_a_hidden_period_is_a_gap() -> None:
    rows = released(
        "risk_cusums",
        period("2024-Q1", 20, better=0.2),
        period("2024-Q2", 4, better=0.9),
        period("2024-Q3", 20, better=0.6),
    )
    chart = cusum_chart(REINJURY, rows)
    better = spec(chart)["data"][1]
    assert better["y"] == [-0.2, None, -0.6]
    assert better["line"]["dash"] == "dot"
    assert chart.twin.rows[1][4].text == "hidden"
    assert chart.title.endswith("no signal from 2024-Q1 to 2024-Q3")


def asked(tier: int, requirement: str, numerator: int, denominator: int = 500) -> dict[str, Any]:
    return {
        "tier": tier,
        "requirement": requirement,
        "numerator": numerator,
        "denominator": denominator,
        "patients": 90,
        "share": numerator / denominator if denominator else None,
        "needed": 0.8,
        "is_met": None,
    }


def test_a_tier_needs_everything_below_it() -> None:
    stage, pain = asked(1, "stage_recorded", 500), asked(1, "pain_recorded", 450)
    evidence, attempts = asked(2, "exit_evidence", 200), asked(3, "follow_up_attempted", 490)
    rows = released("data_quality", stage, pain, evidence, attempts)
    assert tier_of(rows) == 1
    assert "stage changes with a measured or attested exit on at least 80%" in unlock_words(rows)
    assert "(now 40% of 500)" in unlock_words(rows)
    full = released("data_quality", stage, pain, asked(2, "exit_evidence", 480), attempts)
    assert tier_of(full) == 3
    assert unlock_words(full) == "Everything that the analyses ask for is recorded."


def test_nothing_to_record_and_nothing_shown_are_told_apart() -> None:
    stage = asked(1, "stage_recorded", 500)
    none = released("data_quality", stage, asked(2, "exit_evidence", 0, 0))
    assert "(none so far)" in unlock_words(none)
    assert tier_of(none) == 1
    hidden = released("data_quality", stage | {"patients": 4})
    assert tier_of(hidden) is None
    assert unlock_words(hidden) == "Too few patients to say what is recorded."
    assert requirements_chart(hidden).missing == unlock_words(hidden)


def test_a_requirement_that_is_not_reached_has_a_mark_of_its_own() -> None:
    rows = released("data_quality", asked(1, "stage_recorded", 500), asked(2, "exit_evidence", 200))
    chart = requirements_chart(rows)
    drawn = {trace["marker"]["symbol"]: trace["x"] for trace in spec(chart)["data"]}
    assert drawn == {"line-ns": [80.0, 80.0], "circle": [100.0], "diamond": [40.0]}
    assert [row[5].text for row in chart.twin.rows] == ["yes", "no"]
    assert chart.title == "This clinic records tier T1: stages and pain"


def test_the_strip_counts_clinics_without_their_names() -> None:
    rows = []
    for place, evidence in enumerate((480, 200, 490)):
        unit = {"unit_name": f"Clinic {place} of the lake"}
        rows += released(
            "data_quality",
            unit | asked(1, "stage_recorded", 500),
            unit | asked(2, "exit_evidence", evidence),
            unit | asked(3, "status_known", 450),
        )
    chart = tier_strip(rows)
    assert spec(chart)["data"][0]["x"] == [0, 1, 0, 2]
    assert chart.title == "2 of 3 clinics record everything the analyses ask for"
    assert "lake" not in str(chart)


def group(kind: str, name: str, episodes: int, reinjuries: int, improved: int) -> dict[str, Any]:
    risk = reinjuries / episodes
    return {
        "subgroup_kind": kind,
        "subgroup": name,
        "patients": episodes,
        "episodes": episodes,
        "improved": improved,
        "episodes_completed_all": 40,
        "reinjuries": reinjuries,
        "status_known": episodes - 20,
        "share_improved": improved / episodes,
        "reinjury_risk": risk,
        "reinjury_risk_low": risk - 0.05,
        "reinjury_risk_high": risk + 0.05,
    }


def test_groups_are_dots_with_intervals_by_size_and_hidden_ones_are_told() -> None:
    rows = released(
        "group_summaries",
        group("condition", "ischemia", 100, 20, 60),
        group("condition", "trigger_points", 200, 60, 120),
        group("condition", "other", 6, 1, 3),
        group("condition", "nerve_compression", 90, 4, 50),
        group("region", "knee", 300, 80, 180),
    )
    chart = group_reinjury_chart("condition", rows)
    layout, (dots,) = spec(chart)["layout"], spec(chart)["data"]
    assert dots["x"] == [30.0, 20.0]
    assert layout["yaxis"]["ticktext"][0] == "Trigger points<br>n 200"
    assert [note["text"] for note in layout["annotations"]] == ["hidden: too few"]
    assert "1 condition is hidden: too few patients." in chart.note
    assert len(chart.twin.rows) == 4
    improved = group_improved_chart("condition", rows)
    assert spec(improved)["data"][0]["x"] == [60.0, 60.0, 55.6]
    assert "error_x" not in spec(improved)["data"][0]


@pytest.mark.parametrize(
    "chart",
    [
        observed_expected_chart(REINJURY, []),
        cusum_chart(REINJURY, []),
        requirements_chart([]),
        tier_strip([]),
        group_reinjury_chart("region", []),
        group_improved_chart("condition", []),
    ],
)
def test_nothing_to_draw_is_said_in_words(chart: Chart) -> None:
    assert chart.spec is None
    assert chart.missing.endswith(".")
