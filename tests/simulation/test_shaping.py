"""A world shaped like a registry resembles it in every moment that is matched."""

from dataclasses import asdict, replace

import numpy as np
import polars as pl
import pytest

from analysis.simulation import shaping, simulate_registry
from analysis.simulation.registry import simulate_course
from analysis.simulation.scenarios import Scenario, find_scenario
from analysis.simulation.shaping import (
    Knobs,
    Moments,
    Shape,
    find_shape,
    match_shapes,
    moments_of,
    shaped_scenario,
)
from tests.study.registries import built

CLINICS = (0.5, 0.3, 0.2)


def unlike_the_preset() -> Scenario:
    """A registry of short, painless, often early and badly followed care in three clinics."""
    preset = find_scenario("protective")
    one, two, three, four = preset.deviation.due_stage
    return replace(
        preset,
        deviation=replace(
            preset.deviation, due_stage=(one + 0.5, two + 0.5, three + 0.5, four + 0.5)
        ),
        loss=replace(preset.loss, at_session=-5.2, at_follow_up=-3.35),
        hazards=replace(preset.hazards, reinjury_per_day=0.0005),
        pain=replace(preset.pain, start=5.1),
        healing=replace(preset.healing, exit_shift=-0.4),
        leaving=replace(preset.leaving, at_session=-3.1),
        second_episode_share=0.25,
        clinic_shares=CLINICS,
    )


@pytest.fixture(scope="module")
def seen() -> tuple[Shape, Moments]:
    """The shape that the marts of such a registry give, and the moments of its course."""
    world = unlike_the_preset()
    course = simulate_course(episodes=3_000, clinics=3, seed=8, scenario=world)
    registry = simulate_registry(episodes=3_000, clinics=3, seed=8, scenario=world, truth_people=0)
    tables = built(registry.tables)
    shape = find_shape(
        tables.baseline, tables.adherence, tables.outcomes, order_name="seed", horizon_days=365
    )
    return shape, moments_of(course)


@pytest.fixture(scope="module")
def matched(seen: tuple[Shape, Moments]) -> dict[str, Knobs]:
    return dict(match_shapes(seen[0], ("null", "harmful", "unequal_followup", "no_overlap")))


def mean_moments(world: Scenario) -> dict[str, float]:
    """The moments of new registries of the world, each with clinics of its own, averaged."""
    drawn = [
        asdict(moments_of(simulate_course(episodes=400, clinics=3, seed=seed, scenario=world)))
        for seed in range(400, 430)
    ]
    return {name: float(np.mean([each[name] for each in drawn])) for name in drawn[0]}


def test_marts_and_course_tell_the_same_moments(seen: tuple[Shape, Moments]) -> None:
    shape, moments = seen
    for name, value in asdict(moments).items():
        half_a_digit = 0.05 if name in ("sessions_per_episode", "first_pain_nrs") else 0.005
        assert getattr(shape.moments, name) == pytest.approx(value, abs=half_a_digit + 1e-9), name


def test_a_shape_holds_rounded_numbers_only(seen: tuple[Shape, Moments]) -> None:
    shape, _ = seen
    assert shape.episodes == 3_000
    assert shape.episodes_per_patient == pytest.approx(1.25, abs=0.02)
    assert shape.clinic_shares == pytest.approx(CLINICS, abs=0.04)
    numbers = [*shape.clinic_shares, *asdict(shape.moments).values()]
    assert numbers == [round(number, 2) for number in numbers]


@pytest.mark.parametrize("scenario", ["null", "harmful"])
def test_a_registry_shaped_from_a_registry_resembles_it(
    seen: tuple[Shape, Moments], matched: dict[str, Knobs], scenario: str
) -> None:
    """Within a twentieth, or three Monte Carlo errors of pilots and check (clinics differ)."""
    shape, _ = seen
    again = mean_moments(shaped_scenario(scenario, shape, matched[scenario]))
    preset = mean_moments(replace(find_scenario(scenario), clinic_shares=CLINICS))
    for name, wanted in asdict(shape.moments).items():
        within = max(0.05 * wanted, 0.03)
        assert again[name] == pytest.approx(wanted, abs=within), name
        # The preset is elsewhere, so that the test can fail.
        assert preset[name] != pytest.approx(wanted, abs=within), name


def test_what_a_scenario_breaks_comes_on_top_of_the_matched_world(
    seen: tuple[Shape, Moments], matched: dict[str, Knobs]
) -> None:
    assert matched["unequal_followup"] == matched["no_overlap"] == matched["null"]
    world = shaped_scenario("unequal_followup", seen[0], matched["unequal_followup"])
    assert world.loss.has_violated == find_scenario("unequal_followup").loss.has_violated
    assert world.clinic_shares == seen[0].clinic_shares


@pytest.mark.parametrize(
    ("count", "told"), [(3, 10), (57, 60), (233, 230), (1_949, 1_900), (20_512, 21_000)]
)
def test_a_shape_never_tells_an_exact_count(count: int, told: int) -> None:
    baseline = pl.DataFrame(
        {
            "episode_id": [f"E{number}" for number in range(count)],
            "patient_key": range(count),
            "clinic_id": ["A"] * count,
            "first_pain_nrs": [5] * count,
        }
    )
    adherence = pl.DataFrame(
        {
            "order_name": ["seed"] * count,
            "episode_id": baseline["episode_id"],
            "attended_sessions": [4] * count,
            "completed_stages": [5] * count,
            "first_violation_day": pl.Series([None] * count, dtype=pl.Int32),
        }
    )
    outcomes = pl.DataFrame(
        {
            "episode_id": baseline["episode_id"],
            "reinjury_day": pl.Series([None] * count, dtype=pl.Int32),
            "competing_day": pl.Series([None] * count, dtype=pl.Int32),
            "last_known_day": [365] * count,
        }
    )
    shape = find_shape(baseline, adherence, outcomes, order_name="seed", horizon_days=365)
    assert shape.episodes == told
    assert (shape.moments.completed_share, shape.moments.violated_share) == (0.99, 0.01)


def test_matching_is_the_same_every_time_and_survives_what_cannot_be_reached(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(shaping, "PILOT_SEEDS", range(2))
    wild = Shape(
        episodes=500,
        episodes_per_patient=3.0,
        clinic_shares=(1.0,),
        horizon_days=182,
        moments=Moments(60.0, 0.99, 0.01, 0.99, 0.99, None),
    )
    knobs = match_shapes(wild, ("null",))["null"]
    assert knobs == match_shapes(wild, ("null",))["null"]
    assert knobs.pain == pytest.approx(0.0, abs=1e-6)
    world = shaped_scenario("null", wild, knobs)
    registry = simulate_registry(episodes=200, clinics=9, seed=1, scenario=world, truth_people=0)
    assert registry.tables["episodes"]["clinic_id"].n_unique() == 1


def test_a_registry_without_an_episode_has_no_shape(seen: tuple[Shape, Moments]) -> None:
    nobody = pl.DataFrame(schema={"episode_id": pl.String, "patient_key": pl.Int32})
    with pytest.raises(ValueError, match="episode"):
        find_shape(nobody, nobody, nobody, order_name="seed", horizon_days=365)
