"""Curves, counts, means and tests follow arithmetic by hand, and statsmodels."""

import numpy as np
import polars as pl
import pytest

from analysis.survival.counting import counting_rows
from analysis.survival.incidence import (
    aalen_johansen,
    event_steps,
    expected_events,
    kaplan_meier,
    risk_errors,
)
from analysis.survival.logrank import log_rank
from analysis.survival.recurrent import event_rate, mean_cumulative_count
from analysis.survival.refusal import NotEstimableError
from analysis.survival.restricted_mean import restricted_mean
from benchmarks.public.comparing import numbers
from benchmarks.public.cox import RECURRENT
from benchmarks.public.curves import COMPETING
from tests.emulation.golden import golden_rows


def test_errors_at_every_step_are_those_at_a_time() -> None:
    people = golden_rows(COMPETING)
    months, causes = people["etime"].to_numpy().astype(float), people["ev"].to_numpy()
    times, steps = event_steps(counting_rows(-np.inf, months, causes == 1), causes != 0)
    at_once = risk_errors(steps)
    one_by_one = aalen_johansen(months, causes, times).standard_errors
    np.testing.assert_allclose(at_once, one_by_one, rtol=1e-9)


def test_a_late_entry_is_at_risk_only_after_it() -> None:
    #  in   out  event     at risk at 2: first two; at 4: first and third
    people = np.array([[0, 4, 1], [0, 2, 1], [2, 5, 0]], dtype=float)
    entry, times, happened = people.T
    found = kaplan_meier(times, happened == 1, [2, 4], entry=entry)
    np.testing.assert_allclose(found.values, [1 / 2, 1 / 4])


def test_the_dead_stay_in_the_mean_and_have_no_more_events() -> None:
    # Two people have an event at 1; one of the three dies at 2; the two left: one event at 3.
    drawn = np.array(
        [[0, 1, 1, 0, 1], [1, 2, 0, 1, 1], [0, 1, 1, 0, 2], [1, 3, 1, 0, 2], [0, 4, 0, 0, 3]]
    )
    start, stop, status, death, person = drawn.T
    rows = counting_rows(start, stop, status == 1, clusters=person)
    found = mean_cumulative_count(rows, [1, 2, 3], is_terminal=death == 1)
    np.testing.assert_allclose(found.values, [2 / 3, 2 / 3, 2 / 3 + 2 / 3 * 1 / 2])


def bladder_until_death() -> tuple[list[np.ndarray], np.ndarray]:
    people = golden_rows(RECURRENT, "bladder1.csv").filter(pl.col("start") < pl.col("stop"))
    start, stop, status, ids = numbers(people, "start", "stop", "status", "id")
    return [start, stop, status == 1, status >= 2], ids


def test_the_error_of_a_mean_with_deaths_is_its_derivative_by_person() -> None:
    (start, stop, recurs, dies), ids = bladder_until_death()
    rows = counting_rows(start, stop, recurs, clusters=ids)
    found, influences = expected_events(rows, dies, [12.0, 36.0])
    for place, person in enumerate(np.unique(ids)[:10]):
        moved = []
        for share in (1 - 1e-5, 1 + 1e-5):
            weights = np.where(ids == person, share, 1.0)
            heavier = counting_rows(start, stop, recurs, weights=weights, clusters=ids)
            moved.append(mean_cumulative_count(heavier, [12.0, 36.0], is_terminal=dies).values)
        by_hand = (moved[1] - moved[0]) / 2e-5
        np.testing.assert_allclose(influences[place], by_hand, rtol=1e-6, atol=1e-9)
    np.testing.assert_allclose(found.standard_errors, np.sqrt((influences**2).sum(axis=0)))


def test_event_rates_and_their_errors_are_a_robust_poisson_models() -> None:
    api = pytest.importorskip("statsmodels.api")
    people = golden_rows(RECURRENT, "cgd_counts.csv")
    for (_arm,), own in people.group_by("treat"):
        counts, time = numbers(own, "ev", "pt")
        model = api.GLM(counts, np.ones(len(counts)), api.families.Poisson(), exposure=time)
        theirs = model.fit(cov_type="HC0")
        found = event_rate(counts, time)
        assert found.values[0] == pytest.approx(np.exp(theirs.params[0]), rel=1e-10)
        relative = found.standard_errors[0] / found.values[0]
        assert relative == pytest.approx(theirs.bse[0], rel=1e-8)


def test_the_restricted_mean_by_hand() -> None:
    times, happened = np.array([1.0, 3.0, 4.0, 9.0]), np.array([True, True, False, False])
    found = restricted_mean(times, happened, 6.0)
    assert found.mean == pytest.approx(1 + 0.75 * 2 + 0.5 * 3)
    everyone = restricted_mean(times[:2], happened[:2], 6.0)
    assert everyone.mean == pytest.approx(2.0)


def test_one_group_has_nothing_to_be_compared_with() -> None:
    with pytest.raises(NotEstimableError, match="two groups"):
        log_rank(np.array([1.0, 2.0]), np.array([True, False]), np.array(["a", "a"]))
