"""Nothing about one to ten patients leaves, directly or by subtraction."""

from typing import Any

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from analysis.contracts.errors import ReleaseRefusedError
from analysis.contracts.protocol import Disclosure
from analysis.contracts.release import RELEASED, SEALED, SUPPRESSED
from analysis.contracts.results import RESULT_TABLES, conform
from analysis.disclosure import leaks, release_tables, rows_beside, why_no_comparison
from analysis.disclosure.rules import TABLE_RULES

RULE = Disclosure(smallest_count=11, rounding_base=5)
Parts = tuple[int, int, int]


def responders(clinics: dict[str, Parts]) -> pl.DataFrame:
    """Return results.responders of clinics given as improved, not improved, unmeasured."""
    network = tuple(sum(parts[place] for parts in clinics.values()) for place in range(3))
    units = [("network", "network", network), *(("clinic", *unit) for unit in clinics.items())]
    rows: list[dict[str, Any]] = []
    for kind, name, (improved, not_improved, unmeasured) in units:
        episodes = improved + not_improved + unmeasured
        share = improved / episodes if episodes else None
        rows.append(
            {
                "unit_kind": kind,
                "unit_name": name,
                "domain": "pain",
                "change": "important",
                "episodes": episodes,
                "patients": episodes,
                "improved": improved,
                "not_improved": not_improved,
                "unmeasured": unmeasured,
                "share_improved": share,
                "low": share,
                "high": share,
            }
        )
    return pl.DataFrame(rows, infer_schema_length=None)


def summaries(clinics: dict[str, int]) -> pl.DataFrame:
    units = [
        ("network", "network", sum(clinics.values())),
        *(("clinic", *u) for u in clinics.items()),
    ]
    return pl.DataFrame(
        [
            {"unit_kind": kind, "unit_name": name, "patients": patients, "episodes": patients}
            for kind, name, patients in units
        ]
    )


def released(table: str, rows: pl.DataFrame) -> pl.DataFrame:
    return release_tables({table: rows}, RULE)[table].rows


def of(rows: pl.DataFrame, unit: str) -> dict[str, Any]:
    return rows.row(by_predicate=pl.col("unit_name") == unit, named=True)


def test_a_small_count_is_suppressed_and_is_neither_zero_nor_empty() -> None:
    row = of(released("responders", responders({"a": (40, 30, 7), "b": (50, 20, 15)})), "a")
    assert row["unmeasured"] is None
    assert row["unmeasured_status"] == SUPPRESSED
    assert (row["improved"], row["improved_status"]) == (40, RELEASED)


@pytest.mark.parametrize(
    ("count", "shown"), [(0, 0), (13, 15), (14, 15), (17, 15), (18, 20), (98, 100)]
)
def test_other_counts_are_rounded_to_five(count: int, shown: int) -> None:
    rows = released("responders", responders({"a": (200, count, 100), "b": (300, 100, 100)}))
    assert of(rows, "a")["not_improved"] == shown


@pytest.mark.parametrize("count", [1, 5, 10, 11, 12])
def test_a_count_that_rounding_would_show_as_ten_or_less_is_suppressed(count: int) -> None:
    rows = released("responders", responders({"a": (200, count, 100), "b": (300, 100, 100)}))
    assert of(rows, "a")["not_improved_status"] == SUPPRESSED


def test_a_share_is_computed_again_from_rounded_counts() -> None:
    row = of(released("responders", responders({"a": (33, 44, 22), "b": (50, 20, 15)})), "a")
    assert row["share_improved"] == pytest.approx(35 / 100)
    assert row["low"] <= row["share_improved"] <= row["high"]


def test_a_statistic_that_rests_on_a_suppressed_count_is_suppressed_too() -> None:
    row = of(released("responders", responders({"a": (6, 44, 22), "b": (50, 20, 15)})), "a")
    assert row["share_improved_status"] == SUPPRESSED
    assert row["low_status"] == SUPPRESSED


