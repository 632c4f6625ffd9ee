"""How long episodes stay in a stage until its exit is met, and where care ends before all are."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

import numpy as np
import polars as pl

from analysis.contracts.protocol import Protocol
from analysis.contracts.results import conform, empty
from analysis.survival.arrays import BoolArray, FloatArray, IntArray
from analysis.survival.counting import counting_rows
from analysis.survival.incidence import expected_events
from analysis.trajectories.clusters import UNIT, for_every_unit, network_first

LAST_WEEK: Final = 52
DAYS_PER_WEEK: Final = 7
# Patients with several episodes are looked at so many rows at a time, to keep memory small.
CHUNK_ROWS: Final = 4096


@dataclass(frozen=True)
class ExitCurve:
    """Kaplan-Meier share that has met a stage's exit, at the days of exits; arrays (days,).

    low, high : limits from log(-log) of the share still without it (Borgan and Liestol 1990); nan
    where everybody has met it.
    """

    days: FloatArray
    share: FloatArray
    low: FloatArray
    high: FloatArray

    def at(self, day: float) -> tuple[float, float, float]:
        """Return share and limits by the end of a day; zeros before the first exit."""
        place = int(np.searchsorted(self.days, day, side="right")) - 1
        if place < 0:
            return 0.0, 0.0, 0.0
        return float(self.share[place]), float(self.low[place]), float(self.high[place])

    def median(self) -> tuple[float, float, float]:
        """Return the first day by which half have met it, with limits; nan where not reached.

        The limits are the days on which those of the share reach a half (Brookmeyer and Crowley
        1982).
        """
        high = np.where(np.isnan(self.high) & (self.share >= 1), 1.0, self.high)
        return self._reached(self.share), self._reached(high), self._reached(self.low)

    def _reached(self, share: FloatArray) -> float:
        # A share of exactly a half may be stored a last bit below it.
        places = np.flatnonzero(share >= 0.5 - 1e-12)
        return float(self.days[places[0]]) if places.size else float("nan")


def exit_curve(
    days: IntArray, exited: BoolArray, patients: IntArray, level: float, last_day: int
) -> ExitCurve:
    """Return the share that has met the exit over time; drop-outs are censored.

    `days` (episodes,) is the time from first working the stage to its exit, or to the last session
    in care. Errors are Greenwood's, with the episodes of a patient as one cluster.
    """
    events = np.unique(days[exited & (days <= last_day)]).astype(np.float64)
    cells, place, counts = np.unique(2 * days + exited, return_inverse=True, return_counts=True)
    is_event = cells % 2 == 1
    rows = counting_rows(-np.inf, cells // 2, is_event, weights=counts)
    curve, influences = expected_events(rows, is_event, events)
    derivatives = influences / counts[:, None]
    variance = counts @ derivatives**2 + _shared(derivatives, place, patients)
    low, high = _limits(curve.values, np.sqrt(np.maximum(variance, 0.0)), level)
    return ExitCurve(events, curve.values, low, high)


def stage_times(spells: pl.DataFrame, protocol: Protocol) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Return results.stage_times and results.stage_exits of the network and every clinic.

    `spells` holds the rows of marts.stage_spells. The curve goes by weeks to a year, and no
    further than the protocol's smallest number of episodes is still at risk: a tail of a few
    people says nothing (Pocock, Clayton and Altman 2002). The share that never exits is what is
    left there. It assumes that those who left care would have gone on as those who stayed.
    """
    if spells.is_empty():
        return empty("stage_times"), empty("stage_exits")
    timed = for_every_unit(
        spells.sort("episode_key").select(
            "patient_key",
            "clinic_id",
            "stage",
            days=pl.coalesce("exit_day", "last_session_day") - pl.col("first_worked_day"),
            exited=pl.col("exit_day").is_not_null(),
        )
    )
    by = [*UNIT, "stage"]
    times: list[dict[str, object]] = []
    exits: list[dict[str, object]] = []
    for key, rows in timed.group_by(by, maintain_order=True):
        group = dict(zip(by, key, strict=True))
        spell = _Spells.of(rows, protocol)
        times.extend({**group, **week} for week in spell.weeks(protocol))
        exits.append({**group, **spell.exits(protocol)})
    return (
        conform("stage_times", network_first(pl.DataFrame(times), "stage", "week")),
        conform("stage_exits", network_first(pl.DataFrame(exits), "stage")),
    )


