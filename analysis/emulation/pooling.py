"""One answer from the analyses of several imputed data sets: Rubin's rules.

The variance is that within the analyses plus (1 + 1/m) times that between them (Rubin 1987); the
degrees of freedom are those of Barnard and Rubin (1999), which never exceed those of the complete
data.
"""

import math
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from analysis.emulation.arrays import FloatArray
from analysis.emulation.emulation import NotEstimableError

# Below this share of variance from imputation the degrees of freedom change no more (mice).
SMALLEST_SHARE: Final = 1e-4


@dataclass(frozen=True)
class Pooled:
    """Pooled estimates with intervals by Student's t; all arrays (terms,).

    `within` and `between` are variances, `total` their sum by Rubin's rules. `relative_increase`
    is (1 + 1/m) between / within, `share_of_imputation` its part of the total variance,
    `missing_information` that share corrected for the finite number of imputations. `p` is
    two-sided, against 0.
    """

    imputations: int
    estimate: FloatArray
    standard_error: FloatArray
    low: FloatArray
    high: FloatArray
    p: FloatArray
    degrees_of_freedom: FloatArray
    within: FloatArray
    between: FloatArray
    total: FloatArray
    relative_increase: FloatArray
    share_of_imputation: FloatArray
    missing_information: FloatArray


def pool(
    estimates: npt.ArrayLike,
    variances: npt.ArrayLike,
    *,
    complete_degrees: float = math.inf,
    level: float = 0.95,
) -> Pooled:
    """Return the pooled estimates of analyses (imputations x terms, or imputations alone).

    `variances` are squared standard errors; `complete_degrees` the degrees of freedom had nothing
    been missing (rows less coefficients, or clusters less one). A ratio is pooled as its log.
    Raises `NotEstimableError` with fewer than two imputations, or when one has no finite estimate
    and positive variance.
    """
    each, own = _by_term(estimates), _by_term(variances)
    if each.shape != own.shape:
        raise ValueError("Every estimate needs a variance.")
    count = len(each)
    if count < 2:
        raise NotEstimableError("Pooling needs at least two imputed data sets.")
    if not (np.all(np.isfinite(each)) and np.all(np.isfinite(own)) and np.all(own > 0.0)):
        raise NotEstimableError(
            "The analysis of an imputed data set gave no estimate with an error."
        )
    estimate, within = np.mean(each, axis=0), np.mean(own, axis=0)
    between = np.var(each, axis=0, ddof=1)
    from_imputation = (1.0 + 1.0 / count) * between
    total = within + from_imputation
    share, increase = from_imputation / total, from_imputation / within
    degrees = degrees_of_freedom(count, share, complete_degrees)
    error = np.sqrt(total)
    reach = _t_quantile(degrees, 0.5 + level / 2.0) * error
    return Pooled(
        imputations=count,
        estimate=estimate,
        standard_error=error,
        low=estimate - reach,
        high=estimate + reach,
        p=2.0 * _t_tail(np.abs(estimate) / error, degrees),
        degrees_of_freedom=degrees,
        within=within,
        between=between,
        total=total,
        relative_increase=increase,
        share_of_imputation=share,
        missing_information=(increase + 2.0 / (degrees + 3.0)) / (increase + 1.0),
    )


def degrees_of_freedom(
    imputations: int, share_of_imputation: npt.ArrayLike, complete_degrees: float = math.inf
) -> FloatArray:
    """Return the degrees of freedom of Barnard and Rubin (1999), of Rubin (1987) without a bound.

    `share_of_imputation` (terms,) is the part of the total variance that imputation adds.
    """
    share = np.maximum(np.asarray(share_of_imputation, dtype=np.float64), SMALLEST_SHARE)
    of_imputations = (imputations - 1) / share**2
    if math.isinf(complete_degrees):
        return np.asarray(of_imputations, dtype=np.float64)
    if complete_degrees <= 0.0:
        raise NotEstimableError("The complete data would leave no degrees of freedom.")
    fewer = (complete_degrees + 1.0) / (complete_degrees + 3.0)
    observed = fewer * complete_degrees * (1.0 - share)
    return np.asarray(of_imputations * observed / (of_imputations + observed), dtype=np.float64)


def _by_term(values: npt.ArrayLike) -> FloatArray:
    given = np.asarray(values, dtype=np.float64)
    return given[:, None] if given.ndim == 1 else given


def _t_quantile(degrees: FloatArray, probability: float) -> FloatArray:
    from scipy.special import stdtrit

    return np.asarray(stdtrit(degrees, probability), dtype=np.float64)


def _t_tail(deviations: FloatArray, degrees: FloatArray) -> FloatArray:
    from scipy.special import stdtr

    return np.asarray(stdtr(degrees, -deviations), dtype=np.float64)
