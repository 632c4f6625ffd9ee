"""Linear mixed models by REML against R's lme4 and nlme, and marginal ones against GEE."""

from collections.abc import Iterator, Sequence
from typing import Any, Final

import numpy as np
import polars as pl

from analysis.trajectories.marginal import fit_marginal
from analysis.trajectories.reml import (
    FloatArray,
    GroupSums,
    MixedFit,
    fit_mixed_model,
    group_sums,
)
from benchmarks.public.comparing import Case, Golden, Row

MIXED: Final = "07_mixed_models"
LME4: Final = "R lme4 1.1-31"
NLME: Final = "R nlme 3.1-162"
STOP: Final = "its optimiser stops early"
LEVEL_AND_SLOPE: Final = np.array([[1.0, 0.0], [0.0, 1.0], [0.0, 1.0]])
# R 4.2.2, nlme 3.1-162: lme to a relative 1e-14, restricted. ChickWeight in two pieces, p1 and p2,
# with a random level and slope in p1 + p2; Exam with standLRT and a random slope of it. Each:
# coefficients, errors, residual variance, random covariance (level, both, slope), log-likelihood.
NLME_FITS: Final[dict[str, dict[str, Any]]] = {
    "chickweight.csv": {
        "coefficients": (36.3548972464789, 6.92116785086474, 9.83480623272137),
        "errors": (2.05023659510244, 0.551265509657275, 0.547442733945069),
        "variances": (135.932452655286, 141.825124155, -40.7298738762, 13.6008991216),
        "likelihood": -2368.81786645038,
    },
    "exam_4059.csv": {
        "coefficients": (-0.0116493228515275, 0.556534713816094),
        "errors": (0.0401112668580966, 0.0201139527733758),
        "variances": (0.553641396008602, 0.0921183553576, 0.0183417989823, 0.0149671333842),
        "likelihood": -4663.80017256484,
    },
}
GEE: Final = "08_gee"
DIETOX: Final = "dietox.csv"
# R 4.2.2, nlme 3.1-162: lme(Weight ~ Time, random = list(Litter = ~1, Pig = ~Time)) to a relative
# 1e-14, restricted: coefficients, errors; variances residual, of litters, and of pigs (level, both,
# slope); log-likelihood.
LITTERS: Final[dict[str, Any]] = {
    "coefficients": (15.6972118916946, 6.9390211093899),
    "errors": (0.624464715946751, 0.079824572965251),
    "variances": (
        6.03749004227689, 2.48398404041926, 17.085551605315153, 0.243487069115932,
        0.416051035253879,
    ),
    "likelihood": -2216.51356004464,
}  # fmt: skip
# Weight in two pieces of time that meet at 6, working correlation the same within a pig.
# statsmodels 0.15.0, GEE with Exchangeable, robust and bias_reduced; R 4.2.2, geepack 1.3.9,
# geeglm to 1e-12; clubSandwich 0.5.8, vcovCR of lm by pig, CR0 and CR3.
EXCHANGEABLE: Final[dict[str, Any]] = {
    "coefficients": (18.143000855478306, 6.228353276223583, 7.501549292402576),
    "robust": (0.467823452914889, 0.125303795477835, 0.102899308456536),
    "bias_reduced": (0.474412617245629, 0.127066263412734, 0.104368086602133),
    "correlation": 0.7989588974146974,
    "geepack_coefficients": (18.14299820811534, 6.22835441080771, 7.50154614798371),
    "geepack_errors": (0.467823242225619, 0.125303993361171, 0.102899244977145),
}
INDEPENDENT: Final[dict[str, Any]] = {
    "coefficients": (18.15136495677534, 6.22476866138212, 7.51148379639179),
    "CR0": (0.468542259202523, 0.124714621150917, 0.103446086832327),
    "CR3": (0.475157376852576, 0.126459557432727, 0.104937463653746),
}
ORTHODONT_VARIANCES: Final = (5.78643480, 0.03252449)


def sums_of(rows: pl.DataFrame, terms: Sequence[pl.Expr], value: str, group: str) -> GroupSums:
    """Return the sums of a model's columns by group."""
    ordered = rows.sort(group)
    columns = ordered.select(
        term.cast(pl.Float64).alias(str(place)) for place, term in enumerate(terms)
    )
    return group_sums(
        columns.to_numpy(),
        ordered[value].cast(pl.Float64).to_numpy(),
        ordered[group].rank("dense").cast(pl.Int64).to_numpy(),
    )


