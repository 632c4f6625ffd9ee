"""The mean after some weeks as if nobody had left, and if those who left fared worse than that.

Values around five occasions are taken as jointly normal, whatever their means and covariances, and
fitted by maximum likelihood to all that was seen: that is right when who leaves depends on what was
seen before (missing at random). Then those who had left are given what is expected of them plus a
delta, for deltas from better to worse (Carpenter and Kenward 2013, chapter 10; Little and Rubin
2002, section 11.2 for the EM algorithm).
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Final

import numpy as np
import polars as pl

from analysis.contracts.protocol import Domain
from analysis.survival.arrays import BoolArray, FloatArray, IntArray
from analysis.trajectories.doubts import Doubt, impossible
from analysis.trajectories.least_squares import SMALLEST_PATIENTS
from analysis.trajectories.reml import NotEstimableError

MIXTURE: Final = "pattern_mixture"
DELTA: Final = "delta"
WEEKS_APART: Final = 3
OCCASIONS: Final = 5
SUMMARY_WEEK: Final = WEEKS_APART * (OCCASIONS - 1)
MEAN: Final = f"mean_week_{SUMMARY_WEEK}"
CHANGE: Final = f"change_week_{SUMMARY_WEEK}"
# Deltas in important changes against the good direction.
STEPS: Final = (-2.0, -1.5, -1.0, -0.5, 0.0, 0.5, 1.0, 1.5, 2.0)
GROUPS: Final = 50
ITERATIONS: Final = 500
TOLERANCE: Final = 1e-7
# Share of the variance added to its diagonal, so that equal columns have an inverse.
RIDGE: Final = 1e-9


@dataclass(frozen=True)
class Occasions:
    """Values around the occasions (episodes, occasions), nan where unseen.

    is_gone : left care before the last occasion, and unseen at it. patients : code from 0.
    """

    values: FloatArray
    is_gone: BoolArray
    patients: IntArray


@dataclass(frozen=True)
class Estimate:
    """Means of the observed, and under missing at random, with the share who left.

    `value` and the replicates (groups, 4) hold: mean of those seen at the last occasion, mean of
    all there, mean change of all, share who left. patients : all of them. seen : those seen at the
    last occasion. fewer : those who left, or all others where these are fewer.
    """

    value: FloatArray
    replicates: FloatArray
    patients: int
    seen: int
    fewer: int

    @property
    def covariance(self) -> FloatArray:
        """Return the jackknife covariance of deleted groups (Kott 2001)."""
        groups = len(self.replicates)
        away = self.replicates - self.value
        return np.asarray(away.T @ away * (groups - 1) / groups, dtype=np.float64)


def mixture_doubts(
    points: pl.DataFrame, care_endings: pl.DataFrame, domain: Domain, level: float
) -> list[Doubt]:
    """Return the mean of the observed, the mean and change of all, the deltas, the tipping points.

    `points` are the days of the main line of one domain with `patient_key`.
    """
    try:
        estimate = fit_occasions(occasions(points, care_endings))
    except NotEstimableError as fault:
        return [impossible(method, CHANGE, str(fault)) for method in (MIXTURE, DELTA)]
    judge = _Judge(estimate, domain, level)
    return [*judge.mixture(), *judge.deltas(), judge.not_important(), judge.not_clear()]


def occasions(points: pl.DataFrame, care_endings: pl.DataFrame) -> Occasions:
    """Return the value of the day nearest to each occasion, for every episode seen at one."""
    last_day = 7 * SUMMARY_WEEK
    half = 7 * WEEKS_APART // 2
    near = points.filter(pl.col("day") <= last_day + half)
    day = near["day"].to_numpy().astype(np.int64)
    place = (day + half) // (7 * WEEKS_APART)
    keys, episode = np.unique(near["episode_key"].to_numpy(), return_inverse=True)
    distance = np.abs(day - 7 * WEEKS_APART * place)
    # The nearest of a cell is written last.
    order = np.argsort(-distance, kind="stable")
    values = np.full((len(keys), OCCASIONS), np.nan)
    values[episode[order], place[order]] = near["value"].to_numpy()[order]
    people = pl.DataFrame({"episode_key": keys}).join(
        care_endings.select("episode_key", "patient_key", "last_session_day", "has_ended"),
        on="episode_key",
        how="left",
        maintain_order="left",
    )
    has_left = people["has_ended"] & (people["last_session_day"] < last_day - half)
    _, patients = np.unique(people["patient_key"].to_numpy(), return_inverse=True)
    is_gone = has_left.to_numpy() & np.isnan(values[:, -1])
    return Occasions(values, is_gone, patients.astype(np.int64))


def fit_occasions(seen: Occasions) -> Estimate:
    """Return the estimate and those that leave out one of up to 50 groups of patients each.

    Raises `NotEstimableError` where too few were seen both at the start and at the end.
    """
    is_seen = ~np.isnan(seen.values)
    both = is_seen[:, 0] & is_seen[:, -1]
    if np.unique(seen.patients[both]).size < SMALLEST_PATIENTS:
        raise NotEstimableError(
            f"hardly anybody was measured both at the start and around week {SUMMARY_WEEK}"
        )
    values = seen.values[:, np.count_nonzero(is_seen, axis=0) >= SMALLEST_PATIENTS]
    center, spread = float(np.nanmean(values)), float(np.nanstd(values))
    if spread == 0:
        raise NotEstimableError("all values are the same")
    patients = int(seen.patients.max()) + 1
    group = seen.patients % min(GROUPS, patients)
    sums = _pattern_sums((values - center) / spread, group)
    whole = _maximise(sums.total(), None)
    deleted = _maximise(sums.without_each(), whole)
    counts = _counts(seen, group)

    def told(normal: _Normal, counted: FloatArray) -> FloatArray:
        last, first = spread * normal.means[:, -1], spread * normal.means[:, 0]
        episodes, gone, seen_last, sum_last = counted
        return np.column_stack([sum_last / seen_last, center + last, last - first, gone / episodes])

    def people(part: BoolArray) -> int:
        return int(np.unique(seen.patients[part]).size)

    total = counts.sum(axis=1, keepdims=True)
    return Estimate(
        told(whole, total)[0],
        told(deleted, total - counts),
        patients,
        people(is_seen[:, -1]),
        min(people(seen.is_gone), people(~seen.is_gone)),
    )


def _counts(seen: Occasions, group: IntArray) -> FloatArray:
    """Return episodes, those gone, those seen at the last occasion and their sum (4, groups)."""
    last = seen.values[:, -1]
    is_seen = ~np.isnan(last)
    columns = (np.ones(len(last)), seen.is_gone, is_seen, np.where(is_seen, last, 0.0))
    return np.array([np.bincount(group, column) for column in columns])


@dataclass(frozen=True)
class _Normal:
    """Means (replicates, occasions) and covariances of jointly normal occasions."""

    means: FloatArray
    covariances: FloatArray


@dataclass(frozen=True)
class _Sums:
    """Numbers, sums and products of the episodes of each replicate and pattern of seen occasions.

    masks : (patterns, occasions), 1 where seen. numbers : (replicates, patterns).
    first : (replicates, patterns, occasions). second : the same, occasions again; 0 where unseen.
    """

    masks: FloatArray
    numbers: FloatArray
    first: FloatArray
    second: FloatArray

    def total(self) -> "_Sums":
        return self._with(lambda sums: sums.sum(axis=0, keepdims=True))

    def without_each(self) -> "_Sums":
        return self._with(lambda sums: sums.sum(axis=0, keepdims=True) - sums)

    def _with(self, change: Callable[[FloatArray], FloatArray]) -> "_Sums":
        return _Sums(self.masks, change(self.numbers), change(self.first), change(self.second))


def _pattern_sums(values: FloatArray, group: IntArray) -> _Sums:
    is_seen = ~np.isnan(values)
    codes = is_seen @ (1 << np.arange(values.shape[1]))
    patterns, first_place, pattern = np.unique(codes, return_index=True, return_inverse=True)
    shape = (int(group.max()) + 1, len(patterns))
    cell = group * len(patterns) + pattern
    known = np.where(is_seen, values, 0.0)

    def sums(column: FloatArray) -> FloatArray:
        counts = np.bincount(cell, column, minlength=shape[0] * shape[1])
        return counts.astype(np.float64).reshape(shape)

    places = range(values.shape[1])
    products = [[sums(known[:, one] * known[:, other]) for other in places] for one in places]
    return _Sums(
        is_seen[first_place].astype(np.float64),
        sums(np.ones(len(values))),
        np.stack([sums(known[:, place]) for place in places], axis=-1),
        np.moveaxis(np.array(products), (0, 1), (2, 3)),
    )


def _maximise(sums: _Sums, start: _Normal | None) -> _Normal:
    """Return the maximum likelihood under missing at random, by the EM algorithm."""
    normal = _start(sums) if start is None else start
    for _ in range(ITERATIONS):
        found = _next(sums, normal)
        moved = max(
            float(np.max(np.abs(found.means - normal.means))),
            float(np.max(np.abs(found.covariances - normal.covariances))),
        )
        normal = found
        if moved < TOLERANCE:
            return normal
    raise NotEstimableError("the course of those who left cannot be told from what was seen")


def _start(sums: _Sums) -> _Normal:
    seen = np.einsum("rp,pk->rk", sums.numbers, sums.masks)
    means = sums.first.sum(axis=1) / seen
    squares = np.einsum("rpkk->rk", sums.second) / seen
    variances = np.maximum(squares - means**2, RIDGE)
    return _Normal(means, variances[:, :, None] * np.eye(means.shape[1]))


def _next(sums: _Sums, normal: _Normal) -> _Normal:
    """Return means and covariances of the episodes with what is unseen expected from the rest."""
    width = normal.means.shape[1]
    both = sums.masks[:, :, None] * sums.masks[:, None, :]
    unseen = np.eye(width) * (1 - sums.masks)[:, None, :]
    covariance = normal.covariances[:, None]
    seen_inverse = np.linalg.inv(covariance * both + unseen) * both
    # What is seen stands for itself, what is unseen for its regression on what is seen.
    filling = covariance @ seen_inverse
    mean = normal.means[:, None]
    constant = mean - np.einsum("rpij,rpj->rpi", filling, mean + 0 * sums.first)
    moved = np.einsum("rpij,rpj->rpi", filling, sums.first)
    total = sums.numbers.sum(axis=1)
    means = (moved + sums.numbers[:, :, None] * constant).sum(axis=1) / total[:, None]
    crossed = moved[..., :, None] * constant[..., None, :]
    spread = covariance - filling @ covariance + constant[..., :, None] * constant[..., None, :]
    second = filling @ sums.second @ np.swapaxes(filling, -1, -2)
    second += crossed + np.swapaxes(crossed, -1, -2) + sums.numbers[..., None, None] * spread
    products = second.sum(axis=1) / total[:, None, None]
    covariances = products - means[:, :, None] * means[:, None, :] + RIDGE * np.eye(width)
    return _Normal(means, covariances)


@dataclass(frozen=True)
class _Judge:
    """What an estimate makes of deltas, in the domain's unit."""

    estimate: Estimate
    domain: Domain
    level: float

    def mixture(self) -> Iterator[Doubt]:
        unit, found = self.domain.unit, self.estimate
        names = (
            (f"{MEAN}_observed", unit, found.seen),
            (MEAN, unit, found.patients),
            (CHANGE, unit, found.patients),
            (f"share_left_week_{SUMMARY_WEEK}", None, found.fewer),
        )
        for weights, (measure, own_unit, patients) in zip(np.eye(4), names, strict=True):
            yield self._doubt(MIXTURE, measure, weights, patients=patients, unit=own_unit)

    def deltas(self) -> Iterator[Doubt]:
        """Yield mean and change for each delta; what a delta does tells how many had left."""
        for step in STEPS:
            # Adding nothing gives 0, not -0.
            delta = 0.0 + step * self.domain.important_change * self._worse
            for measure, start in ((MEAN, (0.0, 1.0, 0.0)), (CHANGE, (0.0, 0.0, 1.0))):
                weights = np.array([*start, delta])
                patients = self.estimate.fewer if delta else self.estimate.patients
                yield self._doubt(
                    DELTA,
                    measure,
                    weights,
                    patients=patients,
                    parameter=delta,
                    unit=self.domain.unit,
                )

    def not_important(self) -> Doubt:
        """Return the delta from which the mean change of all is not important any more."""
        measure = "tipping_not_important"
        change, left = self.estimate.value[2], self.estimate.value[3]
        gain = -self._worse * change
        if gain < self.domain.important_change:
            return impossible(DELTA, measure, "the mean change is not an important one anyway")
        return self._tipping(
            measure, (gain - self.domain.important_change) / left if left else None
        )

    def not_clear(self) -> Doubt:
        """Return the delta from which the interval of the mean change covers none."""
        measure = "tipping_not_clear"
        change, left = self.estimate.value[2], self.estimate.value[3]
        covariance = self.estimate.covariance[2:, 2:]
        square = self._reach**2
        if -self._worse * change <= self._reach * np.sqrt(covariance[0, 0]):
            return impossible(DELTA, measure, "the mean change is no clear improvement anyway")
        # (change + delta left)^2 = reach^2 var(change + delta left), a quadratic in delta.
        roots = np.roots(
            [
                left**2 - square * covariance[1, 1],
                2 * (change * left - square * covariance[0, 1]),
                change**2 - square * covariance[0, 0],
            ]
        )
        worse = [self._worse * float(root.real) for root in roots if abs(root.imag) < 1e-12]
        return self._tipping(measure, min((root for root in worse if root > 0), default=None))

    @property
    def _worse(self) -> float:
        return 1.0 if self.domain.better == "lower" else -1.0

    @property
    def _reach(self) -> float:
        from scipy.special import stdtrit

        return float(stdtrit(len(self.estimate.replicates) - 1, (1 + self.level) / 2))

    def _tipping(self, measure: str, size: float | None) -> Doubt:
        if size is None:
            return impossible(DELTA, measure, "too few left for any delta to matter")
        return Doubt(
            DELTA,
            measure,
            value=self._worse * float(size),
            unit=self.domain.unit,
            patients=self.estimate.fewer,
        )

    def _doubt(
        self,
        method: str,
        measure: str,
        weights: FloatArray,
        *,
        patients: int,
        parameter: float | None = None,
        unit: str | None,
    ) -> Doubt:
        value = float(weights @ self.estimate.value)
        error = float(np.sqrt(max(float(weights @ self.estimate.covariance @ weights), 0.0)))
        reach = self._reach * error
        return Doubt(
            method,
            measure,
            value=value,
            low=value - reach,
            high=value + reach,
            unit=unit,
            patients=patients,
            parameter=parameter,
        )
