"""What would happen without any treatment: noise falls back, and pain heals by itself.

People come when it hurts, so a first value is worse than the person usually is, and the next one
is better from that alone. How much follows from the reliability of the values (Davis 1976; Barnett,
van der Pols and Dobson 2005). How much worse than usual people were is not known, so it is assumed
over a range (Ostermann, Willich and Luedtke 2008). What differs between the first two values of a
person counts as noise, also where people heal at different speed: the expected is rather too much.
"""

from collections.abc import Iterator
from typing import Final

import numpy as np
import polars as pl

from analysis.contracts.natural_history import natural_history
from analysis.contracts.protocol import Domain
from analysis.survival.arrays import BoolArray, FloatArray, IntArray
from analysis.trajectories.clusters import clustered_means, with_mean_interval
from analysis.trajectories.doubts import Doubt, impossible
from analysis.trajectories.least_squares import SMALLEST_PATIENTS
from analysis.trajectories.reml import NotEstimableError

METHOD: Final = "regression_to_the_mean"
GROUPS: Final = 50
WORST_SHARE: Final = 1 / 3
# How much worse than usual people are when they come, in important changes.
STEPS: Final = (0.5, 1.0, 1.5, 2.0)
# The published cohorts by chronicity of the records: acute pain lasts less than 12 weeks.
COHORTS: Final = {"acute": ("acute", "subacute"), "persistent": ("chronic",)}
# A value counts for a published week when it is so near.
NEAR_WEEKS: Final = 2


def regression_doubts(
    points: pl.DataFrame, baseline: pl.DataFrame, name: str, domain: Domain, level: float
) -> list[Doubt]:
    """Return reliability, expected and observed changes to the second value, untreated courses.

    `points` are the days of the main line of one domain with `patient_key`; `baseline` holds
    chronicity (marts.episode_baseline).
    """
    try:
        doubts = [*_by_reliability(points, domain, level)]
    except NotEstimableError as fault:
        doubts = [impossible(METHOD, "reliability", str(fault))]
    if name == natural_history().domain and domain.highest is not None:
        doubts += [*_untreated(domain), *_observed(points, baseline, domain, level)]
    return doubts


def _by_reliability(points: pl.DataFrame, domain: Domain, level: float) -> Iterator[Doubt]:
    from scipy.special import stdtrit

    first, second, patients = _first_two(points)
    worse = 1.0 if domain.better == "lower" else -1.0
    groups = min(GROUPS, int(patients.max(initial=-1)) + 1)
    if groups < SMALLEST_PATIENTS:
        raise NotEstimableError("hardly anybody was measured on two days")
    if np.ptp(first) == 0 or np.ptp(second - first) == 0:
        raise NotEstimableError("all values, or all changes, are the same")
    is_worst = worse * first >= np.quantile(worse * first, 1 - WORST_SHARE)
    sums = _group_sums(first, second, is_worst, patients % groups)
    total = sums.sum(axis=1, keepdims=True)
    value = _statistics(total)[:, 0]
    replicates = _statistics(total - sums)
    squares = np.sum((replicates - value[:, None]) ** 2, axis=1)
    reach = float(stdtrit(groups - 1, (1 + level) / 2)) * np.sqrt(squares * (groups - 1) / groups)
    worst, others = (int(np.unique(patients[part]).size) for part in (is_worst, ~is_worst))
    about = {
        "expected_change_worst_third": worst,
        "observed_change_worst_third": worst,
        "observed_change_others": others,
    }
    for measure, parameter, place, scale, unit in _rows(domain, worse):
        middle, half = scale * float(value[place]), abs(scale) * float(reach[place])
        yield Doubt(
            METHOD,
            measure,
            value=middle,
            low=middle - half,
            high=middle + half,
            unit=unit,
            patients=about.get(measure, int(patients.max()) + 1),
            parameter=parameter,
        )


