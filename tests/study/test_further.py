import pytest

from analysis.disclosure.statistics import ABSOLUTE_MEASURES, DAY_MEASURES, P_MEASURES
from analysis.study import StudyTables
from analysis.study.further import further_rows
from analysis.study.rows import estimate_rows
from tests.study.grounds import ground_of
from tests.study.registries import lost_on, only_some, simulated, violated_on, with_constant


def test_everything_asked_beside_the_primary_contrast_fits_the_table_and_its_release():
    steps = []
    rows = further_rows(ground_of(simulated()), progress=steps.append)
    table = estimate_rows(rows)
    assert len(steps) == 5
    names = ["analysis", "strategy", "comparator", "estimator", "measure", "subgroup_kind",
             "subgroup"]  # fmt: skip
    assert table.select(names).is_duplicated().sum() == 0
    on_log_or_share = {"risk_ratio", "i_squared", "heterogeneity_q"}
    known = {*ABSOLUTE_MEASURES, *DAY_MEASURES, *P_MEASURES, *on_log_or_share}
    assert set(table["measure"]) <= known
    estimated = table.filter(status="estimated")
    assert estimated["value"].is_finite().all()
    sealed = [row.sealed("closed") for row in rows]
    assert all(row.value is None and row.events is None for row in sealed)


@pytest.mark.parametrize(
    "tables",
    [
        only_some(simulated(), 0),
        only_some(simulated(), 1),
        only_some(simulated(), 30),
        lost_on(simulated(), 0),
        violated_on(simulated(), 0),
    ],
    ids=["nobody", "one episode", "few", "all lost", "all advance at once"],
)
def test_records_that_hold_no_answer_give_reasons_and_no_number(tables: StudyTables) -> None:
    rows = further_rows(ground_of(tables))
    assert {row.status for row in rows} == {"impossible"}
    assert all(row.reason and row.value is None and row.standard_error is None for row in rows)


def test_covariates_that_never_vary_are_harmless() -> None:
    same = {"region": "lumbar", "chronicity": "acute", "condition": "ischemia", "clinic_id": "one"}
    rows = further_rows(ground_of(with_constant(simulated(), work_load="light", **same)))
    estimated = [row for row in rows if row.status == "estimated"]
    assert {"competing_events", "nested_trials", "by_region"} <= {row.analysis for row in estimated}
    assert not any(row.analysis == "across_clinics" for row in estimated)
