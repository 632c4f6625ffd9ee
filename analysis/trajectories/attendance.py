"""Stage slopes weighted for who goes on attending (Robins, Rotnitzky and Zhao 1995).

Whoever feels better, or worse, stops coming, and the mean of those still measured drifts away from
the mean of all. Each value is weighted by the inverse probability that the person was still coming,
given the last value seen at every earlier session, the stage and the number of visits.
"""

from dataclasses import dataclass, replace
from typing import Final

import numpy as np
import polars as pl

from analysis.contracts.protocol import STAGES, Domain, Protocol
from analysis.emulation.design import Category, Quantity, design_matrix
from analysis.emulation.logistic import fit_logistic, probabilities
from analysis.survival.arrays import BoolArray, FloatArray, IntArray
from analysis.trajectories.doubts import Doubt, impossible, slope_doubts
from analysis.trajectories.least_squares import SMALLEST_PATIENTS, fit_least_squares, stage_rows
from analysis.trajectories.reml import NotEstimableError

METHOD: Final = "attendance"
ALL_STAGES: Final = (1 << len(STAGES)) - 1
LONGEST_DAYS: Final = 10_000


@dataclass(frozen=True)
class CareSessions:
    """Sessions of episodes in care, in order; all arrays (sessions,).

    Care goes on until the session that completes the last stage, or that begins a gap longer than
    the protocol's. moment : number that rises with episode and day. is_first : of its episode.
    can_leave : whether stages are left to complete after it. comes_again : in time.
    """

    moment: IntArray
    is_first: BoolArray
    stage: IntArray
    number: IntArray
    can_leave: BoolArray
    comes_again: BoolArray


def care_sessions(study_sessions: pl.DataFrame, protocol: Protocol) -> CareSessions:
    """Return the sessions in care of marts.study_sessions, without those after its end."""
    ordered = study_sessions.sort("episode_key", "session_number")
    episodes = ordered["episode_key"].to_numpy().astype(np.int64)
    days = ordered["day"].to_numpy().astype(np.int64)
    gap = ordered["next_day"].fill_null(LONGEST_DAYS).to_numpy() - days
    comes_again = gap <= protocol.care.longest_gap_days
    can_leave = ordered["completed_set"].to_numpy() != ALL_STAGES
    is_first = np.append([True], episodes[1:] != episodes[:-1])[: len(episodes)]
    ends = ~(comes_again & can_leave)
    kept = _sum_before(ends.astype(np.float64), is_first) == 0
    return CareSessions(
        moment=(episodes * LONGEST_DAYS + days)[kept],
        is_first=is_first[kept],
        stage=ordered["stage"].to_numpy().astype(np.int64)[kept],
        number=ordered["session_number"].to_numpy().astype(np.int64)[kept],
        can_leave=can_leave[kept],
        comes_again=comes_again[kept],
    )


def attendance_doubts(
    points: pl.DataFrame, sessions: CareSessions, domain: Domain, protocol: Protocol
) -> list[Doubt]:
    """Return the slopes with and without weights, and the effective share of the values.

    `points` are the days of the main line of one domain with `patient_key`, in order; those after
    the end of care are left out of both.
    """
    moments = _moments(points)
    session = np.searchsorted(sessions.moment, moments, side="right") - 1
    in_care = _same_episode(sessions.moment, session, moments)
    # After the last session in care nothing is known of who would have come.
    is_last = np.append(sessions.is_first[1:], [True])[: len(sessions.moment)]
    in_care[in_care] &= ~is_last[session[in_care]] | (
        sessions.moment[session[in_care]] == moments[in_care]
    )
    try:
        weights = attendance_weights(
            moments, points["value"].to_numpy(), sessions, protocol.weights.ridge_precision
        )
        kept = points.with_columns(
            weight=pl.Series(np.where(in_care, weights[np.maximum(session, 0)], 0.0))
        ).filter(pl.Series(in_care))
        rows = stage_rows(kept)
    except NotEstimableError as fault:
        return [impossible(METHOD, "slopes", str(fault))]
    own = kept.drop_nulls("weeks_stage_1")["weight"].to_numpy()
    own = np.minimum(own, np.quantile(own, protocol.weights.truncation_quantile))
    level = protocol.bootstrap.interval_level
    share = float(own.sum() ** 2 / (own.size * (own @ own)))
    return [
        *slope_doubts(fit_least_squares(rows, own), domain, METHOD, level),
        *slope_doubts(fit_least_squares(rows), domain, METHOD, level, suffix="_unweighted"),
        Doubt(METHOD, "effective_share", value=share, patients=rows.patients),
    ]


