"""Curves, counts, means and tests equal R's survival on public data, and arithmetic by hand."""

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
from analysis.survival.restricted_mean import contrast, restricted_mean
from tests.survival.references import COMPETING, CURVES, RECURRENT, REFERENCE, public_rows


def numbers(people: pl.DataFrame, *names: str) -> list[np.ndarray]:
    return [people[name].to_numpy().astype(np.float64) for name in names]


def test_the_weighted_risk_of_mgus2_and_its_robust_error_equal_survfit() -> None:
    people, reference = public_rows(COMPETING), REFERENCE["mgus2_weighted_aj"]
    months, ages = numbers(people, "etime", "age")
    causes = people["ev"].to_numpy()
    for cause, name in ((1, "pcm"), (2, "death")):
        found = aalen_johansen(months, causes, reference["times"], cause=cause, weights=ages / 70)
        np.testing.assert_allclose(found.values, reference[name], rtol=1e-12)
        np.testing.assert_allclose(found.standard_errors, reference[f"se_{name}"], rtol=1e-10)


def test_kaplan_meier_of_lung_equals_survfit_plain_and_weighted_with_clusters() -> None:
    people, plain = public_rows(CURVES, "lung.csv"), REFERENCE["lung_km"]
    found = kaplan_meier(*numbers(people, "time"), people["status"] == 2, plain["times"])
    np.testing.assert_allclose(found.values, plain["survival"], rtol=1e-12)
    np.testing.assert_allclose(found.standard_errors, plain["se"], rtol=1e-10)
    people, weighted = people.drop_nulls(["ph.karno", "inst"]), REFERENCE["lung_km_weighted"]
    times, scores, places = numbers(people, "time", "ph.karno", "inst")
    found = kaplan_meier(
        times,
        (people["status"] == 2).to_numpy(),
        weighted["times"],
        weights=scores / 50,
        clusters=places,
    )
    np.testing.assert_allclose(found.values, weighted["survival"], rtol=1e-12)
    np.testing.assert_allclose(found.standard_errors, weighted["se"], rtol=1e-10)


def test_errors_at_every_step_are_those_at_a_time() -> None:
    people = public_rows(COMPETING)
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


@pytest.mark.parametrize(("place", "arm"), [(1, "placebo"), (2, "rIFN-g")])
def test_the_mean_count_of_cgd_equals_survfit(place: int, arm: str) -> None:
    people = public_rows(RECURRENT).filter(pl.col("treat") == arm)
    reference = REFERENCE[f"cgd_mean_count_{place}"]
    start, stop, status, ids = numbers(people, "tstart", "tstop", "status", "id")
    rows = counting_rows(start, stop, status == 1, clusters=ids)
    found = mean_cumulative_count(rows, reference["times"])
    np.testing.assert_allclose(found.values, reference["mean"], rtol=1e-12)
    np.testing.assert_allclose(found.standard_errors, reference["se"], rtol=1e-10)


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
    people = public_rows(RECURRENT, "bladder1.csv").filter(pl.col("start") < pl.col("stop"))
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
    people = public_rows(RECURRENT, "cgd_counts.csv")
    for (_arm,), own in people.group_by("treat"):
        counts, time = numbers(own, "ev", "pt")
        model = api.GLM(counts, np.ones(len(counts)), api.families.Poisson(), exposure=time)
        theirs = model.fit(cov_type="HC0")
        found = event_rate(counts, time)
        assert found.values[0] == pytest.approx(np.exp(theirs.params[0]), rel=1e-10)
        relative = found.standard_errors[0] / found.values[0]
        assert relative == pytest.approx(theirs.bse[0], rel=1e-8)


def test_the_restricted_mean_of_pbc_equals_survfit() -> None:
    people, means = public_rows(CURVES, "pbc_rmst.csv"), []
    for arm in (0, 1):
        own, reference = people.filter(pl.col("arm") == arm), REFERENCE[f"pbc_rmst10_arm{arm}"]
        found = restricted_mean(*numbers(own, "time"), (own["status"] == 1).to_numpy(), 10.0)
        assert found.mean == pytest.approx(reference["rmst"][0], rel=1e-12)
        assert found.standard_error == pytest.approx(reference["se"][0], rel=1e-10)
        means.append(found)
    # The published difference, -0.137 (-0.939 to 0.665): survRM2's vignette (Uno et al. 2015).
    found = contrast(means[1], means[0])
    limits = found.difference + np.array([-1, 1]) * 1.959964 * found.difference_error
    np.testing.assert_allclose([found.difference, *limits], [-0.137, -0.939, 0.665], atol=5e-4)
    ratio = found.ratio * np.exp(np.array([-1, 1]) * 1.959964 * found.log_ratio_error)
    np.testing.assert_allclose([found.ratio, *ratio], [0.981, 0.878, 1.096], atol=6e-4)


def test_the_restricted_mean_by_hand() -> None:
    times, happened = np.array([1.0, 3.0, 4.0, 9.0]), np.array([True, True, False, False])
    found = restricted_mean(times, happened, 6.0)
    assert found.mean == pytest.approx(1 + 0.75 * 2 + 0.5 * 3)
    everyone = restricted_mean(times[:2], happened[:2], 6.0)
    assert everyone.mean == pytest.approx(2.0)


@pytest.mark.parametrize(
    ("name", "file", "group", "strata"),
    [
        ("logrank_lung", "lung.csv", "sex", None),
        ("logrank_veteran", "data.csv", "celltype", None),
        ("logrank_veteran_stratified", "data.csv", "trt", "celltype"),
        ("logrank_aml", "aml.csv", "x", None),
    ],
)
def test_the_log_rank_test_equals_survdiff(
    name: str, file: str, group: str, strata: str | None
) -> None:
    people = public_rows(CURVES, file)
    happened = (people["status"] == people["status"].max()).to_numpy()
    within = None if strata is None else people[strata].to_numpy()
    found = log_rank(*numbers(people, "time"), happened, people[group].to_numpy(), strata=within)
    assert found.statistic == pytest.approx(REFERENCE[name]["chisq"][0], rel=1e-9)


def test_one_group_has_nothing_to_be_compared_with() -> None:
    with pytest.raises(NotEstimableError, match="two groups"):
        log_rank(np.array([1.0, 2.0]), np.array([True, False]), np.array(["a", "a"]))
