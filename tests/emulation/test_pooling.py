import numpy as np
import pytest
from scipy import stats

from analysis.emulation.emulation import NotEstimableError
from analysis.emulation.pooling import degrees_of_freedom, pool
from tests.emulation.golden import golden_rows

CASE = "10_mi_pooling"
# By R's mice 3.15.0: summary(pool(fits)) of lm(chl ~ age + bmi + hyp) in ten imputed data sets of
# 25 people: a line for (Intercept), age40-59, age60-99, bmi and hypyes.
TERMS = ["(Intercept)", "age40-59", "age60-99", "bmi", "hypyes"]
MICE = """
estimate           total variance    degrees           increase           share
 6.24897158390574  4466.017620531575 12.01115418331086 0.371472688596006  0.270856788972070
48.65395819109388   501.688851960940 13.65151180696305 0.254263201873654  0.202719175284604
66.68769432291629   676.233031877622 11.42890151689168 0.420174846784274  0.295861349562473
 5.93781573527262     5.485338323690 11.61952380261589 0.403729023461335  0.287611794522717
-3.57739730520082   855.558524687754  6.25045864187273 1.281419581572697  0.561676419332454

missing information low                  high               p
0.368003644187051   -139.342324184005548 151.8402673518170  0.9270417595573561
0.298479948715639      0.498837309663806  96.8090790725240  0.0479787000276314
0.393462493989608      9.713189554858538 123.6621990909740  0.0256243010187181
0.385068895738259      0.816267953027531  11.0593635175177  0.0267189875384193
0.656444386551603    -74.459925661779863  67.3051310513782  0.9064959856243491
"""


def by_mice():
    blocks = [block.splitlines()[1:] for block in MICE.strip().split("\n\n")]
    return np.hstack([[line.split() for line in block] for block in blocks]).astype(float)


def drawn_up(pooled):
    return np.column_stack(
        [
            pooled.estimate,
            pooled.total,
            pooled.degrees_of_freedom,
            pooled.relative_increase,
            pooled.share_of_imputation,
            pooled.missing_information,
            pooled.low,
            pooled.high,
            pooled.p,
        ]
    )


def test_the_ten_imputations_of_nhanes_pool_as_in_r():
    rows = golden_rows(CASE, "per_imputation_estimates.csv")
    estimates = rows.pivot("term", index="imp", values="est").sort("imp")
    variances = rows.pivot("term", index="imp", values="var").sort("imp")
    pooled = pool(
        estimates.select(TERMS).to_numpy(), variances.select(TERMS).to_numpy(), complete_degrees=20
    )
    np.testing.assert_allclose(drawn_up(pooled), by_mice(), rtol=1e-10)


def test_the_estimates_follow_from_the_imputed_data_sets():
    people = golden_rows(CASE, "imputed_long_m10.csv")
    estimates, variances = [], []
    for _, one in people.group_by(".imp", maintain_order=True):
        y = one["chl"].to_numpy().astype(float)
        indicators = [one["age"] == "40-59", one["age"] == "60-99", one["hyp"] == "yes"]
        older, oldest, tense = (each.to_numpy().astype(float) for each in indicators)
        x = np.column_stack([np.ones(len(y)), older, oldest, one["bmi"].to_numpy(), tense])
        inverse = np.linalg.inv(x.T @ x)
        beta = inverse @ x.T @ y
        residual_variance = np.sum((y - x @ beta) ** 2) / (len(y) - x.shape[1])
        estimates.append(beta)
        variances.append(np.diag(inverse) * residual_variance)
    pooled = pool(estimates, variances, complete_degrees=20)
    np.testing.assert_allclose(drawn_up(pooled), by_mice(), rtol=1e-8)


# mice 3.15.0: coxph of five imputed lung data sets, complete degrees 160 (events - coefficients).
def test_five_imputations_of_the_lung_trial_pool_as_in_r():
    age = [1.03182805803367e-02, 1.14227054519209e-02, 0.007924593366752603]
    age += [1.03478151309486e-02, 1.11585240363286e-02]
    variance = [8.74066980701457e-05, 8.75083909972348e-05, 9.17919541931170e-05]
    variance += [8.63588135521319e-05, 8.73358453033991e-05]
    pooled = pool(age, variance, complete_degrees=160)
    got = [pooled.estimate[0], pooled.standard_error[0], pooled.degrees_of_freedom[0], pooled.p[0]]
    assert got == pytest.approx(
        [1.02343837132575e-02, 0.009506139838824547, 150.3324599230889, 2.83380219518787e-01],
        rel=1e-8,
    )


def test_large_samples_have_rubins_degrees_of_freedom():
    assert degrees_of_freedom(5, [0.2], np.inf) == pytest.approx([100.0])
    assert degrees_of_freedom(5, [0.2], 1e9) == pytest.approx([100.0], rel=1e-5)
    assert degrees_of_freedom(5, [0.2], 10)[0] < 10


def test_imputations_that_all_agree_give_the_complete_analysis():
    pooled = pool([2.0, 2.0, 2.0], [0.25, 0.25, 0.25])
    reach = 0.5 * stats.norm.ppf(0.975)
    assert (pooled.between[0], pooled.relative_increase[0]) == (0.0, 0.0)
    assert (pooled.low[0], pooled.high[0]) == pytest.approx((2 - reach, 2 + reach), rel=1e-6)


@pytest.mark.parametrize(
    ("estimates", "variances"),
    [([1.0], [0.2]), ([1.0, np.nan], [0.2, 0.2]), ([1.0, 2.0], [0.2, 0.0])],
)
def test_what_cannot_be_pooled_is_refused(estimates, variances):
    with pytest.raises(NotEstimableError):
        pool(estimates, variances)
    with pytest.raises(NotEstimableError, match="degrees"):
        degrees_of_freedom(3, [0.2], 0)