def test_a_clinic_with_three_patients_is_suppressed_with_its_zeros() -> None:
    row = of(released("responders", responders({"a": (3, 0, 0), "b": (50, 20, 15)})), "a")
    assert {row[f"{name}_status"] for name in ("episodes", "improved", "unmeasured")} == {
        SUPPRESSED
    }


def test_a_small_clinic_is_suppressed_in_tables_that_do_not_count_its_patients() -> None:
    funnel = pl.DataFrame(
        {
            "unit_kind": ["network", "clinic", "clinic"],
            "unit_name": ["network", "a", "b"],
            "stage": [5, 5, 5],
            "episodes_worked": [40, 0, 40],
            "episodes_completed": [30, 0, 30],
            "patients_worked": [40, 0, 40],
        }
    )
    tables = release_tables(
        {"unit_summaries": summaries({"a": 3, "b": 60}), "stage_funnel": funnel}, RULE
    )
    assert of(tables["stage_funnel"].rows, "a")["episodes_worked_status"] == SUPPRESSED


def test_the_only_hidden_clinic_is_not_given_away_by_the_network() -> None:
    """Network 60 (58 to 62) less clinic a 60 (58 to 62) would leave clinic b 1 to 4."""
    rows = released("responders", responders({"a": (60, 60, 61), "b": (40, 40, 1)}))
    assert of(rows, "b")["unmeasured_status"] == SUPPRESSED
    statuses = {of(rows, unit)["unmeasured_status"] for unit in ("network", "a")}
    assert SUPPRESSED in statuses


def test_the_rest_of_a_decomposition_is_not_given_away_by_its_total() -> None:
    truth = responders({"a": (0, 38, 2), "b": (70, 60, 50)})
    row = of(released("responders", truth), "a")
    assert row["unmeasured_status"] == SUPPRESSED
    assert SUPPRESSED in (row["episodes_status"], row["not_improved_status"])


parts = st.tuples(*[st.sampled_from([0, 1, 2, 4, 7, 10, 11, 13, 14, 16, 17, 19, 30, 44])] * 3)


@settings(max_examples=150, deadline=None)
@given(st.dictionaries(st.sampled_from("abcdef"), parts, min_size=1))
def test_no_release_of_any_network_leaks(clinics: dict[str, Parts]) -> None:
    truth = {"responders": responders(clinics)}
    assert leaks(release_tables(truth, RULE), truth, RULE) == []


def test_what_is_known_of_a_hidden_count_from_afar_is_hidden_too() -> None:
    """Clinic b's improved follow from the network's less a's, its episodes likewise: so would 1."""
    truth = {"responders": responders({"a": (0, 2, 11), "b": (13, 0, 1)})}
    assert leaks(release_tables(truth, RULE), truth, RULE) == []


def test_a_network_too_small_to_show_anything_is_released_hidden() -> None:
    """Three clinics of two or three: all is hidden, and what adds up was given away by nothing."""
    truth = {"responders": responders({"a": (0, 1, 1), "b": (1, 1, 1), "c": (1, 1, 1)})}
    tables = release_tables(truth, RULE)
    assert set(tables["responders"].rows["episodes_status"]) == {SUPPRESSED}
    assert leaks(tables, truth, RULE) == []


@settings(max_examples=60, deadline=None)
@given(st.lists(st.integers(1, 12), min_size=2, max_size=4))
def test_equal_counts_are_suppressed_alike_in_every_table(patients: list[int]) -> None:
    clinics = {f"c{place}": 7 * count for place, count in enumerate(patients)}
    truth = {
        "unit_summaries": summaries(clinics),
        "responders": responders({name: (size, 0, 0) for name, size in clinics.items()}),
    }
    tables = release_tables(truth, RULE)
    for name in clinics:
        one, other = (of(table.rows, name) for table in tables.values())
        assert one["episodes_status"] == other["episodes_status"]


