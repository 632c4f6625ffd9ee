"""Simulated records keep to the contract and to the rules over rows."""

import polars as pl
import pytest
from polars.testing import assert_frame_equal

from analysis.contracts.errors import UsageError
from analysis.contracts.records import CONTRACT, Field, Table
from analysis.simulation import SCENARIOS, SyntheticRegistry, simulate_registry
from tests.simulation.worlds import simulated


@pytest.fixture(scope="session")
def registry() -> SyntheticRegistry:
    return simulated("protective")


def test_the_same_seed_gives_the_same_registry() -> None:
    first, again = (
        simulate_registry(episodes=300, clinics=3, seed=4, scenario="null", truth_people=500)
        for _ in range(2)
    )
    assert first.truth == again.truth
    for name, records in first.tables.items():
        assert_frame_equal(records, again.tables[name])


def test_another_seed_gives_other_people_with_other_identifiers() -> None:
    first, other = (
        simulate_registry(episodes=300, clinics=3, seed=seed, scenario="null", truth_people=0)
        for seed in (4, 5)
    )
    shared = first.tables["patients"].join(other.tables["patients"], on="patient_id")
    assert shared.is_empty()


@pytest.mark.parametrize("scenario", SCENARIOS)
@pytest.mark.parametrize("episodes", [1, 2, 40])
def test_a_registry_may_be_as_small_as_one_episode(scenario: str, episodes: int) -> None:
    registry = simulate_registry(
        episodes=episodes, clinics=2, seed=1, scenario=scenario, truth_people=10
    )
    assert registry.tables["episodes"].height == episodes


@pytest.mark.parametrize(
    ("episodes", "clinics", "seed", "scenario"),
    [(0, 3, 1, "null"), (10, 0, 1, "null"), (10, 3, -1, "null"), (10, 3, 1, "miracle")],
)
def test_what_makes_no_registry_is_refused(
    episodes: int, clinics: int, seed: int, scenario: str
) -> None:
    with pytest.raises(UsageError):
        simulate_registry(episodes=episodes, clinics=clinics, seed=seed, scenario=scenario)


def test_every_table_has_the_columns_of_the_contract(registry: SyntheticRegistry) -> None:
    for table in CONTRACT.tables:
        assert registry.tables[table.name].columns == list(table.names)


def test_every_value_is_one_that_the_contract_allows(registry: SyntheticRegistry) -> None:
    faults = [
        f"{table.name}.{field.name}"
        for table in CONTRACT.tables
        for field in table.fields
        if not _is_allowed(registry.tables[table.name][field.name], field)
    ]
    assert faults == []


def test_every_column_is_filled_somewhere_and_optional_ones_have_gaps(
    registry: SyntheticRegistry,
) -> None:
    for table in CONTRACT.tables:
        assert all(column.count() > 0 for column in registry.tables[table.name])
    gaps = registry.tables["sessions"].null_count()
    assert gaps["pain_nrs"].item() > 0
    assert registry.tables["patients"]["bmi_band"].null_count() > 0


def test_keys_are_unique_and_references_are_kept(registry: SyntheticRegistry) -> None:
    for table in CONTRACT.tables:
        records = registry.tables[table.name]
        assert records.select(table.primary_key).is_unique().all()
        assert all(
            _keeps(reference.field, reference.table, table, registry)
            for reference in table.references
        )


def test_attended_sessions_have_a_stage_and_others_have_none(registry: SyntheticRegistry) -> None:
    sessions = registry.tables["sessions"]
    has_stage = sessions["stage"].is_not_null()
    assert (has_stage == (sessions["status"] == "attended")).all()


def test_the_first_attended_session_is_on_day_0_and_works_stage_1_nearly_always(
    registry: SyntheticRegistry,
) -> None:
    attended = _attended(registry).sort("episode_id", "day")
    first = attended.group_by("episode_id", maintain_order=True).first()
    assert (first["day"] == 0).all()
    assert first.height == registry.tables["episodes"].height
    assert (first["stage"] == 1).mean() > 0.95


def test_care_ends_no_earlier_than_the_last_attended_session(registry: SyntheticRegistry) -> None:
    last = _attended(registry).group_by("episode_id").agg(last=pl.col("day").max())
    episodes = registry.tables["episodes"].join(last, on="episode_id")
    assert (episodes["end_day"] >= episodes["last"]).all()