def _rows(
    data: str,
    source: str,
    fit: MixedFit,
    reference: dict[str, Any],
    *,
    within: float,
) -> Iterator[Row]:
    """Yield a fit's rows; `within` is for coefficients, errors and variances."""
    coefficients, errors = reference["coefficients"], np.sqrt(np.diag(fit.covariance))
    what = reference.get("what", "level and slope")
    yield Row(data, f"{what}: coefficients", source, coefficients, fit.coefficients, 1e-6, STOP)
    yield Row(data, f"{what}: errors", source, reference["errors"], errors, within, STOP)
    random = fit.random_covariance
    variances = [fit.residual_variance, random[0, 0], random[0, 1], random[1, 1]]
    yield Row(
        data, f"{what}: variances", source, reference["variances"], variances, 1e-4, STOP,
        names=("residual", "level", "covariance", "slope"),
    )  # fmt: skip
    likelihood = reference["likelihood"]
    yield Row(
        data, f"{what}: log-likelihood", source, likelihood, fit.log_likelihood, 1e-7, STOP,
        is_absolute=True,
    )  # fmt: skip


def _sleepstudy(golden: Golden) -> Iterator[Row]:
    rows = golden.rows(MIXED)
    sums = sums_of(rows, [pl.lit(1), pl.col("Days")], "Reaction", "Subject")
    for name, restricted in (("REML", True), ("ML", False)):
        given = golden.given(MIXED)["fits"][f"sleepstudy_{name}"]
        level, slope, both, residual = (row["vcov"] for row in given["varcomp"])
        reference = {
            "what": f"level and slope by {name}",
            "coefficients": [*given["fixef"].values()],
            "errors": [*given["se"].values()],
            "variances": (residual, level, both, slope),
            "likelihood": given["logLik"],
        }
        fit = fit_mixed_model(sums, np.eye(2), restricted=restricted)
        yield from _rows("sleepstudy", LME4, fit, reference, within=1e-6)


def _orthodont(golden: Golden) -> Iterator[Row]:
    given = golden.given(MIXED)["nlme_orthodont"]["lme_random_slope"]
    is_female = pl.col("Sex") == "Female"
    terms = [pl.lit(1), pl.col("age"), is_female, is_female * pl.col("age")]
    sums = sums_of(golden.rows(MIXED, "orthodont.csv"), terms, "distance", "Subject")
    fit = fit_mixed_model(sums, np.eye(4)[:, :2])
    names = [*given["coef"]]
    errors = np.sqrt(np.diag(fit.covariance))
    data, what = "Orthodont", "level and slope by sex"
    theirs = [*given["coef"].values()]
    yield Row(
        data, f"{what}: coefficients", NLME, theirs, fit.coefficients, 1e-6, STOP, names=names
    )
    theirs = [*given["se"].values()]
    yield Row(data, f"{what}: errors", NLME, theirs, errors, 1e-6, STOP, names=names)
    theirs = [given["sigma"] ** 2, *ORTHODONT_VARIANCES]
    ours = [fit.residual_variance, *np.diag(fit.random_covariance)]
    yield Row(
        data, f"{what}: variances", NLME, theirs, ours, 1e-6, STOP,
        names=("residual", "level", "slope"),
    )  # fmt: skip
    likelihood = given["logLik"]
    yield Row(
        data, f"{what}: log-likelihood", NLME, likelihood, fit.log_likelihood, 1e-7, STOP,
        is_absolute=True,
    )  # fmt: skip


def _chicks(golden: Golden) -> Iterator[Row]:
    file = "chickweight.csv"
    terms = [pl.lit(1), pl.col("p1"), pl.col("p2")]
    sums = sums_of(golden.rows(MIXED, file), terms, "weight", "Chick")
    fit = fit_mixed_model(sums, LEVEL_AND_SLOPE)
    reference = NLME_FITS[file] | {"what": "level and slope, two pieces of time"}
    yield from _rows("ChickWeight", NLME, fit, reference, within=1e-6)


