"""The primary contrast by condition, region and chronicity, within clinics and without each.

A subgroup is analysed as if it were the study: baseline levels pooled, models fitted and intervals
made among its own people, so that choices need not work alike in all of them. Whether subgroups
differ is asked by Cochran's Q of their risk differences, its p adjusted for the kinds of subgroup
that were asked; the p of every subgroup's own difference is adjusted for the subgroups of its kind
(Benjamini and Hochberg 1995). A patient with episodes in two subgroups counts in both.

Clinics are anonymous to one another: nothing is told of a single one. Their own contrasts are
pooled by random effects, with an interval for the effect in a clinic not seen; averaged by size
they are the estimate within clinics. Leaving each clinic out fits every model again on the rows of
the whole design. Those rows are numbered by their estimate, which tells nothing of which clinic it
is, and all count the episodes of the whole study: how many are left would tell the clinic's size.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final

import numpy as np
import polars as pl
from scipy.special import ndtr

from analysis.emulation.arrays import BoolArray
from analysis.emulation.design import level_names, pooled_levels
from analysis.emulation.emulation import Emulation, NotEstimableError
from analysis.emulation.intervals import (
    DIFFERENCE,
    RATIO,
    Estimate,
    difference_estimate,
)
from analysis.emulation.multiplicity import benjamini_hochberg
from analysis.emulation.random_effects import (
    FEWEST_GROUPS,
    Heterogeneity,
    PooledGroups,
    heterogeneity,
    pool_groups,
)
from analysis.study.designs import (
    PrimaryDesign,
    emulation_of,
    emulation_without,
    has_enough_patients,
    part_of,
)
from analysis.study.population import CLINIC, PATIENT, SMALLEST_LEVEL_EPISODES
from analysis.study.rows import (
    CLONE_CENSOR_WEIGHT,
    COMPLETION,
    ESTIMATED,
    NATURAL,
    STRICT,
    EstimateRow,
    designed_rows,
)
from analysis.study.strategies import FEWEST_PATIENTS, Ground

CONDITION: Final = "condition"
REGION: Final = "region"
CHRONICITY: Final = "chronicity"
KINDS: Final = (CONDITION, REGION, CHRONICITY)
ACROSS_CLINICS: Final = "across_clinics"
LEAVE_ONE_OUT: Final = "leave_one_clinic_out"
RANDOM_EFFECTS: Final = "random_effects"
WITHIN_CLINICS: Final = "within_clinics"
COCHRAN_Q: Final = "cochran_q"
ADJUSTED_P: Final = "adjusted_p"
HETEROGENEITY_Q: Final = "heterogeneity_q"
HETEROGENEITY_P: Final = "heterogeneity_p"
HETEROGENEITY_ADJUSTED_P: Final = "heterogeneity_adjusted_p"
I_SQUARED: Final = "i_squared"
TAU: Final = "tau"
PREDICTED: Final = "risk_difference_prediction"
# What is left without one of fewer clinics would say too much about the others.
FEWEST_CLINICS_TO_LEAVE_ONE_OUT: Final = 4
# Of more clinics only the largest are left out, one at a time: each costs a fit of everything.
MOST_CLINICS_TO_LEAVE_ONE_OUT: Final = 24
LEFT_OUT_WORDS: Final = (
    "One clinic is left out. The clinics are numbered by this estimate, which tells nothing of "
    "which one it is; the episodes are those of the whole study."
)


@dataclass(frozen=True)
class SubgroupEstimate:
    """One subgroup of a kind: who is in it, and its emulation or why there is none."""

    name: str
    episodes: int
    emulation: Emulation | None
    reason: str

    @property
    def difference(self) -> Estimate | None:
        """Return the risk difference where it has an error to stand on."""
        if self.emulation is None:
            return None
        found = self.emulation.difference(STRICT, NATURAL)
        return found if found.standard_error > 0.0 else None


def subgroup_rows(ground: Ground) -> list[EstimateRow]:
    """Return the unsealed rows by condition, region and chronicity, and how far these differ."""
    found = {kind: subgroup_estimates(ground, subgroup_levels(ground, kind)) for kind in KINDS}
    tests = [_heterogeneity(estimates) for estimates in found.values()]
    adjusted = benjamini_hochberg([np.nan if test is None else test.p for test in tests])
    rows: list[EstimateRow] = []
    for (kind, estimates), p in zip(found.items(), adjusted, strict=True):
        analysis = f"by_{kind}"
        rows += _subgroups(analysis, kind, estimates, ground)
        rows += _differences(analysis, kind, estimates, ground)
        row = _blank(analysis, COCHRAN_Q, HETEROGENEITY_ADJUSTED_P, estimates, ground)
        value = None if np.isnan(p) else float(p)
        rows.append(_number(replace(row, subgroup_kind=kind), value))
    return rows


def clinic_rows(design: PrimaryDesign) -> list[EstimateRow]:
    """Return the unsealed rows across clinics, within clinics, and without each of them."""
    clinics = clinic_members(design.ground)
    return [*across_clinics_rows(design.ground, clinics), *leave_one_out_rows(design, clinics)]


def across_clinics_rows(ground: Ground, clinics: Mapping[str, BoolArray]) -> list[EstimateRow]:
    """Return the contrast pooled over clinics, and its average within them."""
    estimates = subgroup_estimates(ground, clinics, cluster=PATIENT)
    usable = [each for each in estimates if each.difference is not None]
    words = f"{len(usable)} of {len(estimates)} clinics have an estimate of their own."
    rows = [
        *_pooled_rows(usable, ground),
        *_differences(ACROSS_CLINICS, None, usable, ground),
        _within_clinics(usable, ground),
    ]
    return [replace(row, reason=f"{words} {row.reason}".strip()) for row in rows]


def leave_one_out_rows(
    design: PrimaryDesign, clinics: Mapping[str, BoolArray]
) -> list[EstimateRow]:
    """Return the difference and the ratio without each clinic that has patients enough."""
    ground = design.ground
    row = EstimateRow(
        LEAVE_ONE_OUT, COMPLETION, STRICT, NATURAL, CLONE_CENSOR_WEIGHT, DIFFERENCE,
        ground.population.horizon, episodes=ground.population.episodes, subgroup_kind=CLINIC,
    )  # fmt: skip
    large = [members for members in clinics.values() if has_enough_patients(ground, members)]
    if len(large) < FEWEST_CLINICS_TO_LEAVE_ONE_OUT:
        reason = (
            f"There are fewer than {FEWEST_CLINICS_TO_LEAVE_ONE_OUT} clinics with at least "
            f"{FEWEST_PATIENTS} patients."
        )
        return [row.holding(None, reason)]
    large.sort(key=lambda members: -int(members.sum()))
    found = [_without(design, members) for members in large[:MOST_CLINICS_TO_LEAVE_ONE_OUT]]
    contrasts = sorted(
        (each for each in found if isinstance(each, Emulation)),
        key=lambda each: each.difference(STRICT, NATURAL).value,
    )
    rows = []
    for number, emulation in enumerate(contrasts, start=1):
        own = replace(row, subgroup=f"without clinic {number}")
        rows.append(own.holding(emulation.difference(STRICT, NATURAL), LEFT_OUT_WORDS))
        ratio = emulation.ratio(STRICT, NATURAL)
        rows.append(replace(own, measure=RATIO).holding(ratio, LEFT_OUT_WORDS))
    reasons = sorted(each for each in found if isinstance(each, str))
    for number, reason in enumerate(reasons, start=len(contrasts) + 1):
        rows.append(replace(row, subgroup=f"without clinic {number}").holding(None, reason))
    return rows


def subgroup_levels(ground: Ground, kind: str) -> dict[str, BoolArray]:
    """Return who (people,) has each level of a kind of subgroup; rare levels are pooled."""
    column = ground.tables.baseline.sort("episode_id")[kind]
    return _members(pooled_levels(column, SMALLEST_LEVEL_EPISODES))


def clinic_members(ground: Ground) -> dict[str, BoolArray]:
    """Return who (people,) is of each clinic."""
    return _members(pooled_levels(ground.tables.baseline.sort("episode_id")["clinic_id"], 0))


def subgroup_estimates(
    ground: Ground, members: Mapping[str, BoolArray], *, cluster: str | None = None
) -> list[SubgroupEstimate]:
    """Return every subgroup's own estimate, made of its people alone.

    `cluster` says whose episodes depend on one another, when not the same as in the study.
    """
    return [_estimate(ground, name, kept, cluster) for name, kept in members.items()]


def _members(levels: pl.Series) -> dict[str, BoolArray]:
    return {name: (levels == name).to_numpy() for name in level_names(levels)}


def _estimate(ground: Ground, name: str, kept: BoolArray, cluster: str | None) -> SubgroupEstimate:
    episodes = int(kept.sum())
    if not has_enough_patients(ground, kept):
        reason = f"There are fewer than {FEWEST_PATIENTS} patients in this subgroup."
        return SubgroupEstimate(name, episodes, None, reason)
    try:
        part = part_of(ground, kept, cluster=cluster)
        return SubgroupEstimate(name, episodes, emulation_of(part), "")
    except NotEstimableError as refusal:
        return SubgroupEstimate(name, episodes, None, str(refusal))


def _without(design: PrimaryDesign, members: BoolArray) -> Emulation | str:
    try:
        return emulation_without(design, members)
    except NotEstimableError as refusal:
        return str(refusal)


def _subgroups(
    analysis: str, kind: str, estimates: Sequence[SubgroupEstimate], ground: Ground
) -> Iterator[EstimateRow]:
    """Yield every subgroup's risks and contrasts, and the adjusted p of its difference."""
    adjusted = benjamini_hochberg([_p(each.difference) for each in estimates])
    for each, p in zip(estimates, adjusted, strict=True):
        own = designed_rows(
            analysis, each.emulation, each.reason, each.episodes, ground.population.horizon
        )
        row = EstimateRow(
            analysis, COMPLETION, STRICT, NATURAL, CLONE_CENSOR_WEIGHT, ADJUSTED_P,
            ground.population.horizon, episodes=each.episodes, events=own[0].events,
        )  # fmt: skip
        own.append(_number(row, None if np.isnan(p) else float(p), each.reason))
        for row in own:
            yield replace(row, subgroup_kind=kind, subgroup=each.name)


