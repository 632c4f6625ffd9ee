"""The specification curve: the registered row is the primary answer, the others are real refits."""

from dataclasses import replace

import numpy as np
import polars as pl
import pytest

from analysis.emulation.arrays import NEVER
from analysis.emulation.cohort import HazardRows, Strategy, natural_course
from analysis.emulation.design import Design
from analysis.emulation.emulation import Settings, emulate
from analysis.scrutiny.exposures import Courses
from analysis.scrutiny.specifications import (
    BASELINE_ONLY,
    DROPPED,
    KINDS,
    SpecificationRow,
    _with_grace,
    closed_orders,
    curve_frame,
    no_curve,
    read_curve,
    specification_curve,
    specifications,
    summary_rows,
)
from analysis.study.gates import Gate
from analysis.study.models import decision_rows, follow_up_rows
from analysis.study.population import BASELINE_CATEGORIES
from analysis.study.study import primary_analysis
from tests.scrutiny.grounds import ground, influence_protocol, opened
from tests.study.registries import simulated


@pytest.fixture(scope="module")
def whole():
    return specification_curve(ground())


@pytest.fixture(scope="module")
def curve(whole):
    return list(whole.rows)


def row_of(curve, **choices):
    defaults = {
        "definition": "strict",
        "order_name": "seed",
        "horizon_days": 365,
        "adjustment": "full",
        "follow_up": "weighted",
        "truncation": "none",
    }
    wanted = {**defaults, **choices}
    (row,) = (each for each in curve if all(getattr(each, name) == wanted[name] for name in wanted))
    return row


def refitted(**changes):
    protocol = influence_protocol()
    for section, values in changes.items():
        own = replace(getattr(protocol, section), **values)
        protocol = replace(protocol, **{section: own})
    emulation = primary_analysis(simulated(), protocol).emulation
    return emulation.difference("strict", "natural")


def test_exactly_one_is_registered_and_it_is_the_primary_answer(curve):
    registered = [row for row in curve if row.is_registered]
    assert [row.specification for row in registered] == [1]
    assert registered[0] == row_of(curve)
    primary = opened().primary.emulation.difference("strict", "natural")
    assert registered[0].value == pytest.approx(primary.value, rel=1e-12)
    assert registered[0].low == pytest.approx(primary.low, rel=1e-9)
    assert registered[0].events == opened().primary.emulation["strict"].events


def test_there_are_as_many_as_the_protocol_asks_for_and_all_differ(curve):
    assert len(curve) == len({tuple(getattr(row, kind) for kind in SHOWN) for row in curve}) == 216
    assert [row.specification for row in curve] == list(range(1, 217))


SHOWN = ("definition", "order_name", "horizon_days", "adjustment", "follow_up", "truncation")


def test_a_cut_is_the_analysis_with_that_cut(curve):
    expected = refitted(weights={"truncation_quantile": 0.99})
    row = row_of(curve, truncation="99 %")
    assert row.value == pytest.approx(expected.value, rel=1e-9)
    assert row.high == pytest.approx(expected.high, rel=1e-9)


def test_an_earlier_horizon_is_read_off_the_same_curve(curve):
    emulation = opened().primary.emulation
    risks = [emulation[name].curve.risk[180] for name in ("strict", "natural")]
    assert row_of(curve, horizon_days=180).value == pytest.approx(risks[0] - risks[1], rel=1e-9)


def test_without_the_clinic_the_models_are_refitted_without_it(curve):
    protocol = influence_protocol()
    covariates = {
        name: {"covariates": tuple(c for c in getattr(protocol, name).covariates if c != "clinic")}
        for name in ("deviation_model", "follow_up_model")
    }
    expected = refitted(**covariates)
    row = row_of(curve, adjustment="without_clinic")
    assert row.value == pytest.approx(expected.value, rel=1e-9)
    assert row.low == pytest.approx(expected.low, rel=1e-9)


def test_baseline_only_keeps_the_covariates_of_day_0(curve):
    known = tuple(BASELINE_CATEGORIES)
    expected = refitted(
        deviation_model={"covariates": known},
        follow_up_model={"covariates": (*known, "contact_kind", "day")},
    )
    row = row_of(curve, adjustment="baseline_only")
    assert row.value == pytest.approx(expected.value, rel=1e-9)


def test_another_order_is_held_against_the_same_natural_course(curve):
    own, tables = ground(), simulated()
    protocol = replace(own.protocol, study=replace(own.protocol.study, primary_order="partial"))
    population, cohort = own.population, own.arms.cohort
    rows = decision_rows(tables, population, cohort, protocol)
    left_on = np.full(cohort.people, NEVER)
    left_on[rows.person[rows.happened]] = rows.day[rows.happened]
    whole = emulate(
        cohort,
        (Strategy("strict", left_on, rows), natural_course(cohort.people)),
        follow_up_rows(tables, population, cohort, own.protocol),
        Settings(intervals="influence"),
    )
    expected = whole.difference("strict", "natural")
    row = row_of(curve, order_name="partial")
    # A violation after the end of follow-up is none of either.
    assert row.value == pytest.approx(expected.value, rel=1e-9)
    assert row.low == pytest.approx(expected.low, rel=1e-9)


