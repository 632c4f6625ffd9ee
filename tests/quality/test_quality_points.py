"""Counts of cohorts become points; cohorts that are too young take no part in limits."""

from dataclasses import replace

import polars as pl
import pytest

from analysis.contracts.indicators import INDICATOR_WORDS
from analysis.contracts.protocol import load_protocol
from analysis.contracts.results import RESULT_TABLES
from analysis.disclosure import leaks, release_tables
from analysis.quality import Rebase, quality_points
from tests.quality.cohorts import changes_of, cohorts, endings, month_of, stages_of, tables_of

PROTOCOL = load_protocol()


def points_of(
    drawn: pl.DataFrame, chart: str | None = None, rebases: tuple[Rebase, ...] = ()
) -> pl.DataFrame:
    points = quality_points(tables_of(drawn), changes_of(drawn), PROTOCOL, rebases)
    return points if chart is None else points.filter(pl.col("chart") == chart)


def alternating(months: int, around: int = 50) -> list[int]:
    return [around + (-1) ** month for month in range(months)]


def rebase(start: str, unit_name: str | None = None, chart: str = "premature_advance") -> Rebase:
    return Rebase(chart, "clinic", unit_name, start, "a new form", "2024-01-31", "R. Reviewer")


def test_every_indicator_has_a_point_for_every_month() -> None:
    points = points_of(cohorts(12))
    assert points.columns == list(RESULT_TABLES["quality_points"])
    values = {
        chart: (row["value"], row["denominator"], row["patients"], row["unit"])
        for (chart,), rows in points.group_by("chart")
        for row in rows.sort("period").tail(1).rows(named=True)
    }
    stages = range(1, 6)
    assert values == {
        "premature_advance": (0.5, 100, 90, None),
        "exit_evidence": (0.75, 200, 85, None),
        "measured_exits": (0.5, 240, 84, None),
        "missed_sessions": (0.08, 1000, 90, None),
        "no_shows": (0.05, 1000, 90, None),
        "late_cancellations": (0.03, 1000, 90, None),
        "pain_measured": (900 / 920, 920, 90, None),
        "improved_at_discharge": (0.5, 60, 55, None),
        "deteriorated": (1 / 6, 60, 55, None),
        "pain_change_at_discharge": (-2, 60, 55, "points"),
        "reinjury_90_days": (0.2, 80, 70, None),
        "reinjury_365_days": (0.25, 60, 55, None),
        "follow_up_capture": (0.6, 100, 90, None),
        "never_exit_stage_1": (20 / 98, 98, 88, None),
        "completed_all": (0.4, 100, 90, None),
        "adverse_endings": (0.15, 100, 90, None),
        **{f"days_in_stage_{stage}": (10, 40, 38, "days") for stage in stages},
        **{f"visits_in_stage_{stage}": (3, 50, 45, "visits") for stage in stages},
    }


def test_every_indicator_has_a_title_and_a_question() -> None:
    charts = set(points_of(cohorts(12))["chart"])
    assert charts <= INDICATOR_WORDS.keys()
    assert all(words.question.endswith("?") for words in INDICATOR_WORDS.values())
    assert INDICATOR_WORDS.keys() - charts == {"adverse_endings_cases", "adverse_endings_weeks"}


def test_each_kind_of_data_has_its_chart_and_means_have_no_count_of_people_on_top() -> None:
    evidence = alternating(12, 198)
    points = points_of(
        cohorts(12, episodes_violated=alternating(12), stage_changes_with_evidence=evidence)
    )
    methods = dict(points.select("chart", "method").unique().iter_rows())
    assert methods["premature_advance"] == "p"
    assert methods["visits_in_stage_1"] == "u"
    assert methods["days_in_stage_1"] == methods["pain_change_at_discharge"] == "xmr"
    assert methods["exit_evidence"] == "run"
    is_mean = pl.col("method") == "xmr"
    assert points.filter(is_mean)["numerator"].null_count() == points.filter(is_mean).height
    assert points.filter(~is_mean)["numerator"].null_count() == 0


def test_the_network_stands_first_and_clinics_have_limits_of_their_own() -> None:
    network = cohorts(12, None, episodes=200, episodes_violated=150)
    points = points_of(pl.concat([cohorts(12), network]), "premature_advance")
    assert points["unit_name"].unique(maintain_order=True).to_list() == ["network", "C1"]
    centers = points.group_by("unit_name", maintain_order=True).agg(pl.col("center").first())
    assert centers["center"].to_list() == [0.75, 0.5]


def test_a_young_cohort_is_shown_but_takes_no_part() -> None:
    violated = [*alternating(11), 0, 0, 0]
    points = points_of(
        cohorts(14, youngest_days=100, episodes_violated=violated), "premature_advance"
    )
    assert points["is_complete"].to_list() == [True] * 11 + [False] * 3
    last = points.row(-1, named=True)
    assert (last["value"], last["signal"], last["is_baseline"]) == (0, None, False)
    assert last["center"] == points.filter(pl.col("is_complete"))["value"].mean()


def test_limits_are_frozen_on_the_first_twelve_points() -> None:
    early, late = alternating(12), [70] * 6
    points = points_of(cohorts(18, episodes_violated=early + late), "premature_advance")
    assert points["is_baseline"].to_list() == [True] * 12 + [False] * 6
    assert points["center"].unique().to_list() == [0.5]
    assert points["signal"].tail(6).to_list() == ["beyond_limits"] * 6
    assert points["signal"].head(12).null_count() == 12


def test_all_points_are_the_baseline_while_there_are_fewer() -> None:
    points = points_of(cohorts(10, episodes_violated=alternating(10)), "premature_advance")
    assert points["is_baseline"].all()
    assert set(points["method"]) == {"p"}


