"""The cross-products of a line are the sums over its values, exactly, line by line."""

import polars as pl
import polars.testing
import pytest

from analysis.contracts.protocol import load_protocol
from analysis.simulation.registry import simulate_registry
from analysis.trajectories.products import PRODUCTS, line_products
from pipelines.warehouse.build import registry_in_memory
from pipelines.warehouse.connection import read_frame


@pytest.fixture(scope="module")
def marts() -> tuple[pl.DataFrame, pl.DataFrame]:
    registry = simulate_registry(
        episodes=60, clinics=4, seed=5, scenario="null", truth_people=1_000
    )
    connection = registry_in_memory(registry.tables, load_protocol())
    try:
        exposure = read_frame(connection, "marts.domain_exposure")
        return exposure, read_frame(connection, "marts.domain_products")
    finally:
        connection.close()


def test_products_equal_the_sums_over_the_values(marts: tuple[pl.DataFrame, pl.DataFrame]) -> None:
    exposure, products = marts
    keys = ["domain", "episode_key", "line_number"]
    assert products.select(keys).is_unique().all()
    assert products.height > 200
    expected = line_products(exposure).select(products.columns)
    pl.testing.assert_frame_equal(
        products, expected, check_dtypes=False, check_row_order=False, rel_tol=0, abs_tol=0
    )


def test_the_values_of_a_line_by_hand(marts: tuple[pl.DataFrame, pl.DataFrame]) -> None:
    exposure, products = marts
    line = products.filter(domain="pain").sort("episode_key", "line_number").row(0, named=True)
    own = exposure.filter(
        domain="pain", episode_key=line["episode_key"], line_number=line["line_number"]
    ).drop_nulls("weeks_stage_1")
    days, value = (own["weeks_stage_1"] * 7).round(), own["value"] * 1_000_000
    assert line["values_count"] == own.height
    assert line["sum_days_1"] == days.sum()
    assert line["sum_days_1_value"] == (days * value).sum()
    assert line["sum_value_value"] == (value * value).sum()
    assert line["most_days_1"] == days.max()
    assert set(PRODUCTS) <= set(products.columns)