def _exam(golden: Golden) -> Iterator[Row]:
    file = "exam_4059.csv"
    terms = [pl.lit(1), pl.col("standLRT")]
    sums = sums_of(golden.rows(MIXED, file), terms, "normexam", "school")
    fit = fit_mixed_model(sums, np.eye(2))
    yield from _rows("Exam", NLME, fit, NLME_FITS[file], within=1e-6)


def _litters(golden: Golden) -> Iterator[Row]:
    rows = golden.rows(GEE, DIETOX).sort("Litter", "Pig", "Time")
    pigs, litters = rows["Pig"].to_numpy(), rows["Litter"].to_numpy()
    terms = rows.select(pl.lit(1.0), pl.col("Time").cast(pl.Float64)).to_numpy()
    sums = group_sums(terms, rows["Weight"].to_numpy(), pigs, pigs, litters)
    fit = fit_mixed_model(sums, np.eye(2))
    data, what, random = "dietox", "pigs in litters, levels of both", fit.random_covariance
    ours = fit.coefficients
    yield Row(data, f"{what}: coefficients", NLME, LITTERS["coefficients"], ours, 1e-8, STOP)
    errors = np.sqrt(np.diag(fit.covariance))
    yield Row(data, f"{what}: errors", NLME, LITTERS["errors"], errors, 1e-6, STOP)
    variances = [fit.residual_variance, fit.outer_variance, random[0, 0], random[0, 1]]
    yield Row(
        data, f"{what}: variances", NLME, LITTERS["variances"], [*variances, random[1, 1]], 1e-5,
        STOP, names=("residual", "litters", "level", "covariance", "slope"),
    )  # fmt: skip
    likelihood = LITTERS["likelihood"]
    yield Row(
        data, f"{what}: log-likelihood", NLME, likelihood, fit.log_likelihood, 1e-7, STOP,
        is_absolute=True,
    )  # fmt: skip


def _marginal(golden: Golden) -> Iterator[Row]:
    rows = golden.rows(GEE, DIETOX).sort("Pig", "Time")
    weeks = pl.col("Time")
    terms = [pl.lit(1), pl.min_horizontal(weeks, 6), pl.max_horizontal(weeks - 6, 0)]
    sums = sums_of(rows, terms, "Weight", "Pig")
    data, what = "dietox", "equations, exchangeable within pigs"
    plain, reduced = (fit_marginal(sums, corrected=corrected) for corrected in (False, True))
    theirs, peer = EXCHANGEABLE, "statsmodels 0.15.0, GEE"
    for quantity, reference, ours in (
        ("coefficients", theirs["coefficients"], plain.coefficients),
        ("robust errors", theirs["robust"], _errors(plain.covariance)),
        ("errors of Mancl and DeRouen", theirs["bias_reduced"], _errors(reduced.covariance)),
        ("correlation", theirs["correlation"], plain.correlation),
    ):
        yield Row(data, f"{what}: {quantity}", peer, reference, ours, 1e-9)
    peer, reason = "R geepack 1.3.9", "its correlation has another denominator"
    for quantity, reference, ours in (
        ("coefficients", theirs["geepack_coefficients"], plain.coefficients),
        ("robust errors", theirs["geepack_errors"], _errors(plain.covariance)),
    ):
        yield Row(data, f"{what}: {quantity}", peer, reference, ours, 1e-5, reason)
    what, theirs, peer = "equations, independent", INDEPENDENT, "R lm and clubSandwich 0.5.8"
    plain, reduced = (
        fit_marginal(sums, exchangeable=False, corrected=corrected) for corrected in (False, True)
    )
    for quantity, reference, ours in (
        ("coefficients", theirs["coefficients"], plain.coefficients),
        ("errors CR0", theirs["CR0"], _errors(plain.covariance)),
        ("errors CR3", theirs["CR3"], _errors(reduced.covariance)),
    ):
        yield Row(data, f"{what}: {quantity}", peer, reference, ours, 1e-9)


def _errors(covariance: FloatArray) -> FloatArray:
    return np.asarray(np.sqrt(np.diag(covariance)), dtype=np.float64)


CASES: Final[dict[str, Case]] = {
    "sleepstudy": _sleepstudy,
    "orthodont": _orthodont,
    "chickweight": _chicks,
    "exam": _exam,
    "litters": _litters,
    "marginal": _marginal,
}
