"""The population model recovers planted slopes, and says in words what it cannot estimate."""

from typing import Any

import numpy as np
import polars as pl
import pytest

from analysis.contracts.protocol import load_protocol
from analysis.trajectories.modelling import course_models
from analysis.trajectories.products import WEEKS, line_products

PROTOCOL = load_protocol()
SLOPES = (-0.4, -0.2, -0.1, 0.05, -0.3)


def drawn_course(
    seed: int,
    *,
    domain: str = "pain",
    people: int = 400,
    visits: int = 10,
    stages: int = 5,
    noise: float = 0.8,
) -> pl.DataFrame:
    """Draw people seen weekly, who move through the stages at times of their own."""
    rng = np.random.default_rng(seed)
    entries = np.sort(rng.integers(1, visits + 1, (people, stages - 1)), axis=1)
    edges = np.hstack([np.zeros((people, 1)), entries, np.full((people, 6 - stages), visits + 1)])
    week = np.tile(np.arange(visits, dtype=np.float64), people)
    person = np.repeat(np.arange(people), visits)
    spent = np.clip(week[:, None] - edges[person, :-1], 0, np.diff(edges, axis=1)[person])
    level, slope = rng.normal(6, 1.5, people)[person], rng.normal(0, 0.1, people)[person]
    value = level + slope * week + spent @ SLOPES + rng.normal(0, noise, week.size)
    return pl.DataFrame(
        {"episode_key": person, "domain": domain, "day": (week * 7).astype(int), "value": value}
        | dict(zip(WEEKS, spent.T, strict=True))
    )


def baseline_of(points: pl.DataFrame, patients: int | None = None) -> pl.DataFrame:
    episodes = points["episode_key"].unique().sort()
    owners = episodes if patients is None else episodes % patients
    clinics = pl.Series([f"C{key % 6}" for key in episodes], dtype=pl.String)
    return pl.DataFrame({"episode_key": episodes, "patient_key": owners, "clinic_id": clinics})


def trajectory_models(
    points: pl.DataFrame, baseline: pl.DataFrame
) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Return the population's models and gaps."""
    found = course_models(line_products(points), baseline, PROTOCOL)
    is_whole = pl.col("model") == "population"
    return found.trajectory_models.filter(is_whole), found.trajectory_gaps.filter(is_whole)


def slopes_of(models: pl.DataFrame, domain: str = "pain") -> pl.DataFrame:
    is_slope = pl.col("term").str.starts_with("slope_stage_")
    return models.filter(is_slope & (pl.col("domain") == domain))


def test_planted_slopes_come_back_within_their_errors() -> None:
    distances: list[Any] = []
    for seed in range(5):
        points = drawn_course(seed)
        models, _ = trajectory_models(points, baseline_of(points))
        slopes = slopes_of(models)
        assert slopes["term"].to_list() == [f"slope_stage_{stage}" for stage in range(1, 6)]
        assert set(slopes["unit"]) == {"{score} per week"}
        distances += [*((slopes["value"] - pl.Series(SLOPES)) / slopes["standard_error"])]
    assert np.abs(distances).max() < 4
    assert 0.5 < np.sqrt(np.mean(np.square(distances))) < 1.6


@pytest.mark.slow
def test_intervals_hold_the_planted_slopes_as_often_as_they_say() -> None:
    held = []
    for seed in range(300):
        points = drawn_course(seed + 1000, people=120)
        slopes = slopes_of(trajectory_models(points, baseline_of(points, 100))[0])
        held += [*((slopes["low"] <= pl.Series(SLOPES)) & (pl.Series(SLOPES) <= slopes["high"]))]
    assert 0.93 <= np.mean(held) <= 0.97


def test_spreads_between_and_within_episodes_are_rows_of_their_own() -> None:
    points = drawn_course(3)
    models, _ = trajectory_models(points, baseline_of(points))
    spreads = {
        row["term"]: row["value"]
        for row in models.filter(pl.col("standard_error").is_null()).rows(named=True)
    }
    assert spreads["sd_between_episodes"] == pytest.approx(1.5, rel=0.1)
    assert spreads["sd_slope_between_episodes"] == pytest.approx(0.1, rel=0.2)
    assert spreads["sd_within_episodes"] == pytest.approx(0.8, rel=0.05)


def test_a_term_says_how_many_patients_it_is_about() -> None:
    points = drawn_course(3, people=60)
    models, _ = trajectory_models(points, baseline_of(points, patients=50))
    in_stage_5 = points.filter(pl.col("weeks_stage_5") > 0)["episode_key"] % 50
    patients = dict(models.select("term", "patients").rows())
    assert patients["intercept"] == 50
    assert patients["slope_stage_5"] == in_stage_5.n_unique()


