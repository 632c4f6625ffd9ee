"""One simulated registry from its seed to what the study finds in it."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from analysis.calibration.findings import Finding, study_finding
from analysis.contracts.errors import UsageError
from analysis.contracts.protocol import STAGES, Protocol
from analysis.simulation.registry import simulate_registry
from analysis.simulation.scenarios import FOLLOW_UP_DAYS, HORIZON_DAYS
from analysis.simulation.shaping import Knobs, Shape, shaped_scenario
from analysis.study.tables import StudyTables
from pipelines.warehouse.build import registry_in_memory
from pipelines.warehouse.connection import read_frame

if TYPE_CHECKING:
    import polars as pl

# New people in whom a registry's truth is simulated: its Monte Carlo error is a small part of the
# estimate's own (0.05 points of risk where care as usual differs from strict in every second).
TRUTH_PEOPLE: Final = 20_000
PLANTED_ORDER: Final = tuple((stage,) for stage in STAGES)
PLANTED_COMPETING: Final = frozenset({"surgery", "death"})
PLANTED_EVIDENCE: Final = frozenset({"measured", "attested"})


@dataclass(frozen=True)
class RegistryOrder:
    """Which registry to simulate: a scenario shaped by knobs, so many episodes, one seed."""

    scenario: str
    shape: Shape
    knobs: Knobs
    episodes: int
    seed: int


def registry_finding(order: RegistryOrder, protocol: Protocol) -> Finding:
    """Simulate the registry, build its marts, and return what the whole study finds, unsealed."""
    simulated = simulate_registry(
        episodes=order.episodes,
        clinics=len(order.shape.clinic_shares),
        seed=order.seed,
        scenario=shaped_scenario(order.scenario, order.shape, order.knobs),
        truth_people=TRUTH_PEOPLE,
    )
    tables = study_tables(simulated.tables, protocol, threads=1)
    return study_finding(tables, protocol, planted_difference(simulated.truth, protocol))


def study_tables(
    records: Mapping[str, "pl.DataFrame"], protocol: Protocol, *, threads: int | None = None
) -> StudyTables:
    """Return the marts that the study reads, built in memory from contracted tables."""
    connection = registry_in_memory(records, protocol, threads=threads)
    try:
        return StudyTables.read(lambda mart: read_frame(connection, mart))
    finally:
        connection.close()


def planted_difference(truth: Mapping[str, Any], protocol: Protocol) -> float:
    """Return the planted risk difference by the protocol's horizon."""
    horizon = protocol.study.horizon_days
    if horizon == HORIZON_DAYS:
        return float(truth["risk_difference"])
    (curve,) = (point for point in truth["risk_curves"] if point["day"] == horizon)
    return float(curve["strict"]) - float(curve["natural"])


def require_planted_truth(protocol: Protocol) -> None:
    """Raise `UsageError` unless the simulator knows the truth of the primary contrast."""
    order = protocol.orders[protocol.study.primary_order]
    outcome = protocol.outcome
    unknown = {
        "[study] primary_order": order != PLANTED_ORDER,
        "[study] horizon_days": protocol.study.horizon_days not in FOLLOW_UP_DAYS,
        "[outcome] event": outcome.event != "reinjury",
        "[outcome] competing": frozenset(outcome.competing) != PLANTED_COMPETING,
        "[exits] counted_evidence": frozenset(protocol.exits.counted_evidence) != PLANTED_EVIDENCE,
    }
    named = [entry for entry, is_unknown in unknown.items() if is_unknown]
    if named:
        raise UsageError(
            f"The simulator knows no truth for this protocol's {', '.join(named)}: it plants "
            "re-injury, with surgery and death competing, under the order 1<2<3<4<5 by measured or "
            f"attested exits, known on the days {', '.join(map(str, FOLLOW_UP_DAYS))}."
        )