def test_a_recorded_decision_begins_a_phase_with_a_baseline_of_its_own() -> None:
    drawn = cohorts(24, episodes_violated=alternating(12) + alternating(12, 80))
    points = points_of(drawn, "premature_advance", (rebase(month_of(12)),))
    assert points["center"].to_list() == [0.5] * 12 + [0.8] * 12
    assert points["is_baseline"].all()
    assert points["signal"].null_count() == 24


@pytest.mark.parametrize(
    "other", [rebase(month_of(12), "C2"), rebase(month_of(12), chart="no_shows")]
)
def test_a_decision_about_another_unit_or_chart_changes_nothing(other: Rebase) -> None:
    drawn = cohorts(24, episodes_violated=alternating(24))
    assert points_of(drawn, "premature_advance", (other,)).equals(
        points_of(drawn, "premature_advance")
    )


def test_a_phase_that_is_too_short_has_no_limits_yet() -> None:
    drawn = cohorts(24, episodes_violated=alternating(24))
    points = points_of(drawn, "premature_advance", (rebase(month_of(20)),))
    assert points["method"].to_list() == ["p"] * 20 + ["none"] * 4


def test_months_that_are_too_small_are_charted_by_quarter() -> None:
    small = cohorts(36, episodes=15, episodes_violated=8)
    points = points_of(small, "premature_advance")
    assert points["period"].to_list()[:2] == ["2020-Q1", "2020-Q2"]
    assert (points["denominator"][0], points.height) == (45, 12)


def test_months_whose_cases_could_not_be_shown_are_charted_by_quarter() -> None:
    points = points_of(cohorts(36, reinjured_90_days=12), "reinjury_90_days")
    assert points["period"].str.contains("Q").all()
    assert set(points["method"]) == {"p"}
    months = points_of(cohorts(36, reinjured_90_days=13), "reinjury_90_days")
    assert not months["period"].str.contains("Q").any()


def test_months_with_few_cases_go_by_quarter_once_there_are_ten_of_them() -> None:
    many = cohorts(36, stage_changes_with_evidence=198)
    assert set(points_of(many, "exit_evidence")["method"]) == {"p"}
    few = points_of(cohorts(24, stage_changes_with_evidence=198), "exit_evidence")
    assert (set(few["method"]), few.height) == ({"run"}, 24)


def test_a_unit_with_fewer_episodes_than_the_smallest_has_no_chart() -> None:
    assert points_of(cohorts(12, episodes=1), "premature_advance").is_empty()
    assert not points_of(cohorts(12, episodes=2), "premature_advance").is_empty()


def test_few_months_have_values_but_no_limits() -> None:
    points = points_of(cohorts(4))
    assert set(points["method"]) == {"none"}
    assert points["upper"].null_count() == points.height
    assert points["value"].null_count() == 0


def test_a_month_without_stage_changes_has_no_share() -> None:
    points = points_of(cohorts(12, stage_changes=0, stage_changes_with_evidence=0), "exit_evidence")
    assert points["value"].null_count() == points.height
    assert points["center"].null_count() == points.height


def test_no_cohorts_give_no_points() -> None:
    assert points_of(cohorts(1).clear()).is_empty()


def rare_review(days: list[int]) -> pl.DataFrame:
    drawn = cohorts(12, None, adverse_endings=2)
    tables = tables_of(drawn, endings(days))
    return quality_points(tables, changes_of(drawn), PROTOCOL)


def test_a_point_of_rare_harm_is_about_as_many_patients_as_may_be_shown() -> None:
    points = rare_review([7 * place for place in range(130)])
    cases = points.filter(pl.col("chart") == "adverse_endings_cases")
    # Thirteen endings are in every 130 episodes that begin: 117 end otherwise.
    assert (cases["value"].to_list(), cases["patients"].to_list()) == ([117] * 10, [13] * 10)
    assert set(cases["method"]) == {"g"}
    weeks = points.filter(pl.col("chart") == "adverse_endings_weeks")
    assert weeks["value"].to_list() == [13] * 9
    assert weeks["period"][0] == "2000-06"
    assert set(weeks["unit"]) == {"weeks"}


def test_harm_that_is_not_rare_or_too_rare_has_no_chart_of_waits() -> None:
    drawn = cohorts(12, None, adverse_endings=6)
    frequent = tables_of(drawn, endings(list(range(130))))
    waits = pl.col("chart").str.starts_with("adverse_endings_")
    assert quality_points(frequent, changes_of(drawn), PROTOCOL).filter(waits).is_empty()
    assert rare_review(list(range(129))).filter(waits).is_empty()


def test_what_is_released_gives_no_small_count_away() -> None:
    clinics = [cohorts(12, name, episodes=size, episodes_violated=size // 2, patients=size)
               for name, size in (("C1", 40), ("C2", 24), ("C3", 12))]  # fmt: skip
    network = cohorts(12, None, episodes=76, episodes_violated=38, patients=76)
    drawn = pl.concat([network, *clinics])
    tables = replace(
        tables_of(drawn, endings([7 * place for place in range(130)])),
        quality_stages=stages_of(drawn, patients_in_stage=14, episodes_in_stage=14),
    )
    results = {"quality_points": quality_points(tables, changes_of(drawn), PROTOCOL)}
    released = release_tables(results, PROTOCOL.disclosure)
    assert not leaks(released, results, PROTOCOL.disclosure)
    rows = released["quality_points"].rows
    days = rows.filter(pl.col("chart") == "days_in_stage_1", pl.col("unit_name") == "C1")
    assert set(days["value_status"]) == {"released"}
    assert set(days["numerator_status"]) == {"absent"}
