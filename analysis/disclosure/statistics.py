"""How each kind of statistic is hidden or rounded, given what was decided about its counts."""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

from analysis.contracts.release import ABSENT, RELEASED, SEALED, SUPPRESSED
from analysis.disclosure.rounding import round_down, round_to_step, round_up, step_at_least
from analysis.disclosure.rules import Bound, Statistic
from analysis.disclosure.sheet import Limits, Sheet
from analysis.disclosure.standardised import Standardised

# Finer than these is finer than any interval of such a study.
FINEST_SHARE: Final = 0.001
FINEST_RATIO: Final = 0.01
CENTER_STEP: Final = 0.005
SLOPE_STEP: Final = 0.01
MEAN_STEP: Final = 0.1
PERCENT_MEAN_STEP: Final = 0.5
FINEST_DAYS: Final = 0.1
# What one person moves by about one of all episodes: risks, counts a person, and their spread.
ABSOLUTE_MEASURES: Final = (
    "risk",
    "risk_difference",
    "risk_difference_prediction",
    "mean_count",
    "mean_count_difference",
    "tau",
)
# What one person moves by the days of the horizon, shared among all episodes.
DAY_MEASURES: Final = (
    "restricted_mean_days",
    "restricted_mean_days_difference",
    "recovered_days",
    "recovered_days_difference",
)
# Numbers about other estimates, not about people.
P_MEASURES: Final = (
    "adjusted_p",
    "heterogeneity_p",
    "heterogeneity_adjusted_p",
    "p_value",
    "joint_median_p",
    "joint_share_p",
)
# Measures of results.sensitivity that count patients, and are released as counts are.
COUNTED_PEOPLE: Final = ("lost",)
# Tables whose interval is of a share of all episodes, and the count that the share is of.
COUNTED_SHARES: Final = {"responders": "improved", "deteriorations": "deteriorated"}
# Tables of curves: the curve's own column, and what names one curve.
CURVES: Final = {
    "risk_curves": ("risk", ("analysis", "strategy")),
    "stage_times": ("share_exited", ("unit_kind", "unit_name", "stage")),
}
# value = scale * numerator / denominator, for a share, per hundred and per thousand
RATIO_SCALES: Final = (1.0, 100.0, 1000.0)
_ROUND: Final[dict[Bound, Callable[[float, float], float]]] = {
    "none": round_to_step,
    "low": round_down,
    "high": round_up,
}


@dataclass(frozen=True)
class Cohort:
    """The number of episodes of the whole study; None where unknown or too small to be shown."""

    episodes: int | None
    is_small: bool = False


def release_statistic(
    sheet: Sheet, statistic: Statistic, cohort: Cohort, limits: Limits
) -> tuple[list[Any], list[str]]:
    """Return the released values of one statistic and what kind each of them is."""
    desk = _Desk(sheet, statistic, cohort, limits, _starting_counts(sheet))
    values: list[Any] = []
    statuses: list[str] = []
    for row in range(sheet.height):
        status = desk.status(row)
        values.append(desk.rounded(row, desk.number(row)) if status == RELEASED else None)
        statuses.append(status)
    return values, statuses


def _starting_counts(sheet: Sheet) -> dict[tuple[Any, ...], int]:
    """Return how many each curve of the table starts with."""
    if sheet.name not in CURVES:
        return {}
    starts: dict[tuple[Any, ...], int] = {}
    for row, at_risk in enumerate(sheet.columns["at_risk"]):
        curve = _curve_name(sheet, row)
        starts[curve] = max(starts.get(curve, 0), at_risk or 0)
    return starts


def _curve_name(sheet: Sheet, row: int) -> tuple[Any, ...]:
    return tuple(sheet.columns[name][row] for name in CURVES[sheet.name][1])