def test_the_rule_of_the_protocol_can_be_raised() -> None:
    rows = release_tables(
        {"responders": responders({"a": (40, 24, 30), "b": (70, 60, 50)})}, Disclosure(30, 10)
    )["responders"].rows
    row = of(rows, "a")
    assert row["not_improved_status"] == SUPPRESSED
    assert row["improved"] == 40


def test_every_results_table_and_column_has_a_rule() -> None:
    assert set(TABLE_RULES) == set(RESULT_TABLES)
    for name, rule in TABLE_RULES.items():
        ruled = [*rule.identifiers, *rule.words, *(number.name for number in rule.numbers())]
        assert sorted(ruled) == sorted(RESULT_TABLES[name]), name


def test_a_table_without_a_rule_is_refused() -> None:
    with pytest.raises(ReleaseRefusedError, match="has no release rule") as refused:
        release_tables({"patients": pl.DataFrame({"patient_id": ["p1"]})}, RULE)
    assert refused.value.exit_code == 6


def test_an_undeclared_column_is_refused() -> None:
    rows = summaries({"a": 50}).with_columns(youngest=pl.lit(18))
    with pytest.raises(ReleaseRefusedError, match="youngest"):
        release_tables({"unit_summaries": rows}, RULE)


@pytest.mark.parametrize("kind", ["therapist", None])
def test_figures_about_a_therapist_or_about_nobody_known_are_refused(kind: str | None) -> None:
    rows = summaries({"a": 50}).with_columns(unit_kind=pl.lit(kind, dtype=pl.String))
    with pytest.raises(ReleaseRefusedError, match="neither the network nor a clinic"):
        release_tables({"unit_summaries": rows}, RULE)


def estimate(**own: Any) -> dict[str, Any]:
    row = {
        "analysis": "primary",
        "hypothesis": "completion",
        "strategy": "strict",
        "comparator": "natural",
        "measure": "risk_difference",
        "value": -0.03123456,
        "low": -0.0561234,
        "high": -0.0112345,
        "standard_error": 0.0112345,
        "episodes": 20000,
        "events": 900,
        "status": "estimated",
        "is_biased_comparison": False,
    }
    return row | own


SEALED_ROW = {
    "status": "sealed",
    "value": None,
    "low": None,
    "high": None,
    "standard_error": None,
}


def estimates(*rows: dict[str, Any]) -> pl.DataFrame:
    return pl.DataFrame(rows, infer_schema_length=None)


def test_an_estimate_is_rounded_outwards() -> None:
    row = released("estimates", estimates(estimate())).row(0, named=True)
    assert (row["value"], row["low"], row["high"]) == (-0.031, -0.057, -0.011)


@pytest.mark.parametrize(
    ("measure", "episodes", "shown"),
    [
        # 365 days times 5 of 20,000 episodes: a tenth of a day; of 1,500, two days.
        ("restricted_mean_days_difference", 20_000, (3.1, 1.1, 5.2)),
        ("recovered_days", 1_500, (4.0, 0.0, 6.0)),
        ("mean_count_difference", 20_000, (3.123, 1.123, 5.124)),
        ("tau", 1_500, (3.125, 1.12, 5.125)),
        ("risk_ratio", 20_000, (3.12, 1.12, 5.13)),
        ("heterogeneity_p", 1_500, (3.124, 1.124, 5.124)),
    ],
)
def test_days_counts_and_p_are_rounded_by_what_one_person_could_move(
    measure: str, episodes: int, shown: tuple[float, float, float]
) -> None:
    own = {"value": 3.1234, "low": 1.1234, "high": 5.1234, "standard_error": 1.0}
    row = estimate(measure=measure, episodes=episodes, horizon_days=365, **own)
    found = released("estimates", estimates(row)).row(0, named=True)
    assert (found["value"], found["low"], found["high"]) == shown


def test_a_sealed_estimate_stays_sealed() -> None:
    row = released("estimates", estimates(estimate(**SEALED_ROW))).row(0, named=True)
    assert (row["value"], row["value_status"], row["status"]) == (None, SEALED, "sealed")


