"""E-values, empirical calibration and multiplicity against their papers and R packages."""

from collections.abc import Iterator
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from analysis.emulation.calibration import (
    calibrated_estimates,
    calibrated_p,
    empirical_null,
    error_model,
    expected_absolute_error,
)
from analysis.emulation.evalue import (
    RatioInterval,
    as_risk_ratio,
    bias_factor,
    e_value,
    e_values,
    e_values_of_difference,
    risks_of_counts,
    standardised_difference_as_risk_ratio,
)
from analysis.emulation.multiplicity import benjamini_hochberg, holm
from benchmarks.public.comparing import Case, Golden, Row

E_VALUES: Final = "14_evalue"
CONTROLS: Final = "15_empirical_calibration"
HYPOTHESES: Final = "18_reliability_multiplicity"
PAPER: Final = "VanderWeele and Ding 2017 (closed forms in R 4.2.2)"
MEASURE: Final = {
    "RR": "risk_ratio",
    "HR_rare": "hazard_ratio_rare",
    "HR_common": "hazard_ratio_common",
    "OR_common": "odds_ratio_common",
}
CLOSED: Final = "closed forms; rounding"
# Hammond and Horn 1958, as in the EValue package's tests: deaths and people of smokers and others.
SMOKING: Final = (397, 397 + 78557, 51, 51 + 108778)
SMOKING_LIMIT: Final = 15.95703

PACKAGE: Final = "R EmpiricalCalibration"
OPTIM: Final = "R optim to 1e-15 on the same likelihood"
# Mean and spread of the null by R's optim on the same likelihood, to a relative 1e-15.
NULLS: Final = {
    "data.csv": (0.79211649365129, 0.28342287177932),
    "caseControl.csv": (0.90014069453272, 0.34473486063696),
    "cohortMethod.csv": (-0.045935392117641, 0.543205606688),
}
SERTRALINE_P: Final = 0.83901800398445
ABSOLUTE_ERROR: Final = 0.79255547237326
# By R's optim (linear spread), and the limits of EmpiricalCalibration (2025) for the fitted model
# at estimates 0.5 and -0.3 with errors 0.1 and 0.2.
ERROR_MODELS: Final = {
    "simulated_controls.csv": (
        (0.2463109661214, 1.0069782620124, 0.25867001088642, -0.013945792594481),
        ((0.25193099, -0.28075254, 0.772219186), (-0.54252508, -1.15444585, 0.091928805)),
    ),
    "southworthReplication.csv": (
        (-0.066550148496255, 0.93329241263247, 0.18746580459139, 0.0029772518139044),
        ((0.60704463, 0.15997055, 1.05909557), (-0.25013581, -0.82937365, 0.32694483)),
    ),
}
DEMAND: Final = "general optimisers agree to six digits"
OPTIMISER: Final = "the package's optimiser stops at 1e-4"


def as_ratio(row: dict[str, Any]) -> RatioInterval:
    """Return a published estimate as a risk ratio with limits."""
    if row["measure"] == "SMD":
        return standardised_difference_as_risk_ratio(row["est"], (row["hi"] - row["est"]) / 1.96)
    return as_risk_ratio(MEASURE[row["measure"]], row["est"], row["lo"], row["hi"])


def _e_values(golden: Golden) -> Iterator[Row]:
    given = golden.given(E_VALUES)
    for row in given["rows"]:
        ratio = as_ratio(row)
        values = e_values(ratio)
        ours = [ratio.value, ratio.low, ratio.high, values.estimate, values.limit]
        keys = ("rr", "rr_lo", "rr_hi", "evalue_point", "evalue_ci")
        yield Row(
            "published ratios", f"E-value, {row['id']}", PAPER, [row[key] for key in keys], ours,
            1e-10, CLOSED, is_absolute=True, names=("ratio", "low", "high", "E-value", "limit's"),
        )  # fmt: skip
    factors, other = given["bias_factor"], given["nonnull"]
    pairs = zip(factors["RR_EU"], factors["RR_UD"], strict=True)
    ours = [bias_factor(strategy, outcome) for strategy, outcome in pairs]
    yield Row("published ratios", "bias factor", PAPER, factors["B"], ours, 1e-10, CLOSED)
    ours = [e_value(other["rr"], other["true"])]
    what = "E-value of a null that is not one"
    yield Row("published ratios", what, PAPER, other["evalue"], ours, 1e-10, CLOSED)
    limit = e_values_of_difference(risks_of_counts(*SMOKING)).limit
    yield Row(
        "Hammond and Horn 1958", "E-value of a risk difference's limit", "tests of R EValue",
        SMOKING_LIMIT, limit, 1e-3, "the package searches a grid", is_absolute=True,
    )  # fmt: skip