def _p(found: Estimate | None) -> float:
    """Return the two-sided p of no difference, NaN where there is none to test."""
    if found is None:
        return float("nan")
    return float(2.0 * ndtr(-abs(found.value) / found.standard_error))


def _heterogeneity(estimates: Sequence[SubgroupEstimate]) -> Heterogeneity | None:
    usable = [each.difference for each in estimates if each.difference is not None]
    if len(usable) < 2:
        return None
    return heterogeneity([each.value for each in usable], [each.standard_error for each in usable])


def _pool(estimates: Sequence[SubgroupEstimate], level: float) -> PooledGroups | None:
    usable = [each.difference for each in estimates if each.difference is not None]
    if len(usable) < FEWEST_GROUPS:
        return None
    return pool_groups(
        [each.value for each in usable], [each.standard_error for each in usable], level=level
    )


def _differences(
    analysis: str, kind: str | None, estimates: Sequence[SubgroupEstimate], ground: Ground
) -> list[EstimateRow]:
    """Return how far the differences of the subgroups differ from one another."""
    test = _heterogeneity(estimates)
    pooled = _pool(estimates, ground.protocol.bootstrap.interval_level)
    numbers = (
        (COCHRAN_Q, HETEROGENEITY_Q, test.q if test else None),
        (COCHRAN_Q, HETEROGENEITY_P, test.p if test else None),
        (RANDOM_EFFECTS, I_SQUARED, pooled.i_squared if pooled else None),
        (RANDOM_EFFECTS, TAU, pooled.tau if pooled else None),
    )
    return [
        _number(
            replace(_blank(analysis, estimator, measure, estimates, ground), subgroup_kind=kind),
            value,
        )
        for estimator, measure, value in numbers
    ]


