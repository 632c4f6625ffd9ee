"""How strong hidden confounding would have to be to explain an estimate away: E-values.

The E-value is the smallest strength of association, on the scale of risk ratios, that an
unmeasured confounder would need with both the strategy and the outcome, beyond the measured
covariates, to move an estimate to no effect (VanderWeele and Ding 2017). Measures other than the
risk ratio are first turned into an approximate one by the rules of that paper; a difference of
two risks is bounded as in Ding and VanderWeele (2016).
"""

import math
from dataclasses import dataclass
from typing import Final

from analysis.emulation.emulation import NotEstimableError
from analysis.emulation.intervals import normal_quantile

RISK_RATIO: Final = "risk_ratio"
ODDS_RATIO_RARE: Final = "odds_ratio_rare"
ODDS_RATIO_COMMON: Final = "odds_ratio_common"
HAZARD_RATIO_RARE: Final = "hazard_ratio_rare"
HAZARD_RATIO_COMMON: Final = "hazard_ratio_common"
MEASURES: Final = (
    RISK_RATIO,
    ODDS_RATIO_RARE,
    ODDS_RATIO_COMMON,
    HAZARD_RATIO_RARE,
    HAZARD_RATIO_COMMON,
)
# A standardised difference and the reach of its interval in errors, as log risk ratios.
LOG_RATIO_OF_DIFFERENCE: Final = 0.91
LOG_REACH_OF_DIFFERENCE: Final = 1.78


@dataclass(frozen=True)
class RatioInterval:
    """An estimate on the scale of risk ratios with its interval."""

    value: float
    low: float
    high: float


@dataclass(frozen=True)
class EValues:
    """The E-value of an estimate, and of the limit of its interval that is nearer to the null.

    `limit` is 1 where the interval covers the null: no confounding is needed to explain it.
    """

    estimate: float
    limit: float


@dataclass(frozen=True)
class TwoRisks:
    """Risks of two groups of different people, their errors, and the first group's share of all.

    The errors are standard errors; the risks and the share are taken to be independent.
    """

    risk: float
    risk_error: float
    reference: float
    reference_error: float
    share: float
    share_error: float


def e_value(ratio: float, null: float = 1.0) -> float:
    """Return the E-value of a risk ratio against the ratio `null`, 1 or more.

    Raises `NotEstimableError` for a ratio that is not above 0.
    """
    if not (ratio > 0.0 and null > 0.0):
        raise NotEstimableError("An E-value needs a ratio above 0.")
    distance = max(ratio / null, null / ratio)
    return distance + math.sqrt(distance * (distance - 1.0))


def e_values(interval: RatioInterval, null: float = 1.0) -> EValues:
    """Return the E-values of an estimate and of its limit nearer to the null."""
    if not interval.low <= interval.value <= interval.high:
        raise ValueError("The estimate must lie within its interval.")
    at_estimate = e_value(interval.value, null)
    if interval.low <= null <= interval.high:
        return EValues(at_estimate, 1.0)
    nearer = interval.low if interval.low > null else interval.high
    return EValues(at_estimate, e_value(nearer, null))


def as_risk_ratio(measure: str, value: float, low: float, high: float) -> RatioInterval:
    """Return an estimate of a measure of `MEASURES` and its interval as a risk ratio.

    Where the outcome is common (above some 15 % by the end) an odds ratio enters by its square
    root and a hazard ratio by (1 - 0.5^sqrt(HR)) / (1 - 0.5^sqrt(1/HR)); where it is rare both
    stand for the risk ratio.
    """
    return RatioInterval(*(_risk_ratio(measure, each) for each in (value, low, high)))


def standardised_difference_as_risk_ratio(difference: float, error: float) -> RatioInterval:
    """Return a difference in standard deviations, and its standard error, as a risk ratio."""
    center, reach = LOG_RATIO_OF_DIFFERENCE * difference, LOG_REACH_OF_DIFFERENCE * error
    return RatioInterval(math.exp(center), math.exp(center - reach), math.exp(center + reach))


