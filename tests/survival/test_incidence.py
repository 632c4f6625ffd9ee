"""Risks under competing events equal statsmodels and formulas by hand."""

from pathlib import Path

import numpy as np
import polars as pl
import pytest

from analysis.survival.incidence import CENSORED, COMPETING, EVENT, Incidence, cumulative_incidence

GOLDEN = Path(__file__).parents[3] / "shared" / "golden" / "06_competing_risks_mgus2"
needs_golden = pytest.mark.skipif(
    not GOLDEN.is_dir(), reason="the public reference cases are not beside the project"
)


def risk_of(
    people: list[tuple[float, int]], horizon: float, clusters: list[int] | None = None
) -> Incidence:
    days, causes = np.array(people, dtype=np.float64).T
    named = np.arange(len(people)) if clusters is None else np.array(clusters)
    return cumulative_incidence(days, causes.astype(np.int64), named, horizon, 0.95)


@needs_golden
@pytest.mark.filterwarnings("ignore::RuntimeWarning")
def test_mgus2_equals_statsmodels() -> None:
    from statsmodels.duration.survfunc import CumIncidenceRight

    people = pl.read_csv(GOLDEN / "data.csv").select("etime", "ev")
    reference = CumIncidenceRight(people["etime"].to_numpy(), people["ev"].to_numpy())
    until = np.searchsorted(reference.times, 120, side="right") - 1
    assert risk_of(people.rows(), 120).risk == pytest.approx(reference.cinc[0][until], abs=1e-12)


def test_four_people_by_hand() -> None:
    people = [(10.0, EVENT), (20.0, COMPETING), (30.0, EVENT), (40.0, CENSORED)]
    # 1/4 at day 10; half of the others are left at day 30, when one of two has the event.
    assert risk_of(people, 40).risk == pytest.approx(1 / 4 + (3 / 4) * (2 / 3) * (1 / 2))
    assert risk_of(people, 30).risk == pytest.approx(1 / 2)
    assert risk_of(people, 29).risk == pytest.approx(1 / 4)


def test_without_censoring_the_error_is_a_shares() -> None:
    people = [(5.0, EVENT)] * 30 + [(400.0, CENSORED)] * 70
    assert risk_of(people, 365).error == pytest.approx(np.sqrt(0.3 * 0.7 / 100))


def test_the_error_is_the_derivative_with_respect_to_each_person() -> None:
    rng = np.random.default_rng(8)
    people = [
        (float(day), int(cause))
        for day, cause in zip(rng.integers(1, 30, 40), rng.integers(0, 3, 40), strict=True)
    ]
    people.append((50.0, CENSORED))
    whole = risk_of(people, 25)
    copies = 400
    shifts = [
        risk_of(people * copies + [one], 25).risk - risk_of(people * copies, 25).risk
        for one in people
    ]
    jackknife = np.sqrt(np.sum(np.square(np.array(shifts) * copies * 1.0)))
    assert whole.error == pytest.approx(jackknife, rel=2e-2)


def test_copies_of_a_patient_add_no_certainty() -> None:
    people = [(10.0, EVENT), (20.0, COMPETING), (30.0, EVENT), (400.0, CENSORED)]
    once = risk_of(people, 365)
    twice = risk_of(people * 2, 365, clusters=[0, 1, 2, 3] * 2)
    assert twice.risk == pytest.approx(once.risk)
    assert twice.error == pytest.approx(once.error)


def test_no_event_has_an_upper_limit_and_no_error() -> None:
    found = risk_of([(400.0, CENSORED)] * 20, 365)
    assert (found.risk, found.low) == (0, 0)
    assert found.high == pytest.approx(1 - 0.025 ** (1 / 20))


def test_nobody_followed_to_the_horizon_gives_no_risk() -> None:
    found = risk_of([(100.0, EVENT), (200.0, CENSORED)], 365)
    assert np.isnan([found.risk, found.low, found.high]).all()
    assert np.isnan(cumulative_incidence(*[np.array([])] * 2, np.array([]), 365, 0.95).risk)


def test_everybody_with_an_event_needs_no_follow_up_to_the_horizon() -> None:
    found = risk_of([(100.0, EVENT), (200.0, EVENT)], 365)
    assert found.risk == 1
    assert np.isnan(found.low)


def test_an_interval_stays_between_zero_and_one() -> None:
    found = risk_of([(10.0, EVENT)] + [(400.0, CENSORED)] * 12, 365)
    assert 0 < found.low < found.risk < found.high < 1