def _pooled_rows(estimates: Sequence[SubgroupEstimate], ground: Ground) -> list[EstimateRow]:
    """Return the mean of the clinics' contrasts, and what to expect of a clinic not seen."""
    level = ground.protocol.bootstrap.interval_level
    row = _blank(ACROSS_CLINICS, RANDOM_EFFECTS, DIFFERENCE, estimates, ground)
    predicted = replace(row, measure=PREDICTED)
    pooled = _pool(estimates, level)
    reason = f"There are fewer than {FEWEST_GROUPS} of them."
    if pooled is None:
        rows = (row, predicted, replace(row, measure=RATIO))
        return [each.holding(None, reason) for each in rows]
    mean = Estimate(DIFFERENCE, pooled.estimate, pooled.low, pooled.high, pooled.standard_error)
    farther = replace(
        mean,
        low=pooled.predicted_low,
        high=pooled.predicted_high,
        standard_error=float(np.hypot(pooled.standard_error, pooled.tau)),
    )
    ratio = _pooled_ratio(estimates, level)
    return [
        row.holding(mean),
        predicted.holding(farther),
        replace(row, measure=RATIO).holding(ratio, "" if ratio else reason),
    ]


def _pooled_ratio(estimates: Sequence[SubgroupEstimate], level: float) -> Estimate | None:
    ratios = [each.emulation.ratio(STRICT, NATURAL) for each in estimates if each.emulation]
    known = [each for each in ratios if each is not None and each.standard_error > 0.0]
    if len(known) < FEWEST_GROUPS:
        return None
    pooled = pool_groups(
        np.log([each.value for each in known]),
        [each.standard_error for each in known],
        level=level,
    )
    value, low, high = np.exp([pooled.estimate, pooled.low, pooled.high])
    return Estimate(RATIO, float(value), float(low), float(high), pooled.standard_error)