def test_a_rival_order_that_its_own_gates_close_is_not_told(curve):
    own = ground()
    (asked,) = (each for each in own.study.answers if each.analysis == "specificity")
    assert "alt23" in closed_orders(own.study)
    assert "partial" not in closed_orders(own.study)
    shut = Gate("balance_partial", 0.3, 0.1, "failed", "Out of balance.")
    resting = {**asked.resting, "strict_partial": (*asked.resting["strict_partial"], shut)}
    others = tuple(each for each in own.study.answers if each is not asked)
    study = replace(own.study, answers=(*others, replace(asked, resting=resting)))
    sealed = specification_curve(replace(own, study=study)).rows
    rows = [row for row in sealed if row.order_name == "partial"]
    assert {row.status for row in rows} == {"sealed"}
    assert all(row.value is None and "Out of balance" in row.reason for row in rows)
    assert [row for row in sealed if row.order_name == "seed"] == [
        row for row in curve if row.order_name == "seed"
    ]


def test_where_hardly_anybody_stays_no_adjustment_gives_a_number(curve):
    idle = [row for row in curve if row.status == "impossible"]
    assert {row.order_name for row in idle} == {"alt23"}
    assert {row.adjustment for row in idle} == {"full", "without_clinic", "baseline_only"}
    assert all(row.value is None and row.events is None and row.reason for row in idle)


def test_a_grace_of_one_session_moves_leaving_and_staying_to_the_next_session():
    # Person 0: sessions 0, 5, 9, left on 5. Person 1: sessions 0, 4, left on 4. Person 2: stays.
    sessions = Courses(
        pl.DataFrame({"person": [0, 0, 0, 1, 1, 2, 2], "day": [0, 5, 9, 0, 4, 0, 30]}),
        np.array([0, 3, 5]),
        np.array([3, 2, 2]),
    )
    person, day = np.array([0, 0, 1, 1, 2]), np.array([0, 5, 0, 4, 0])
    happened = np.array([False, True, False, True, False])
    design = Design(("intercept",), np.arange(5.0)[:, None], np.zeros(1), np.ones(1))
    strict = Strategy("s", np.array([5, 4, NEVER]), HazardRows(person, day, happened, design))
    moved = _with_grace(strict, sessions, np.array([20, 20, 20]))
    assert moved.leaves_on.tolist() == [9, NEVER, NEVER]
    assert moved.decisions.person.tolist() == [0, 0, 1]
    assert moved.decisions.day.tolist() == [5, 9, 4]
    assert moved.decisions.happened.tolist() == [False, True, False]
    assert moved.decisions.design.values[:, 0].tolist() == [0.0, 1.0, 2.0]


def test_fewer_are_asked_for_by_giving_up_choices_never_the_registered_one():
    full = specifications(influence_protocol())
    for most in (216, 100, 17, 5, 1):
        chosen = specifications(influence_protocol(specifications=most))
        assert 1 <= len(chosen) <= most
        assert chosen[0] == full[0]
        assert len(set(chosen)) == len(chosen)
    assert len(specifications(influence_protocol(specifications=1000))) == 324
    assert set(KINDS) == set(full[0].__dataclass_fields__)


def test_a_registered_cut_stays_registered():
    protocol = influence_protocol()
    protocol = replace(protocol, weights=replace(protocol.weights, truncation_quantile=0.99))
    assert specifications(protocol)[0].truncation == "99 %"


def test_the_summary_counts_what_has_an_estimate(whole, curve):
    summary = {row.measure: row for row in summary_rows(whole)}
    values = [row.value for row in curve if row.value is not None]
    assert summary["specifications"].value == len(values)
    assert summary["median_risk_difference"].value == pytest.approx(np.median(values))
    below = np.mean([row.high < 0 for row in curve if row.value is not None])
    assert summary["share_below_none"].value == pytest.approx(below)
    assert summary["joint_median_p"].value > 0.01


def test_a_real_benefit_is_no_agreement_by_chance():
    clear = specification_curve(ground("protective", 3_000, 5))
    assert clear.joint.median_p < 0.01
    assert clear.joint.share_p < 0.05


def test_no_specifications_and_no_answer_are_said():
    idle = specification_curve(replace_protocol(specifications=0))
    assert [row.status for row in idle.rows] == ["not_run"]
    assert {row.status for row in summary_rows(idle)} == {"not_run"}
    lost = no_curve(influence_protocol(), "There is nobody.")
    assert (lost.rows[0].status, lost.rows[0].is_registered) == ("impossible", True)
    assert {row.status for row in summary_rows(lost)} == {"impossible"}


def replace_protocol(**sensitivity):
    own = ground()
    return replace(own, study=replace(own.study, protocol=influence_protocol(**sensitivity)))


def test_rows_survive_their_frame(curve):
    assert read_curve(curve_frame(curve)) == curve
    assert isinstance(curve[0], SpecificationRow)


def test_every_dropped_column_is_there_to_be_dropped():
    names = {*ground().arms.decisions.design.names, *ground().arms.follow_up.design.names}
    for beginning in (each for own in DROPPED.values() for each in own):
        assert any(name.startswith(beginning) for name in names), beginning
    kept = [name for name in names if not name.startswith(DROPPED[BASELINE_ONLY])]
    assert not [name for name in kept if "pain" in name or "stage" in name or "visits" in name]
