"""What the weights look like over follow-up, and where hardly anybody stays with the order."""

from typing import Final

import numpy as np
import polars as pl

from analysis.contracts.protocol import Protocol
from analysis.contracts.results import CLINIC, NETWORK, conform, empty
from analysis.emulation.arrays import BoolArray, FloatArray
from analysis.emulation.cohort import HazardRows
from analysis.emulation.design import UNKNOWN_LEVEL
from analysis.emulation.emulation import Emulation, StrategyRisk
from analysis.emulation.positivity import in_bands, positivity_map
from analysis.emulation.weights import effective_sample_size, weights_on
from analysis.study.population import Population
from analysis.study.rows import PRIMARY
from analysis.study.tables import StudyTables

WEIGHT_DAYS: Final = (0, 30, 90, 180, 365)
FAR_QUANTILE: Final = 0.99
# Moderate pain begins at 4 and severe pain at 7 of 10 (Serlin et al. 1995, about).
PAIN_EDGES: Final = (4.0, 7.0)


def weight_rows(emulation: Emulation | None, protocol: Protocol) -> pl.DataFrame:
    """Return `results.weights`: the weights of those still followed, by strategy and day.

    The far quantile is left out where fewer people lie beyond it than a released figure needs.
    """
    if emulation is None:
        return empty("weights")
    horizon = emulation.cohort.horizon
    days = sorted({min(day, horizon) for day in (*WEIGHT_DAYS, horizon)})
    smallest = protocol.disclosure.smallest_count
    rows = [_on_day(each, day, smallest) for each in emulation.strategies for day in days]
    return conform("weights", pl.DataFrame(rows, infer_schema_length=None))


def positivity_rows(
    tables: StudyTables,
    population: Population,
    decisions: HazardRows,
    staying: FloatArray,
    protocol: Protocol,
) -> pl.DataFrame:
    """Return `results.positivity` of the primary order: by unit, stage due and band of pain.

    `staying` (decisions,) is the predicted probability of staying at each of `decisions`. A kind
    of decision that never occurred in a unit has a row without shares.
    """
    if decisions.happened.size == 0:
        return empty("positivity")
    points = _decided(tables, population, decisions, protocol)
    floor = protocol.gates.overlap_smallest_probability
    left, leaving = decisions.happened, 1.0 - staying
    network = _map(points, left, leaving, floor).with_columns(
        pl.lit(NETWORK).alias("unit_kind"), pl.lit(NETWORK).alias("unit_name")
    )
    parts = [network]
    for name in points["clinic"].unique().sort().to_list():
        own = (points["clinic"] == name).to_numpy()
        part = _map(points.filter(pl.Series(own)), left[own], leaving[own], floor)
        kinds = network.select("stage", "pain")
        part = kinds.join(part, on=["stage", "pain"], how="left", maintain_order="left")
        part = part.with_columns(pl.col("decisions", "people").fill_null(0))
        parts.append(
            part.with_columns(pl.lit(CLINIC).alias("unit_kind"), pl.lit(name).alias("unit_name"))
        )
    rows = pl.concat(parts, how="diagonal").rename({"people": "patients"})
    return conform("positivity", rows.drop("smallest_staying"))


def _on_day(strategy: StrategyRisk, day: int, smallest: int) -> dict[str, object]:
    path = strategy.path
    days = np.full(len(path.last_day), day, dtype=np.int64)
    weights = weights_on(strategy.weights, path, days)[path.last_day >= day]
    people = len(weights)
    has_tail = people * (1.0 - FAR_QUANTILE) >= smallest
    return {
        "analysis": PRIMARY,
        "strategy": strategy.name,
        "day": day,
        "at_risk": people,
        "mean": float(np.mean(weights)) if people else None,
        "standard_deviation": float(np.std(weights)) if people else None,
        "quantile_99": float(np.quantile(weights, FAR_QUANTILE)) if has_tail else None,
        "effective_share": effective_sample_size(weights) / people if people else None,
    }


def _decided(
    tables: StudyTables, population: Population, decisions: HazardRows, protocol: Protocol
) -> pl.DataFrame:
    """Return clinic, stage due, band of pain and patient of every decision, in its order."""
    points = tables.decision_points.filter(pl.col("order_name") == protocol.study.primary_order)
    points = points.with_columns(person=population.person_of(points["episode_key"]))
    points = points.filter(pl.col("person") >= 0).sort("person", "day", "session_number")
    # Decisions are the first of each episode's: those while it was at risk.
    first = np.searchsorted(points["person"].to_numpy(), decisions.person)
    runs = np.searchsorted(decisions.person, decisions.person)
    points = points[first + np.arange(len(decisions.person)) - runs]
    clinics = tables.baseline.sort("episode_id")["clinic_id"].cast(pl.String)
    pain = points.select(pl.coalesce("pain_nrs", "last_pain_nrs").cast(pl.Float64)).to_series()
    return pl.DataFrame(
        {
            "clinic": clinics.fill_null(UNKNOWN_LEVEL)[decisions.person],
            "stage": points["stage_due"].cast(pl.String),
            "pain": in_bands(pain, PAIN_EDGES),
            "patient": population.unit[decisions.person],
        }
    )


def _map(points: pl.DataFrame, left: BoolArray, leaving: FloatArray, floor: float) -> pl.DataFrame:
    return positivity_map(
        points, ("stage", "pain"), person="patient", left=left, leaving=leaving, floor=floor
    )