def test_errors_count_a_patient_once() -> None:
    points = drawn_course(3, people=60)
    twice = pl.concat([points, points.with_columns(pl.col("episode_key") + 60)])
    once = slopes_of(trajectory_models(points, baseline_of(points))[0])
    doubled = slopes_of(trajectory_models(twice, baseline_of(twice, patients=60))[0])
    np.testing.assert_allclose(doubled["value"], once["value"], atol=5e-3)
    np.testing.assert_allclose(doubled["standard_error"], once["standard_error"], rtol=2e-2)


def in_clinics(points: pl.DataFrame, spread: float, clinics: int = 6) -> pl.DataFrame:
    """Lift the values of every clinic by a level of its own."""
    levels = pl.Series("lift", np.random.default_rng(1).normal(0, spread, clinics))
    clinic = points["episode_key"] % clinics
    return points.with_columns(value=points["value"] + levels.gather(clinic))


def test_clinics_have_levels_of_their_own_and_no_part_in_the_slopes() -> None:
    points = drawn_course(3)
    plain, _ = trajectory_models(points, baseline_of(points))
    lifted, gaps = trajectory_models(in_clinics(points, 2.0), baseline_of(points))
    spread = lifted.filter(pl.col("term") == "sd_between_clinics")["value"].item()
    assert 1.0 < spread < 4.0
    assert gaps.filter(pl.col("domain") == "pain").is_empty()
    for column in ("value", "standard_error"):
        np.testing.assert_allclose(slopes_of(lifted)[column], slopes_of(plain)[column], rtol=2e-3)
    levels = [frame.filter(pl.col("term") == "intercept") for frame in (plain, lifted)]
    assert levels[1]["standard_error"].item() > 3 * levels[0]["standard_error"].item()


@pytest.mark.parametrize(
    ("clinics", "reason"),
    [
        (1, "a single clinic measured this domain"),
        (4, "fewer than 5 clinics measured this domain"),
    ],
)
def test_few_clinics_are_left_without_levels_in_words(clinics: int, reason: str) -> None:
    points = drawn_course(3, people=60)
    baseline = baseline_of(points).with_columns(
        clinic_id=pl.format("C{}", pl.col("episode_key") % clinics)
    )
    models, gaps = trajectory_models(points, baseline)
    assert "sd_between_clinics" not in models["term"]
    of_pain = gaps.filter(pl.col("domain") == "pain")
    assert of_pain.select("term", "reason").rows() == [("sd_between_clinics", reason)]


def test_values_read_in_another_way_have_a_level_of_their_own() -> None:
    points = drawn_course(3, noise=0.3)
    later = pl.col("day") >= 35
    other_way = points.with_columns(
        value=pl.col("value") + pl.when(later).then(10.0).otherwise(0.0),
        line_number=pl.when(later).then(2).otherwise(1),
    )
    models, _ = trajectory_models(other_way, baseline_of(points))
    away = (slopes_of(models)["value"] - pl.Series(SLOPES)) / slopes_of(models)["standard_error"]
    assert away.abs().max() < 4


def test_a_difference_of_slopes_has_an_error_of_its_own() -> None:
    points = drawn_course(3)
    models, _ = trajectory_models(points, baseline_of(points))
    found = {row["term"]: row for row in models.rows(named=True)}
    for stage in range(2, 6):
        later, former = (found[f"slope_stage_{one}"] for one in (stage, stage - 1))
        difference = found[f"slope_difference_{stage}_{stage - 1}"]
        assert difference["value"] == pytest.approx(later["value"] - former["value"])
        apart = np.hypot(later["standard_error"], former["standard_error"])
        assert 0.3 * apart < difference["standard_error"] < 2 * apart
        assert difference["patients"] == min(later["patients"], former["patients"])
        planted = SLOPES[stage - 1] - SLOPES[stage - 2]
        assert abs(difference["value"] - planted) < 4 * difference["standard_error"]


def test_the_predicted_course_bends_after_the_usual_weeks() -> None:
    points = drawn_course(3)
    found = course_models(line_products(points), baseline_of(points), PROTOCOL)
    course = found.trajectory_courses.filter(domain="pain", model="population")
    value = dict(found.trajectory_models.filter(model="population").select("term", "value").rows())
    longest = points.group_by("episode_key").agg(pl.col(WEEKS).max())
    usual = [longest.filter(pl.col(weeks) > 0)[weeks].median() for weeks in WEEKS]
    ends = course.group_by("stage", maintain_order=True).last()
    assert ends["week"].to_list() == pytest.approx(np.cumsum(usual))
    assert course["value"][0] == pytest.approx(value["intercept"])
    steps = [value[f"slope_stage_{stage}"] * usual[stage - 1] for stage in range(1, 6)]
    assert ends["value"].to_list() == pytest.approx(value["intercept"] + np.cumsum(steps))
    assert course.select("stage", "week").is_unique().all()
    assert (course["low"] < course["value"]).all()
    assert (course["value"] < course["high"]).all()


