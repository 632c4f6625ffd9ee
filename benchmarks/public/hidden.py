"""Times to exits, censored slopes and means of those who left, against R's survival and nlme."""

from collections.abc import Iterator
from typing import Final

import numpy as np

from analysis.survival.arrays import FloatArray
from analysis.trajectories.least_squares import StageRows
from analysis.trajectories.pattern_mixture import Occasions, fit_occasions
from analysis.trajectories.stage_times import exit_curve
from analysis.trajectories.tobit import fit_tobit
from benchmarks.public.comparing import Case, Golden, Row
from benchmarks.public.cox import COX, R

MIXED: Final = "07_mixed_models"
SURVREG: Final = "R survival 3.5-3, survreg"
GLS: Final = "R nlme 3.1-162, gls by maximum likelihood, corSymm and varIdent"
STOP: Final = "survreg stops where the likelihood gains less than 1e-9 of itself"
EM: Final = "the EM algorithm stops at steps of 1e-7 of a standard deviation"
LEVEL: Final = 0.95
# survfit(Surv(time, status) ~ 1, lung, conf.type = "log-log"): share dead by the day, and limits.
LUNG_SHARES: Final = {
    7: (0.004385964912, 0.0006189885613, 0.03072296378),
    140: (0.184746303411, 0.1400315770305, 0.24160561061),
    350: (0.547615959304, 0.4793702530415, 0.61862724181),
}
LUNG_MEDIAN: Final = (310, 284, 361)
# Durable goods, age and liquidity of 20 households (Tobin 1958): data set tobin of R survival.
DURABLE: Final = (0, 0.7, 0, 0, 0, 0, 0, 3.7, 0, 3, 10.4, 0, 0, 0, 1.5, 0, 0, 3.5, 6.1, 0)
AGE: Final = (
    *(57.7, 50.9, 48.5, 41.7, 47.7, 59.8, 44.3, 45.1, 51.7, 50.0),
    *(46.8, 58.0, 58.9, 40.0, 34.1, 39.9, 33.4, 48.1, 46.6, 53.1),
)
LIQUIDITY: Final = (
    *(236, 283, 207, 220, 238, 216, 284, 221, 275, 269),
    *(207, 249, 246, 277, 231, 219, 240, 266, 214, 251),
)
# survreg(Surv(durable, durable > 0, type = "left") ~ age + quant, tobin, dist = "gaussian",
#         robust = TRUE): coefficients and scale, log likelihood, robust errors.
TOBIT: Final = (15.1448663606815, -0.1290592840970, -0.0455416629543, 5.57253976309)
TOBIT_LIKELIHOOD: Final = -28.9401331997
TOBIT_ERRORS: Final = (16.61182151779, 0.15344708559, 0.06422494149)
# Orthodont where a child is not measured again after a distance above this.
LARGEST_DISTANCE: Final = 26.0
ORTHODONT_MEANS: Final = (22.1851851852, 26.7677503679)


def _exits(golden: Golden) -> Iterator[Row]:
    lung = golden.rows(COX, "lung.csv")
    days, died = lung["time"].to_numpy().astype(np.int64), (lung["status"] == 2).to_numpy()
    curve = exit_curve(days, died, np.arange(days.size), LEVEL, int(days.max()))
    theirs = [number for share in LUNG_SHARES.values() for number in share]
    ours = [number for day in LUNG_SHARES for number in curve.at(day)]
    yield Row("lung", "share by days 7, 140, 350 with log-log limits", R, theirs, ours, 1e-8)
    yield Row("lung", "median time with limits", R, LUNG_MEDIAN, curve.median(), 1e-12)


def _tobit(_golden: Golden) -> Iterator[Row]:
    values = np.array(DURABLE, dtype=np.float64)
    terms = np.column_stack([np.ones(values.size), AGE, LIQUIDITY])
    rows = StageRows((1, 2), values, terms, np.arange(values.size), (values.size,) * 3)
    fit = fit_tobit(rows, 0.0, None)
    ours = [*fit.slopes.coefficients, fit.deviation]
    yield Row("Tobin", "coefficients and scale", SURVREG, TOBIT, ours, 1e-8, STOP)
    yield Row("Tobin", "log likelihood", SURVREG, TOBIT_LIKELIHOOD, fit.log_likelihood, 1e-10)
    # Ours are times G / (G - 1), theirs are not.
    share = (values.size - 1) / values.size
    errors = np.sqrt(np.diag(fit.slopes.covariance) * share)
    yield Row("Tobin", "robust errors", SURVREG, TOBIT_ERRORS, errors, 1e-6, STOP)


def _left(golden: Golden) -> Iterator[Row]:
    values = _distances_until(golden, LARGEST_DISTANCE)
    people = np.arange(len(values))
    found = fit_occasions(Occasions(values, np.isnan(values[:, -1]), people)).value
    first, last = ORTHODONT_MEANS
    yield Row(
        "Orthodont, who grew much not measured again",
        "mean at 14 of all, change since 8",
        GLS,
        [last, last - first],
        [found[1], found[2]],
        1e-6,
        EM,
    )


def _distances_until(golden: Golden, largest: float) -> FloatArray:
    """Return the distances (children, ages), nan after the first that is larger."""
    rows = golden.rows(MIXED, "orthodont.csv").sort("Subject", "age")
    whole = rows["distance"].to_numpy().astype(np.float64).reshape(-1, rows["age"].n_unique())
    is_large = whole > largest
    has_left = np.cumsum(is_large, axis=1) - is_large > 0
    return np.where(has_left, np.nan, whole)


CASES: Final[dict[str, Case]] = {
    "exits": _exits,
    "censored_slopes": _tobit,
    "means_of_all": _left,
}