def test_nothing_happens_after_death(registry: SyntheticRegistry) -> None:
    died = registry.tables["events"].filter(kind="death").select("episode_id", death="day")
    assert died.height > 20
    for name in ("sessions", "events", "followups", "measurements"):
        dated = registry.tables[name].join(died, on="episode_id")
        assert (dated["day"] <= dated["death"]).all()


def test_whoever_has_a_second_episode_outlived_the_first(registry: SyntheticRegistry) -> None:
    events, episodes = registry.tables["events"], registry.tables["episodes"]
    died = episodes.join(events.filter(kind="death"), on="episode_id")
    later = died.join(episodes, on="patient_id", suffix="_other").filter(
        pl.col("start_month_other") > pl.col("start_month")
    )
    assert later.is_empty()


def test_about_one_patient_in_twelve_has_two_episodes(registry: SyntheticRegistry) -> None:
    counts = registry.tables["episodes"]["patient_id"].value_counts()["count"]
    assert counts.max() == 2
    assert 0.06 < (counts == 2).mean() < 0.1


def test_sessions_end_with_a_reinjury_and_no_event_falls_on_the_day_of_a_session(
    registry: SyntheticRegistry,
) -> None:
    attended = _attended(registry).select("episode_id", "day")
    ending = registry.tables["events"].filter(pl.col("kind").is_in(["reinjury", "surgery"]))
    both = attended.join(ending.select("episode_id", event="day"), on="episode_id")
    assert (both["day"] < both["event"]).all()


def test_nothing_is_known_of_a_person_after_the_loss(registry: SyntheticRegistry) -> None:
    lost = registry.contacts.filter("is_lost").select("episode_id", lost="day")
    assert lost.height > 1000
    reached = registry.tables["followups"].filter(outcome="reached")
    for seen in (_attended(registry), reached, registry.tables["events"]):
        dated = seen.join(lost, on="episode_id")
        assert (dated["day"] <= dated["lost"]).all()


def test_whoever_is_not_lost_is_known_at_day_365(registry: SyntheticRegistry) -> None:
    events = registry.tables["events"]
    lost = registry.contacts.filter("is_lost")
    dead = events.filter(kind="death")
    closing = registry.tables["followups"].filter(outcome="reached", day=365)
    others = (
        registry.tables["episodes"]
        .join(lost, on="episode_id", how="anti")
        .join(dead, on="episode_id", how="anti")
    )
    assert others.join(closing, on="episode_id", how="anti").is_empty()


def test_clinics_differ_in_size_and_in_how_often_they_move_on_early(
    registry: SyntheticRegistry,
) -> None:
    episodes = registry.tables["episodes"]
    sizes = episodes["clinic_id"].value_counts()["count"]
    assert sizes.max() > 1.8 * sizes.min()
    by_clinic = (
        registry.decisions.join(episodes, on="episode_id")
        .group_by("clinic_id")
        .agg(pl.col("is_violation").mean())["is_violation"]
    )
    assert by_clinic.max() > 1.5 * by_clinic.min()


def _attended(registry: SyntheticRegistry) -> pl.DataFrame:
    return registry.tables["sessions"].filter(status="attended")


def _keeps(column: str, target: str, table: Table, registry: SyntheticRegistry) -> bool:
    records, known = registry.tables[table.name], registry.tables[target]
    return records.join(known, on=column, how="anti").is_empty()


def _is_allowed(column: pl.Series, field: Field) -> bool:
    if field.required and column.null_count():
        return False
    values = column.drop_nulls()
    if field.kind == "list":
        values = values.explode()
    return _is_in_range(values, field) and _is_well_written(values, field)


def _is_in_range(values: pl.Series, field: Field) -> bool:
    if field.minimum is not None and (values.cast(pl.Float64) < field.minimum).any():
        return False
    return field.maximum is None or not (values.cast(pl.Float64) > field.maximum).any()


def _is_well_written(values: pl.Series, field: Field) -> bool:
    if field.enum and not values.is_in(list(field.enum)).all():
        return False
    return not field.pattern or bool(values.str.contains(f"^(?:{field.pattern})$").all())