def attendance_weights(
    moments: IntArray, values: FloatArray, sessions: CareSessions, precision: float
) -> FloatArray:
    """Return the weight of a value seen at each session (sessions,).

    The product over the episode's earlier sessions of the share of all that came again after a
    session of that number over the episode's own probability. `moments` and `values` (days,) are
    of the domain. Raises `NotEstimableError` where hardly anybody, or everybody, leaves.
    """
    seen = _last_seen(moments, values, sessions)
    cells = pl.DataFrame(
        {
            # Whole points tell as much of who comes again as tenths do, in far fewer rows.
            "last_value": np.round(seen),
            "stage": sessions.stage,
            "number": sessions.number,
            "comes_again": sessions.comes_again,
            "can_leave": sessions.can_leave,
        }
    ).with_columns(pl.col("last_value").fill_nan(None))
    left = int(np.count_nonzero(sessions.can_leave & ~sessions.comes_again))
    if left < SMALLEST_PATIENTS:
        raise NotEstimableError("hardly anybody left care before the end")
    chances = _chances(cells.filter(pl.col("can_leave")), precision)
    joined = cells.join(
        chances,
        on=["last_value", "stage", "number"],
        how="left",
        nulls_equal=True,
        maintain_order="left",
    )
    ratio = joined.select(
        pl.when(pl.col("can_leave")).then(pl.col("expected") / pl.col("chance")).otherwise(1.0)
    ).to_series()
    return np.exp(_sum_before(np.log(ratio.to_numpy()), sessions.is_first))


def _chances(cells: pl.DataFrame, precision: float) -> pl.DataFrame:
    """Return the fitted and the overall chance of coming again, by value, stage and number."""
    by = ["last_value", "stage", "number"]
    counts = (
        cells.group_by(by)
        .agg(came=pl.col("comes_again").sum(), sessions=pl.len())
        .sort(by, nulls_last=True)
        .with_columns(visits=pl.col("number").cast(pl.Float64).log())
    )
    terms = (
        Quantity("last_value", degree=2),
        Category("stage"),
        Quantity("number"),
        Quantity("visits"),
    )
    design = design_matrix(counts.with_columns(pl.col("stage").cast(pl.String)), terms)
    both = replace(design, values=np.vstack([design.values, design.values]))
    stayed = counts["came"].to_numpy().astype(np.float64)
    left = counts["sessions"].to_numpy() - stayed
    fit = fit_logistic(
        both,
        np.repeat([True, False], len(stayed)),
        np.concatenate([stayed, left]),
        precision=precision,
    )
    if not fit.has_converged:
        raise NotEstimableError("the model of who comes again did not settle")
    came = pl.col("came").sum()
    # After a session from which nobody came again there is nobody to be weighted.
    overall = counts.group_by("number").agg(
        expected=pl.when(came > 0).then(came / pl.col("sessions").sum()).otherwise(1.0)
    )
    return (
        counts.with_columns(chance=pl.Series(probabilities(design, fit.coefficients)))
        .join(overall, on="number", how="left")
        .select(*by, "chance", "expected")
    )


def _moments(points: pl.DataFrame) -> IntArray:
    episodes = points["episode_key"].to_numpy().astype(np.int64)
    days = points["day"].to_numpy().astype(np.int64)
    return np.asarray(episodes * LONGEST_DAYS + days, dtype=np.int64)


def _last_seen(moments: IntArray, values: FloatArray, sessions: CareSessions) -> FloatArray:
    """Return the latest value of the episode by the day of each session, nan before the first."""
    place = np.searchsorted(moments, sessions.moment, side="right") - 1
    is_own = _same_episode(moments, place, sessions.moment)
    seen = np.full(sessions.moment.size, np.nan)
    seen[is_own] = values[place[is_own]]
    return seen


def _same_episode(moments: IntArray, place: IntArray, others: IntArray) -> BoolArray:
    """Say of each of the others whether the moment at its place exists and is of its episode."""
    exists = place >= 0
    exists[exists] = moments[place[exists]] // LONGEST_DAYS == others[exists] // LONGEST_DAYS
    return exists


def _sum_before(values: FloatArray, is_first: BoolArray) -> FloatArray:
    """Return the sum of the episode's earlier values (sessions,)."""
    before = np.cumsum(values) - values
    starts = np.flatnonzero(is_first)
    return np.asarray(before - before[starts][np.cumsum(is_first) - 1], dtype=np.float64)