def test_parts_of_the_population_have_models_of_their_own() -> None:
    points = drawn_course(3, people=200)
    part = pl.when(pl.col("episode_key") < 30).then(pl.lit("jaw")).otherwise(pl.lit("knee"))
    baseline = baseline_of(points).with_columns(region=part)
    found = course_models(line_products(points), baseline, PROTOCOL)
    models = found.trajectory_models.filter(model="by_region")
    assert set(models["subgroup"]) == {"knee"}
    assert set(models["subgroup_kind"]) == {"region"}
    knees = points.filter(pl.col("episode_key") >= 30)
    alone, _ = trajectory_models(knees, baseline_of(knees))
    np.testing.assert_allclose(slopes_of(models)["value"], slopes_of(alone)["value"], rtol=1e-6)
    assert set(found.trajectory_courses["model"]) == {"population", "by_region"}
    gaps = found.trajectory_gaps.filter(model="by_region", domain="pain")
    assert gaps.select("subgroup_kind", "subgroup", "term", "reason").rows() == [
        ("region", None, None, "parts of fewer than 50 patients have no model of their own")
    ]


def test_the_marginal_check_tells_the_same_slopes() -> None:
    points = drawn_course(3)
    found = course_models(line_products(points), baseline_of(points), PROTOCOL)
    population, marginal = (
        slopes_of(found.trajectory_models.filter(model=model))
        for model in ("population", "marginal")
    )
    assert marginal["term"].to_list() == population["term"].to_list()
    apart = (marginal["value"] - population["value"]) / marginal["standard_error"]
    assert apart.abs().max() < 2
    correlation = found.trajectory_models.filter(model="marginal", term="working_correlation")
    assert 0.5 < correlation["value"].item() < 0.95


def test_the_order_of_rows_changes_no_bit() -> None:
    points = drawn_course(5)
    shuffled = points.sample(fraction=1, shuffle=True, seed=9)
    one, _ = trajectory_models(points, baseline_of(points))
    other, _ = trajectory_models(shuffled, baseline_of(points))
    assert one.equals(other)


def constant(points: pl.DataFrame) -> pl.DataFrame:
    return points.with_columns(value=pl.lit(10.0))


def once_each(points: pl.DataFrame) -> pl.DataFrame:
    return points.filter(pl.col("day") == 0)


def first_stage_only(points: pl.DataFrame) -> pl.DataFrame:
    return points.filter(pl.sum_horizontal(WEEKS[1:]) == 0)


def nobody(points: pl.DataFrame) -> pl.DataFrame:
    return points.clear()


@pytest.mark.parametrize(
    ("fault", "reason"),
    [
        (constant, "all values are the same"),
        (once_each, "fewer than 10 patients have two values"),
        (nobody, "nobody was measured"),
    ],
)
def test_a_domain_without_a_model_says_why_and_the_others_go_on(fault: Any, reason: str) -> None:
    pain, strength = drawn_course(1, people=40), drawn_course(2, people=40, domain="strength")
    points = pl.concat([fault(pain), strength])
    models, gaps = trajectory_models(points, baseline_of(strength))
    assert models["domain"].unique().to_list() == ["strength"]
    of_pain = gaps.filter(pl.col("domain") == "pain")
    assert of_pain.select("model", "term", "reason").rows() == [("population", None, reason)]


def test_stages_nobody_reached_are_named_and_the_first_keeps_its_slope() -> None:
    points = first_stage_only(drawn_course(1, people=200))
    models, gaps = trajectory_models(points, baseline_of(points))
    slopes = slopes_of(models)
    assert slopes["term"].to_list() == ["slope_stage_1"]
    assert slopes["value"].item() == pytest.approx(-0.4, abs=0.1)
    missing = gaps.filter(pl.col("domain") == "pain")
    assert missing["term"].to_list() == [f"slope_stage_{stage}" for stage in range(2, 6)]
    assert set(missing["reason"]) == {"nobody was measured after time in this stage"}


def test_time_that_two_stages_always_share_belongs_to_the_earlier() -> None:
    points = drawn_course(1, people=60).with_columns(weeks_stage_2=pl.col("weeks_stage_1"))
    _, gaps = trajectory_models(points, baseline_of(points))
    assert gaps.filter(pl.col("domain") == "pain")["reason"].to_list() == [
        "time in this stage cannot be told apart from time in earlier stages"
    ]


def test_two_values_each_leave_room_for_levels_only() -> None:
    points = drawn_course(1, people=80).filter(pl.col("day").is_in([0, 21]))
    models, _ = trajectory_models(points, baseline_of(points))
    assert "sd_slope_between_episodes" not in models["term"]
    assert "slope_stage_1" in models["term"]


def test_values_after_care_take_no_part_in_the_slopes() -> None:
    points = drawn_course(1, people=80)
    later = points.filter(pl.col("day") == 0).with_columns(
        pl.lit(400).alias("day"), *(pl.lit(None, pl.Float64).alias(weeks) for weeks in WEEKS)
    )
    one, _ = trajectory_models(points, baseline_of(points))
    other, _ = trajectory_models(
        pl.concat([points, later.select(points.columns)], how="vertical_relaxed"),
        baseline_of(points),
    )
    assert one.equals(other)