def test_a_number_under_seal_refuses_the_release() -> None:
    with pytest.raises(ReleaseRefusedError, match="sealed"):
        released("estimates", estimates(estimate(status="sealed")))


def test_a_result_behind_a_failed_gate_refuses_the_release() -> None:
    gates = pl.DataFrame({"analysis": ["primary"], "gate": ["power"], "status": ["not_evaluated"]})
    with pytest.raises(ReleaseRefusedError, match="gates failed"):
        release_tables({"estimates": estimates(estimate()), "gates": gates}, RULE)


@pytest.mark.parametrize(
    ("table", "row"),
    [
        ("estimates", estimate(analysis="by_region", subgroup_kind="region", subgroup="knee")),
        ("sensitivity", {"analysis": "primary", "method": "e_value", "measure": "risk_ratio"}),
        ("specification_curve", {"specification": 7, "episodes": 400, "events": 80}),
    ],
)
def test_nothing_that_tells_a_sealed_primary_effect_is_released(
    table: str, row: dict[str, object]
) -> None:
    rows = conform(table, pl.DataFrame([{"value": -0.05, "status": "estimated", **row}]))
    gates = pl.DataFrame({"analysis": ["primary"], "gate": ["power"], "status": ["failed"]})
    with pytest.raises(ReleaseRefusedError, match="tell the primary effect"):
        release_tables({table: rows, "gates": gates}, RULE)
    passed = gates.with_columns(status=pl.lit("passed"))
    assert release_tables({table: rows, "gates": passed}, RULE)[table].rows.height == 1


def test_a_gate_of_one_strategy_closes_its_rows_and_no_others() -> None:
    gates = pl.DataFrame(
        {"analysis": ["specificity"], "gate": ["balance_alt23"], "status": ["failed"]}
    )
    own = {"analysis": "specificity", "strategy": "strict_seed"}
    rival = estimate(**own, comparator="strict_alt23")
    other = estimate(**own, comparator="strict_partial")
    with pytest.raises(ReleaseRefusedError, match="gates failed"):
        release_tables({"estimates": estimates(rival, other), "gates": gates}, RULE)
    sealed = rival | SEALED_ROW
    release_tables({"estimates": estimates(sealed, other), "gates": gates}, RULE)
    general = gates.with_columns(gate=pl.lit("records_stage"))
    with pytest.raises(ReleaseRefusedError, match="gates failed"):
        release_tables({"estimates": estimates(sealed, other), "gates": general}, RULE)


def test_a_biased_comparison_is_not_shown_without_the_designed_estimate() -> None:
    raw = estimate(is_biased_comparison=True, strategy="never_violated", comparator="ever_violated")
    alone = released("estimates", estimates(estimate(**SEALED_ROW), raw)).row(1, named=True)
    assert (alone["value"], alone["status"]) == (None, "sealed")
    beside = released("estimates", estimates(estimate(), raw)).row(1, named=True)
    assert beside["status"] == "estimated"


def test_an_estimate_from_few_events_is_suppressed_and_says_so() -> None:
    row = released("estimates", estimates(estimate(events=9))).row(0, named=True)
    assert (row["value"], row["value_status"], row["status"]) == (None, SUPPRESSED, "suppressed")
    assert "too few patients" in row["reason"]


def test_a_curve_is_hidden_until_enough_people_are_behind_it() -> None:
    curve = pl.DataFrame(
        {
            "analysis": ["primary"] * 3,
            "strategy": ["strict"] * 3,
            "day": [0, 10, 300],
            "risk": [0.0, 0.008, 0.2],
            "low": [0.0, 0.001, 0.15],
            "high": [0.0, 0.02, 0.25],
            "at_risk": [1000, 950, 400],
        }
    )
    shown = released("risk_curves", curve)
    assert shown["risk_status"].to_list() == [RELEASED, SUPPRESSED, RELEASED]
    assert shown["low_status"].to_list() == [RELEASED, SUPPRESSED, RELEASED]