def _rows(domain: Domain, worse: float) -> list[tuple[str, float | None, int, float, str | None]]:
    """Return measure, parameter, place of the statistic, what it is multiplied by, and unit."""
    names = (
        ("reliability", None),
        ("within_person_sd", domain.unit),
        ("observed_change", domain.unit),
        ("expected_change_worst_third", domain.unit),
        ("observed_change_worst_third", domain.unit),
        ("observed_change_others", domain.unit),
    )
    plain = [(measure, None, place, 1.0, unit) for place, (measure, unit) in enumerate(names)]
    distances = [step * domain.important_change for step in STEPS]
    # The last statistic is one less the reliability, the share of a distance that is fallen back.
    assumed = [
        ("expected_change", distance, len(names), -worse * distance, domain.unit)
        for distance in distances
    ]
    return [*plain, *assumed]


def _first_two(points: pl.DataFrame) -> tuple[FloatArray, FloatArray, IntArray]:
    """Return the first two values (episodes,) and the code of the patient."""
    two = points.group_by("episode_key", maintain_order=True).agg(
        pl.col("patient_key").first(),
        first=pl.col("value").first(),
        second=pl.col("value").get(1, null_on_oob=True),
    )
    known = two.drop_nulls("second")
    _, patients = np.unique(known["patient_key"].to_numpy(), return_inverse=True)
    return known["first"].to_numpy(), known["second"].to_numpy(), patients.astype(np.int64)


def _group_sums(
    first: FloatArray, second: FloatArray, is_worst: BoolArray, group: IntArray
) -> FloatArray:
    """Return sums by group of patients (8, groups), of values about their mean."""
    own, change = first - float(first.mean()), second - first
    columns = [np.ones(len(own)), own, own**2, change, change**2]
    columns += [is_worst.astype(np.float64), is_worst * own, is_worst * change]
    return np.array([np.bincount(group, column) for column in columns])


def _statistics(sums: FloatArray) -> FloatArray:
    """Return the statistics of `_rows` in their order, (7, columns of the sums)."""
    count, own, squares, change, change_squares, worst, worst_own, worst_change = sums
    total = (squares - own**2 / count) / (count - 1)
    within = (change_squares - change**2 / count) / (count - 1) / 2
    # What is left of a distance is at least none and at most all of it.
    noise = np.clip(within / total, 0.0, 1.0)
    distance = worst_own / worst - own / count
    return np.array(
        [
            1 - noise,
            np.sqrt(within),
            change / count,
            -noise * distance,
            worst_change / worst,
            (change - worst_change) / np.maximum(count - worst, 1),
            noise,
        ]
    )


def _untreated(domain: Domain) -> Iterator[Doubt]:
    """Yield the published means on the domain's scale."""
    history, scale = natural_history(), domain.highest or 0.0
    for point in history.means:
        yield Doubt(
            METHOD,
            f"untreated_{point.cohort}",
            value=scale * point.mean,
            low=scale * point.low,
            high=scale * point.high,
            unit=domain.unit,
            patients=history.participants,
            parameter=float(point.week),
        )


def _observed(
    points: pl.DataFrame, baseline: pl.DataFrame, domain: Domain, level: float
) -> Iterator[Doubt]:
    """Yield the means of those still measured around the published weeks, by chronicity."""
    weeks = sorted({point.week for point in natural_history().means})
    cohort = pl.lit(None, dtype=pl.String)
    for name, levels in COHORTS.items():
        cohort = pl.when(pl.col("chronicity").is_in(levels)).then(pl.lit(name)).otherwise(cohort)
    week = pl.lit(None, dtype=pl.Int32)
    for place in weeks:
        is_near = (pl.col("day") - 7 * place).abs() <= (7 * NEAR_WEEKS if place else 0)
        week = pl.when(is_near).then(place).otherwise(week)
    near = (
        points.with_columns(week=week)
        .drop_nulls("week")
        .join(baseline.select("episode_key", cohort=cohort), on="episode_key")
        .drop_nulls("cohort")
        .group_by("episode_key", "patient_key", "cohort", "week", maintain_order=True)
        .agg(pl.col("value").mean())
    )
    means = with_mean_interval(clustered_means(near, ["cohort", "week"], ["value"]), "value", level)
    for row in means.iter_rows(named=True):
        yield Doubt(
            METHOD,
            f"observed_{row['cohort']}",
            value=row["value_mean"],
            low=row["value_low"],
            high=row["value_high"],
            unit=domain.unit,
            patients=row["patients"],
            parameter=float(row["week"]),
        )