def _within_clinics(estimates: Sequence[SubgroupEstimate], ground: Ground) -> EstimateRow:
    """Return the clinics' own differences, averaged by how many episodes each has."""
    row = _blank(ACROSS_CLINICS, WITHIN_CLINICS, DIFFERENCE, estimates, ground)
    usable = [(each.difference, each.episodes) for each in estimates]
    known = [(found, episodes) for found, episodes in usable if found is not None]
    if len(known) < 2:
        return row.holding(None, "There are fewer than 2 of them.")
    shares = np.array([episodes for _, episodes in known], dtype=np.float64)
    shares /= shares.sum()
    value = float(shares @ [found.value for found, _ in known])
    error = float(np.linalg.norm(shares * [found.standard_error for found, _ in known]))
    level = ground.protocol.bootstrap.interval_level
    return row.holding(difference_estimate(value, error, level, ground.population.patients))


def _blank(
    analysis: str,
    estimator: str,
    measure: str,
    estimates: Sequence[SubgroupEstimate],
    ground: Ground,
) -> EstimateRow:
    """Return a row about all of these subgroups together."""
    known = [each for each in estimates if each.emulation is not None]
    events = [each.emulation[STRICT].events for each in known if each.emulation is not None]
    return EstimateRow(
        analysis, COMPLETION, STRICT, NATURAL, estimator, measure, ground.population.horizon,
        episodes=sum(each.episodes for each in known), events=sum(events),
    )  # fmt: skip


def _number(row: EstimateRow, value: float | None, reason: str = "") -> EstimateRow:
    """Return the row with a number that has no interval, or impossible without one."""
    if value is None:
        return row.holding(None, reason or "There are too few subgroups with an estimate.")
    return replace(row, value=value, status=ESTIMATED)
