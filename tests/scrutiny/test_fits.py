"""Risks made cheaply from shared models are those of the whole emulation, errors included."""

import numpy as np
import pytest

from analysis.emulation.cohort import Strategy, natural_course
from analysis.emulation.emulation import NotEstimableError, Settings, emulate
from analysis.emulation.weights import weight_path
from analysis.scrutiny.fits import arm_risks, risk_differences, risk_ratios
from tests.scrutiny.grounds import ground

DAYS = (180, 270, 365)


@pytest.mark.parametrize("quantile", [1.0, 0.97])
@pytest.mark.parametrize("has_follow_up", [True, False])
def test_they_are_the_emulations(quantile, has_follow_up):
    own = ground()
    arms, cohort = own.arms, own.arms.cohort
    follow_up = arms.follow_up if has_follow_up else None
    strict = Strategy("strict", own.population.violated_on, arms.decisions)
    natural = natural_course(cohort.people)
    settings = Settings(truncation_quantile=quantile, intervals="influence")
    whole = emulate(cohort, (strict, natural), follow_up, settings)
    followed = arms.being_followed if has_follow_up else None
    one, other = (
        arm_risks(
            weight_path(cohort, strategy, follow_up), (staying, followed), DAYS, quantile=quantile
        )
        for strategy, staying in ((strict, arms.staying), (natural, None))
    )
    for arm, name in ((one, "strict"), (other, "natural")):
        np.testing.assert_allclose(arm.risks, whole[name].curve.risk[list(DAYS)], rtol=1e-12)
    difference = risk_differences(one, other, cohort.unit, 0.95)[-1]
    expected = whole.difference("strict", "natural")
    assert difference.value == pytest.approx(expected.value, rel=1e-9)
    assert difference.standard_error == pytest.approx(expected.standard_error, rel=1e-9)
    ratio = risk_ratios(one, other, cohort.unit, 0.95)[-1]
    expected = whole.ratio("strict", "natural")
    assert ratio.low == pytest.approx(expected.low, rel=1e-9)
    assert one.events[-1] == whole["strict"].events
    assert np.all(np.diff(one.events) >= 0)


def test_an_empty_strategy_is_refused():
    arms = ground().arms
    nobody = Strategy("nobody", np.zeros(arms.cohort.people, dtype=np.int64), None)
    path = weight_path(arms.cohort, nobody, None)
    with pytest.raises(NotEstimableError, match="Nobody"):
        arm_risks(path, (None, None), DAYS)
