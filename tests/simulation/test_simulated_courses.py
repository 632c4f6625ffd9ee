"""The values of a domain bend by the planted slopes as people move through the stages."""

from itertools import pairwise

import numpy as np
import polars as pl
import pytest

from analysis.contracts.protocol import load_protocol
from analysis.simulation import SyntheticRegistry
from analysis.trajectories.models import Subject, fit_domain
from analysis.trajectories.products import line_products, lines_of
from tests.simulation.worlds import simulated

COLUMNS = {
    "pain": "pain_nrs",
    "flexibility": "flexibility_pct",
    "strength": "strength_pct",
    "endurance": "endurance_pct",
    "alignment": "alignment_deg",
}
TOLERANCE = {"pain": 0.03, "alignment": 0.05}
WEEKS = [f"weeks_stage_{stage}" for stage in range(1, 6)]


@pytest.mark.parametrize("domain", COLUMNS)
def test_a_mixed_model_with_a_slope_for_each_stage_recovers_the_planted_slopes(domain: str) -> None:
    registry = simulated("null")
    points = _points(registry, COLUMNS[domain]).with_columns(domain=pl.lit(domain))
    owners = points.select("episode_key", "patient_key", "clinic_id").unique()
    lines = lines_of(line_products(points), owners)
    planted = list(registry.truth["domains"][domain]["slope_per_week"].values())
    found = fit_domain(lines, Subject(domain)).fit.coefficients[1:]
    assert np.abs(found - planted).max() < TOLERANCE.get(domain, 0.12)


def test_the_units_are_those_of_the_protocol() -> None:
    domains = load_protocol(None).domains
    planted = simulated("null").truth["domains"]
    assert {name: planted[name]["unit"] for name in domains} == {
        name: domain.unit for name, domain in domains.items()
    }


def test_clinics_with_instruments_write_measurements_instead() -> None:
    tables = simulated("null").tables
    owners = tables["episodes"].select("episode_id", "clinic_id")
    by_hand = tables["sessions"].filter(pl.col("strength_pct").is_not_null())
    by_instrument = tables["measurements"].filter(instrument="dynamometer_pct")
    clinics = [
        set(rows.join(owners, on="episode_id")["clinic_id"]) for rows in (by_hand, by_instrument)
    ]
    assert all(clinics)
    assert all(left.isdisjoint(right) for left, right in pairwise(clinics))


def _points(registry: SyntheticRegistry, column: str) -> pl.DataFrame:
    """Return the values with the weeks spent in each stage before, half of the episodes."""
    sessions = registry.tables["sessions"].filter(status="attended").sort("episode_id", "day")
    weeks = (pl.col("day") - pl.col("day").shift(1)).over("episode_id") / 7
    former = pl.col("stage").shift(1).over("episode_id")
    spent = [
        pl.when(former == stage).then(weeks).otherwise(0.0).cum_sum().over("episode_id").alias(name)
        for stage, name in enumerate(WEEKS, start=1)
    ]
    keys = (
        registry.tables["episodes"]
        .select("episode_id", "patient_id", "clinic_id")
        .with_columns(
            episode_key=pl.col("episode_id").rank("dense").cast(pl.Int64),
            patient_key=pl.col("patient_id").rank("dense").cast(pl.Int64),
        )
    )
    return (
        sessions.with_columns(*spent, value=pl.col(column).cast(pl.Float64))
        .filter(pl.col("value").is_not_null())
        .join(keys, on="episode_id")
    )
