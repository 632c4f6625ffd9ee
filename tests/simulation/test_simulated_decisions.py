"""The study's own definitions find in the records the very decisions that were simulated."""

import polars as pl
from polars.testing import assert_frame_equal

from analysis.contracts.protocol import load_protocol
from analysis.simulation import simulate_registry
from pipelines.warehouse.build import registry_in_memory
from pipelines.warehouse.connection import read_frame

DECISION = (
    "episode_id",
    "session_number",
    "day",
    "stage_due",
    "visits_in_stage",
    "last_pain_nrs",
    "is_violation",
)
CONTACT = ("episode_id", "day", "contact_kind", "last_pain_nrs", "is_lost")


def test_marts_find_the_simulated_decisions_contacts_and_losses() -> None:
    registry = simulate_registry(
        episodes=2_000, clinics=4, seed=6, scenario="protective", truth_people=0
    )
    connection = registry_in_memory(registry.tables, load_protocol(None))
    names = read_frame(connection, "marts.episode_baseline").select("episode_key", "episode_id")
    decisions = read_frame(connection, "marts.decision_points").filter(order_name="seed")
    contacts = read_frame(connection, "marts.contacts").with_columns(
        is_lost=pl.col("is_last") & (pl.col("day") < 365)
    )
    found = decisions.join(names, on="episode_key").select(DECISION)
    _assert_same(found, registry.decisions.select(DECISION))
    # Being lost at day 365 hides nothing, so the record cannot tell it.
    simulated = registry.contacts.with_columns(is_lost=pl.col("is_lost") & (pl.col("day") < 365))
    found = contacts.join(names, on="episode_key").select(CONTACT)
    _assert_same(found, simulated.select(CONTACT))


def _assert_same(found: pl.DataFrame, simulated: pl.DataFrame) -> None:
    assert_frame_equal(
        found.sort("episode_id", "day"),
        simulated.sort("episode_id", "day"),
        check_dtypes=False,
    )