def test_times_in_stage_are_curves_that_keep_the_step_of_their_start() -> None:
    weeks = pl.DataFrame(
        {
            "unit_kind": ["network"] * 3,
            "unit_name": ["network"] * 3,
            "stage": [1] * 3,
            "week": [0, 1, 30],
            "at_risk": [1000, 950, 14],
            "share_exited": [0.0, 0.008, 0.7312],
        }
    )
    shown = released("stage_times", weeks)
    assert shown["share_exited_status"].to_list() == [RELEASED, SUPPRESSED, RELEASED]
    assert shown["share_exited"][2] == pytest.approx(0.73)


def test_words_keep_no_long_number() -> None:
    gates = pl.DataFrame(
        {
            "analysis": ["primary"],
            "gate": ["balance"],
            "status": ["passed"],
            "reason": ["largest difference 0.0617283951 on day 365"],
        }
    )
    assert released("gates", gates)["reason"].item() == "largest difference 0.0617 on day 365"


@pytest.mark.parametrize(
    ("episodes", "words"),
    [
        (9000, "known for 84.3 %, 60 % needed"),
        (900, "known for 84 %, 60 % needed"),
        (9, "rests on too few patients to be shown"),
    ],
)
def test_reasons_are_coarser_where_the_study_is_small(episodes: int, words: str) -> None:
    gates = pl.DataFrame(
        {
            "analysis": ["primary"],
            "gate": ["follow_up_known"],
            "status": ["passed"],
            "reason": ["known for 84.31 %, 60 % needed"],
        }
    )
    tables = {"gates": gates, "unit_summaries": summaries({"a": episodes})}
    assert release_tables(tables, RULE)["gates"].rows["reason"].item() == words


@pytest.mark.parametrize(
    ("clinics", "is_shown"),
    [
        (dict.fromkeys("abcde", 50), True),
        (dict.fromkeys("abcd", 50), False),
        ({"a": 500} | dict.fromkeys("bcdef", 50), False),
        ({"a": 3} | dict.fromkeys("bcde", 50), False),
    ],
)
def test_clinics_are_shown_beside_the_network_only_among_enough_peers(
    clinics: dict[str, int], is_shown: bool
) -> None:
    rows = released("unit_summaries", summaries(clinics))
    assert (why_no_comparison(rows) is None) == is_shown


@pytest.mark.parametrize(
    ("patients", "may"),
    [
        ([50] * 5, True),
        ([50] * 4 + [None], False),
        ([300, 50, 50, 50, 50], False),
        ([200, 50, 50, 50, 50], True),
        ([], False),
    ],
)
def test_a_figure_of_the_network_stands_beside_a_clinics_only_with_enough_others_in_it(
    patients: list[int | None], may: bool
) -> None:
    network = {"unit_kind": "network", "unit_name": "network", "stage": 4, "patients": 500}
    clinics = [
        {"unit_kind": "clinic", "unit_name": f"c{place}", "stage": 4, "patients": number}
        for place, number in enumerate(patients)
    ]
    other_stage = [row | {"stage": 1, "patients": 90} for row in clinics]
    beside = rows_beside("stage_exits", [network, *clinics, *other_stage])
    assert beside == ([network] if may else [])


def test_an_empty_table_passes() -> None:
    rows = responders({"a": (40, 30, 20)}).clear()
    assert released("responders", rows).height == 0


def test_what_was_found_of_a_hidden_number_is_hidden_with_it() -> None:
    point = {
        "chart": "no_shows",
        "unit_kind": "clinic",
        "unit_name": "a",
        "method": "p",
        "value": 0.25,
        "signal": "beyond_limits",
    }
    points = pl.DataFrame(
        [
            point | {"period": "2025-01", "numerator": 40, "denominator": 160, "patients": 50},
            point | {"period": "2025-02", "numerator": 4, "denominator": 16, "patients": 9},
        ]
    )
    rows = released("quality_points", points)
    assert rows["value_status"].to_list() == [RELEASED, SUPPRESSED]
    assert rows["signal"].to_list() == ["beyond_limits", None]