def negative_controls(
    golden: Golden, file: str = "data.csv"
) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """Return the log ratios of a study's negative controls and their errors."""
    rows = golden.rows(CONTROLS, file)
    rows = rows.filter(rows["groundTruth"] == 0)
    return rows["logRr"].to_numpy(), rows["seLogRr"].to_numpy()


def _nulls(golden: Golden) -> Iterator[Row]:
    given, names = golden.given(CONTROLS)["sccs_null"], ("mean", "spread")
    null = empirical_null(*negative_controls(golden))
    theirs = [given["null_mean"], given["null_sd"]]
    yield Row(
        "OHDSI controls", "empirical null, data.csv", PACKAGE, theirs, [null.mean, null.spread],
        1e-4, OPTIMISER, is_absolute=True, names=names,
    )  # fmt: skip
    for file, reference in NULLS.items():
        found = empirical_null(*negative_controls(golden, file))
        yield Row(
            "OHDSI controls", f"empirical null, {file}", OPTIM, reference,
            [found.mean, found.spread], 1e-6, DEMAND, is_absolute=True, names=names,
        )  # fmt: skip
    rows = golden.rows(CONTROLS)
    drug = rows.filter(rows["groundTruth"] == 1)
    p = calibrated_p(null, drug["logRr"].to_numpy(), drug["seLogRr"].to_numpy())
    yield Row(
        "OHDSI controls", "calibrated p of sertraline", OPTIM, SERTRALINE_P, p, 1e-5, DEMAND,
        is_absolute=True,
    )  # fmt: skip
    yield Row(
        "OHDSI controls", "expected absolute error", OPTIM, ABSOLUTE_ERROR,
        expected_absolute_error(null), 1e-6, DEMAND, is_absolute=True,
    )  # fmt: skip


def _error_models(golden: Golden) -> Iterator[Row]:
    for file, (parameters, limits) in ERROR_MODELS.items():
        rows = golden.rows(CONTROLS, file).drop_nulls(["logRr", "seLogRr", "trueLogRr"])
        model = error_model(*(rows[name].to_numpy() for name in ("logRr", "seLogRr", "trueLogRr")))
        fitted = (model.mean_at_none, model.mean_slope, model.spread_at_none, model.spread_slope)
        yield Row(
            "OHDSI controls", f"model of systematic error, {file}", OPTIM, parameters, fitted,
            1e-6, DEMAND, is_absolute=True, names=("mean", "slope", "spread", "spread's slope"),
        )  # fmt: skip
        ours = calibrated_estimates(model, [0.5, -0.3], [0.1, 0.2])
        got = np.column_stack([ours.value, ours.low, ours.high])
        yield Row(
            "OHDSI controls", f"calibrated intervals, {file}", PACKAGE, limits, got, 1e-4,
            OPTIMISER, is_absolute=True,
        )  # fmt: skip


def _hypotheses(golden: Golden) -> Iterator[Row]:
    p, given = (
        golden.rows(HYPOTHESES, "bh1995_pvalues.csv")["p"].to_numpy(),
        golden.given(HYPOTHESES),
    )
    source, data = "R 4.2.2, p.adjust", "Benjamini and Hochberg 1995"
    adjusted = given["p_adjust"]
    step_up = benjamini_hochberg(p)
    yield Row(data, "Benjamini-Hochberg", source, adjusted["BH"], step_up, 1e-10, CLOSED)
    yield Row(data, "Holm", source, adjusted["holm"], holm(p), 1e-10, CLOSED)
    rejected, theirs = int(np.sum(step_up <= 0.05)), given["bh_rejections_05"]
    yield Row(
        data,
        "hypotheses rejected at 5 %",
        "Benjamini and Hochberg 1995",
        theirs,
        rejected,
        0.0,
        "a count",
    )


CASES: Final[dict[str, Case]] = {
    "e_values": _e_values,
    "empirical_nulls": _nulls,
    "error_models": _error_models,
    "hypotheses": _hypotheses,
}
