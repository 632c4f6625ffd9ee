"""Everything that a line hides, from records to the release gate, however little there is."""

import polars as pl
import pytest

from analysis.contracts.protocol import load_protocol
from analysis.contracts.results import RESULT_TABLES
from analysis.disclosure import release_tables
from analysis.simulation.registry import simulate_registry
from analysis.trajectories import TrajectoryResult, TrajectoryTables, analyse_trajectories
from pipelines.warehouse.build import registry_in_memory
from pipelines.warehouse.connection import read_frame
from tests.drawing import Tables, registry_of

PROTOCOL = load_protocol()
METHODS = {"pattern_mixture", "delta", "attendance", "tobit", "regression_to_the_mean"}


def analysed(tables: Tables) -> TrajectoryResult:
    with registry_in_memory(tables, PROTOCOL) as registry:
        marts = TrajectoryTables.read(lambda mart: read_frame(registry, mart))
    return analyse_trajectories(marts, PROTOCOL)


def simulated(episodes: int) -> Tables:
    return simulate_registry(
        episodes=episodes, clinics=3, seed=9, scenario="null", truth_people=500
    ).tables


@pytest.fixture(scope="module")
def of_many() -> TrajectoryResult:
    return analysed(simulated(600))


def test_every_domain_has_every_check(of_many: TrajectoryResult) -> None:
    rows = of_many.trajectory_sensitivity
    for domain in PROTOCOL.domains:
        assert set(rows.filter(domain=domain)["method"]) == METHODS
    assert (
        rows.filter(pl.col("status") == "impossible")["value"].null_count()
        == rows.filter(pl.col("status") == "impossible").height
    )
    assert rows.filter(pl.col("status") == "estimated")["value"].null_count() == 0


def test_limits_hold_what_they_are_the_limits_of(of_many: TrajectoryResult) -> None:
    rows = of_many.trajectory_sensitivity.drop_nulls(["low", "high"])
    assert rows.filter(~pl.col("value").is_between("low", "high")).is_empty()
    assert rows.height > 100


def test_the_same_records_give_the_same_rows(of_many: TrajectoryResult) -> None:
    again = analysed(simulated(600))
    for table in ("trajectory_sensitivity", "dropout_patterns", "responders", "stage_times"):
        assert getattr(again, table).equals(getattr(of_many, table)), table


def test_one_domain_without_values_leaves_the_others_alone(of_many: TrajectoryResult) -> None:
    tables = simulated(600)
    without = {
        **tables,
        "sessions": tables["sessions"].with_columns(
            strength_pct=pl.lit(None, dtype=pl.Float64), endurance_pct=pl.lit(100.0)
        ),
        "measurements": tables["measurements"].clear(),
    }
    result = analysed(without)

    rows = result.trajectory_sensitivity
    strength = rows.filter(domain="strength")
    assert set(strength["status"]) == {"impossible"}
    assert strength.filter(method="tobit")["reason"].to_list() == ["nobody was measured"]
    endurance = rows.filter(domain="endurance", method="tobit")
    assert endurance["reason"].to_list() == ["all values are the same"]
    pain = rows.filter(domain="pain", method="attendance", measure="slope_stage_1")
    assert pain["status"].to_list() == ["estimated"]
    missing = result.missingness.filter(domain="strength")
    assert missing["measured"].sum() == 0


@pytest.mark.parametrize(
    "drawn",
    [
        {},
        {"e1": "1"},
        {"e1": "1, 1[1], 2"},
        {f"e{number}": "1, 1" for number in range(30)},
        {f"e{number}": "1" for number in range(12)},
    ],
)
def test_little_is_said_in_words_and_passes_the_gate(drawn: dict[str, str]) -> None:
    tables = registry_of(drawn or {"e1": "1"})
    if not drawn:
        tables = {name: rows.clear() for name, rows in tables.items()}
    sessions = tables["sessions"].with_columns(pain_nrs=pl.lit(0.0), flexibility_pct=pl.lit(100.0))
    result = analysed({**tables, "sessions": sessions})
    assert_released(result)
    statuses = set(result.trajectory_sensitivity["status"])
    assert statuses <= {"impossible", "estimated"}


def assert_released(result: TrajectoryResult) -> None:
    frames = {name: rows for name, rows in vars(result).items() if isinstance(rows, pl.DataFrame)}
    for name, rows in frames.items():
        assert rows.columns == list(RESULT_TABLES[name])
    assert release_tables(frames, PROTOCOL.disclosure).keys() == frames.keys()


def test_all_of_it_passes_the_gate(of_many: TrajectoryResult) -> None:
    assert_released(of_many)