def difference_as_risk_ratio(
    difference: float, low: float, high: float, reference: float
) -> RatioInterval:
    """Return a risk difference and its interval as ratios to a reference risk that is known.

    A limit below -`reference` counts as the ratio 0. The error of the reference risk is left out
    (VanderWeele and Ding 2017); with both risks' errors use `e_values_of_difference`.
    """
    if not 0.0 < reference < 1.0:
        raise NotEstimableError("A ratio of risks needs a reference risk between 0 and 1.")
    value, lower, upper = (max(1.0 + each / reference, 0.0) for each in (difference, low, high))
    return RatioInterval(value, lower, upper)


def risks_of_counts(events: int, people: int, other_events: int, other_people: int) -> TwoRisks:
    """Return the two risks of a table of events among people in either group, binomial errors."""
    if people < 1 or other_people < 1:
        raise NotEstimableError("A risk needs people in both groups.")
    everyone = people + other_people
    risk, other = events / people, other_events / other_people
    share = people / everyone
    return TwoRisks(
        risk,
        math.sqrt(risk * (1.0 - risk) / people),
        other,
        math.sqrt(other * (1.0 - other) / other_people),
        share,
        math.sqrt(share * (1.0 - share) / everyone),
    )


def e_values_of_difference(risks: TwoRisks, level: float = 0.95) -> EValues:
    """Return the E-values of a difference of two risks against none.

    Confounding of bias factor B can bring the difference no lower than
    (p1 - p0 B) (f + (1 - f) / B), f the share of the first group. The E-value is that of the B at
    which this, or its lower limit by the delta method, is 0 (Ding and VanderWeele 2016). A
    difference below 0 is turned round first.
    """
    if risks.risk < risks.reference:
        risks = _turned_round(risks)
    if not risks.risk > 0.0 or not 0.0 < risks.share < 1.0:
        raise NotEstimableError("An E-value needs events and people in both groups.")
    if not risks.reference > 0.0:
        raise NotEstimableError("No event in one of the groups: no confounding explains that away.")
    quantile = normal_quantile(level)
    furthest = risks.risk / risks.reference
    if _lower_limit(1.0, risks, quantile) <= 0.0:
        return EValues(e_value(furthest), 1.0)
    from scipy.optimize import brentq

    factor = brentq(_lower_limit, 1.0, furthest, args=(risks, quantile), xtol=1e-12, rtol=1e-14)
    return EValues(e_value(furthest), e_value(float(factor)))


def bias_factor(with_strategy: float, with_outcome: float) -> float:
    """Return the largest factor by which a confounder of these two risk ratios moves a ratio."""
    if min(with_strategy, with_outcome) < 1.0:
        raise ValueError("Strengths of a confounder are ratios of 1 or more.")
    return with_strategy * with_outcome / (with_strategy + with_outcome - 1.0)


def _risk_ratio(measure: str, value: float) -> float:
    if measure not in MEASURES:
        raise ValueError(f"{measure} is not one of {', '.join(MEASURES)}.")
    if not value > 0.0:
        raise NotEstimableError("An E-value needs a ratio above 0.")
    if measure == ODDS_RATIO_COMMON:
        return math.sqrt(value)
    if measure == HAZARD_RATIO_COMMON:
        root = math.sqrt(value)
        return float((1.0 - 0.5**root) / (1.0 - 0.5 ** (1.0 / root)))
    return value


def _turned_round(risks: TwoRisks) -> TwoRisks:
    return TwoRisks(
        risks.reference,
        risks.reference_error,
        risks.risk,
        risks.risk_error,
        1.0 - risks.share,
        risks.share_error,
    )


def _lower_limit(factor: float, risks: TwoRisks, quantile: float) -> float:
    """Return the lower limit of the difference after confounding of this bias factor."""
    difference = risks.risk - risks.reference * factor
    mix = risks.share + (1.0 - risks.share) / factor
    variance = (risks.risk_error**2 + (risks.reference_error * factor) ** 2) * mix**2 + (
        difference * (1.0 - 1.0 / factor) * risks.share_error
    ) ** 2
    return difference * mix - quantile * math.sqrt(variance)