def stage_endings(care_endings: pl.DataFrame) -> pl.DataFrame:
    """Return results.stage_endings: care that ended with a stage due, by its recorded reason.

    `care_endings` holds the rows of marts.care_endings. Care that goes on has not ended.
    """
    ended = care_endings.filter(pl.col("has_ended") & pl.col("stage_due").is_not_null())
    counted = (
        for_every_unit(ended)
        .group_by(*UNIT, "reason", stage=pl.col("stage_due"))
        .agg(episodes=pl.len(), patients=pl.col("patient_key").n_unique())
    )
    return conform("stage_endings", network_first(counted, "stage", "reason"))


@dataclass(frozen=True)
class _Spells:
    """The spells of a unit in a stage: days until the exit or the end of care (episodes,).

    at_risk : how many spells last as long as each week of the year (weeks,).
    """

    days: IntArray
    exited: BoolArray
    patients: IntArray
    at_risk: IntArray
    curve: ExitCurve

    @classmethod
    def of(cls, rows: pl.DataFrame, protocol: Protocol) -> "_Spells":
        days = rows["days"].to_numpy().astype(np.int64)
        exited = rows["exited"].to_numpy()
        patients = rows["patient_key"].to_numpy().astype(np.int64)
        level = protocol.bootstrap.interval_level
        last_day = LAST_WEEK * DAYS_PER_WEEK
        weeks = DAYS_PER_WEEK * np.arange(LAST_WEEK + 1)
        at_risk = days.size - np.searchsorted(np.sort(days), weeks)
        curve = exit_curve(days, exited, patients, level, last_day)
        return cls(days, exited, patients, at_risk, curve)

    def weeks(self, protocol: Protocol) -> Iterator[dict[str, object]]:
        for week in range(self._last_week(protocol) + 1):
            at_risk = int(self.at_risk[week])
            share, low, high = self.curve.at(week * DAYS_PER_WEEK)
            if share == 0:
                # Exact binomial limit where no exit was seen.
                high = 1 - ((1 - protocol.bootstrap.interval_level) / 2) ** (1 / max(at_risk, 1))
            yield {
                "week": week,
                "at_risk": at_risk,
                "share_exited": share,
                "low": _known(low),
                "high": _known(high),
            }

    def exits(self, protocol: Protocol) -> dict[str, object]:
        median, low, high = (_known(day / DAYS_PER_WEEK) for day in self.curve.median())
        share, _, _ = self.curve.at(self._last_week(protocol) * DAYS_PER_WEEK)
        exited = int(np.count_nonzero(self.exited))
        return {
            "episodes": self.days.size,
            "patients": int(np.unique(self.patients).size),
            "exited": exited,
            "not_exited": self.days.size - exited,
            "median_weeks": median,
            "median_low": low,
            "median_high": high,
            "never_exit_share": 1 - share,
        }

    def _last_week(self, protocol: Protocol) -> int:
        enough = protocol.disclosure.smallest_count
        return max(int(np.count_nonzero(self.at_risk >= enough)) - 1, 0)


def _shared(derivatives: FloatArray, cell: IntArray, patients: IntArray) -> FloatArray:
    """Return what patients with several episodes add to the sum of squares (days,).

    `derivatives` (cells, days) are those of the share with respect to an episode of a cell, which
    is its days and its ending.
    """
    order = np.argsort(patients, kind="stable")
    _, starts, counts = np.unique(patients[order], return_index=True, return_counts=True)
    added = np.zeros(derivatives.shape[1])
    for size in np.unique(counts[counts > 1]):
        first = starts[counts == size]
        for chunk in np.array_split(first, 1 + first.size * int(size) // CHUNK_ROWS):
            own = derivatives[cell[order[chunk[:, None] + np.arange(size)]]]
            added += np.sum(np.sum(own, axis=1) ** 2 - np.sum(own**2, axis=1), axis=0)
    return added


def _limits(share: FloatArray, errors: FloatArray, level: float) -> tuple[FloatArray, FloatArray]:
    from scipy.special import ndtri

    left = 1.0 - share
    is_inside = (left > 0) & (left < 1)
    inside = np.where(is_inside, left, 0.5)
    reach = float(ndtri((1 + level) / 2)) * errors / np.abs(inside * np.log(inside))
    low = np.where(is_inside, 1.0 - inside ** np.exp(-reach), np.nan)
    high = np.where(is_inside, 1.0 - inside ** np.exp(reach), np.nan)
    return low, high


def _known(number: float) -> float | None:
    return float(number) if np.isfinite(number) else None