@dataclass(frozen=True)
class _Desk:
    sheet: Sheet
    statistic: Statistic
    cohort: Cohort
    limits: Limits
    starts: dict[tuple[Any, ...], int]

    def status(self, row: int) -> str:
        value = self.value(row)
        if self.sheet.name == "estimates" and self.sheet.columns["status"][row] == "sealed":
            return SEALED
        if value is None or not math.isfinite(value):
            return ABSENT
        if self._counts_people(row) and self.limits.hides(round(value)):
            return SUPPRESSED
        return RELEASED if self._rests_on_enough(row) else SUPPRESSED

    def _counts_people(self, row: int) -> bool:
        """Say whether a value of the sensitivity analyses is a number of patients."""
        return self.sheet.name == "sensitivity" and (
            self.sheet.columns["measure"][row] in COUNTED_PEOPLE
        )

    def value(self, row: int) -> float | None:
        value: float | None = self.sheet.columns[self.statistic.name][row]
        return value

    def _rests_on_enough(self, row: int) -> bool:
        if self.sheet.rule.cohort:
            return self.cohort.episodes is not None
        kinds = [self.sheet.status[name][row] for name in self.statistic.rests_on]
        if SUPPRESSED in kinds or RELEASED not in kinds:
            return False
        if self.statistic.precision != "curve":
            return True
        return not self.limits.hides(round(abs(self._curve_value(row)) * self._start(row)))

    def _curve_value(self, row: int) -> float:
        """Return the curve itself, so that its band is hidden with it."""
        share: float | None = self.sheet.columns[CURVES[self.sheet.name][0]][row]
        return 0.0 if share is None else share

    def _start(self, row: int) -> int:
        return self.starts[_curve_name(self.sheet, row)]

    def number(self, row: int) -> float:
        return float(self.sheet.columns[self.statistic.name][row])

    def rounded(self, row: int, value: float) -> float:
        if self._counts_people(row):
            return float(self.limits.rounded(value))
        if self.statistic.precision == "standardised":
            return self._standardised(row).released(self.statistic.name, value)
        recomputed = self._from_rounded_counts(row, value)
        if recomputed is not None:
            return recomputed
        kept = _ROUND[self._bound(row)](value, self._step(row))
        return self._around_share(row, kept)

    def _standardised(self, row: int) -> Standardised:
        columns = self.sheet.columns
        observed = columns["observed"][row] or 0
        return Standardised(
            observed=observed,
            rounded=self._shown("observed", row),
            episodes=self._shown("episodes", row),
            expected=columns["expected"][row],
            reliability=columns["reliability"][row] or 0.0,
        )

    def _bound(self, row: int) -> Bound:
        """Return to which side the number is rounded: a p upwards, for none of them is 0."""
        return "high" if self._is_p(row) else self.statistic.bound

    def _is_p(self, row: int) -> bool:
        has_measures = self.sheet.name in {"estimates", "sensitivity"}
        return has_measures and self.sheet.columns["measure"][row] in P_MEASURES

    def _from_rounded_counts(self, row: int, value: float) -> float | None:
        if self.statistic.ratio_of is None:
            return None
        numerator, denominator = (self.sheet.columns[name][row] for name in self.statistic.ratio_of)
        if not denominator or numerator is None:
            return None
        scale = _ratio_scale(value, numerator / denominator)
        if scale is None:
            return None
        share = self._shown(self.statistic.ratio_of[0], row) / self._shown(
            self.statistic.ratio_of[1], row
        )
        return round_to_step(scale * min(share, 1.0) if value <= scale else scale * share, 0.001)

    def _around_share(self, row: int, bound: float) -> float:
        """Widen a share's interval, where rounding moved the share out of it."""
        counted = COUNTED_SHARES.get(self.sheet.name)
        if self.statistic.bound == "none" or counted is None:
            return bound
        part, episodes = (self._shown(name, row) for name in (counted, "episodes"))
        share = round_to_step(min(part / episodes, 1.0), 0.001)
        return min(bound, share) if self.statistic.bound == "low" else max(bound, share)

    def _shown(self, name: str, row: int) -> float:
        """Return a count as it is released: it may have been kept from an earlier release."""
        shown = self.sheet.shown[name][row]
        return self.limits.rounded(self.sheet.columns[name][row]) if shown is None else shown

    def _step(self, row: int) -> float:
        if self._is_p(row):
            return FINEST_SHARE
        steps: dict[str, Callable[[int], float]] = {
            "share": lambda row: self._share_step(self._count(self._base, row)),
            "curve": lambda row: self._share_step(self._start(row)),
            "effect": self._effect_step,
            "mean": self._mean_step,
            "score": lambda _: self._share_step(self.cohort.episodes),
            "slope": lambda _: SLOPE_STEP,
            "check": self._check_step,
            "quality": self._quality_step,
            "center": self._center_step,
            "limit": self._limit_step,
            # A period's change in what is told of all periods so far, expected less observed, is
            # rounded at both of its ends, so it does not tell the period's count within two.
            "cases": lambda _: float(self.limits.rounding_base),
        }
        return steps[self.statistic.precision](row)

    def _share_step(self, denominator: float | None) -> float:
        if not denominator:
            return 0.1
        return max(FINEST_SHARE, step_at_least(self.limits.rounding_base / denominator))

    @property
    def _base(self) -> str:
        """Return the count that a share is of: episodes, or the first that it rests on."""
        return "episodes" if "episodes" in self.sheet.columns else self.statistic.rests_on[0]

    def _count(self, name: str, row: int) -> float | None:
        count: float | None = self.sheet.columns[name][row]
        return count

    def _effect_step(self, row: int) -> float:
        measure, episodes = self.sheet.columns["measure"][row], self._count("episodes", row)
        if measure in ABSOLUTE_MEASURES:
            return self._share_step(episodes)
        if measure in DAY_MEASURES:
            days = self._count("horizon_days", row) or 1.0
            apart = days * self.limits.rounding_base / episodes if episodes else days
            return max(FINEST_DAYS, step_at_least(apart))
        support = self._count("events", row) or self._count("episodes", row)
        return min(0.1, max(FINEST_RATIO, self._share_step(support)))

    def _mean_step(self, row: int) -> float:
        # A mean without a unit is of weeks.
        units = self.sheet.columns.get("unit")
        unit = (units[row] if units else None) or ""
        return PERCENT_MEAN_STEP if unit.startswith("%") else MEAN_STEP

    def _check_step(self, row: int) -> float:
        """Return the step of a slope, a share or a mean: from two means a share may follow."""
        unit = self.sheet.columns["unit"][row]
        if unit is None:
            return self._share_step(self._count("patients", row))
        return SLOPE_STEP if unit.endswith("per week") else self._mean_step(row)

    def _quality_step(self, row: int) -> float:
        columns, value = self.sheet.columns, abs(self.value(row) or 0.0)
        if columns["numerator"][row] is None:
            # A mean, or a wait: of weeks, or of episodes, which are a count.
            finest = {"episodes": float(self.limits.rounding_base), "weeks": 1.0}
            step = finest.get(columns["unit"][row], MEAN_STEP)
            return step_at_least(max(value / 50, step))
        if value <= 1:
            return self._share_step(self._count("denominator", row))
        return step_at_least(value / 50)

    def _size(self, row: int) -> float:
        """Return 1 for a chart of shares, or the power of ten above its centre."""
        scale = abs(self.sheet.columns["center"][row] or 0.0)
        return 1.0 if scale <= 1 else 10.0 ** math.ceil(math.log10(scale))

    def _center_step(self, row: int) -> float:
        """Return the same step for all points, because a centre is about the whole series."""
        return self._size(row) * CENTER_STEP

    def _limit_step(self, row: int) -> float:
        """Return a step so wide that a limit does not tell its denominator within two."""
        denominator = self._count("denominator", row)
        if not denominator:
            return self._center_step(row)
        if self.sheet.columns["unit"][row] is not None:
            # Half a step moves by as much as three people less, for reach goes with 1 / root.
            reach = abs(self.number(row) - (self.sheet.columns["center"][row] or 0.0))
            return max(self._center_step(row), step_at_least(max(3 * reach / denominator, 1e-9)))
        return self._size(row) * max(FINEST_SHARE, step_at_least(1 / denominator))


def _ratio_scale(value: float, ratio: float) -> float | None:
    for scale in RATIO_SCALES:
        if math.isclose(value, scale * ratio, rel_tol=1e-6, abs_tol=1e-12):
            return scale
    return None
