"""What a page says first is counted from the marts, for the network and each clinic."""

import polars as pl

from analysis.contracts.protocol import load_protocol
from analysis.outcomes import attrition, stage_funnel, unit_summaries

PROTOCOL = load_protocol()


def drawn(text: str) -> pl.DataFrame:
    names, *rows = [line.split() for line in text.strip().splitlines()]
    cells = [[None if cell == "-" else cell for cell in row] for row in rows]
    texts = pl.DataFrame(cells, schema=dict.fromkeys(names, pl.String), orient="row")
    return texts.with_columns(
        pl.col(name).cast(pl.Int64) for name in names if not name.endswith(("_id", "_name"))
    )


BASELINE = drawn("""
    episode_id  patient_key  clinic_id
    E1          1            C1
    E2          1            C1
    E3          2            C1
    E4          3            C2
""")

ADHERENCE = drawn("""
    order_name  episode_id  first_violation_day  first_skip_day  attended_sessions  completed_stages
    seed        E1          -                    -               12                 5
    seed        E2          7                    -               5                  2
    seed        E3          -                    -               1                  0
    seed        E4          0                    21              9                  5
    alt23       E1          3                    3               12                 5
""")

OUTCOMES = drawn("""
    episode_id  competing_day  followed_days  event
    E1          -              365            0
    E2          -              40             1
    E3          -              30             0
    E4          200            200            0
""").with_columns(is_event=pl.col("event") == 1)


def test_a_unit_is_summed_up() -> None:
    network, first, second = unit_summaries(BASELINE, ADHERENCE, OUTCOMES, PROTOCOL).rows(
        named=True
    )
    assert (network["unit_kind"], network["unit_name"]) == ("network", "network")
    assert (network["patients"], network["episodes"], network["attended_sessions"]) == (3, 4, 27)
    assert (network["episodes_ever_violated"], network["episodes_completed_all"]) == (2, 2)
    assert network["episodes_ever_skipped"] == 1
    assert (network["reinjuries"], network["status_known"]) == (1, 3)
    # E3 leaves at day 30; one of three is injured at day 40.
    assert round(network["reinjury_risk"], 12) == round(1 / 3, 12)
    assert [first["unit_name"], second["unit_name"]] == ["C1", "C2"]
    assert (first["patients"], first["status_known"]) == (2, 2)


def test_a_clinic_whose_people_were_not_followed_has_no_risk() -> None:
    lost = OUTCOMES.with_columns(
        followed_days=pl.lit(20), competing_day=pl.lit(None, pl.Int64), is_event=pl.lit(value=False)
    )
    for row in unit_summaries(BASELINE, ADHERENCE, lost, PROTOCOL).rows(named=True):
        assert row["reinjury_risk"] is None
        assert row["status_known"] == 0


def test_no_episodes_give_no_rows() -> None:
    assert unit_summaries(BASELINE.clear(), ADHERENCE, OUTCOMES, PROTOCOL).is_empty()


def test_the_funnel_names_its_units() -> None:
    funnel = drawn("""
        clinic_id  stage  episodes_worked  episodes_completed  patients_worked  patients_completed
        C1         1      5                4                   5                4
        -          2      6                3                   6                3
        -          1      9                8                   9                8
    """)
    named = stage_funnel(funnel)
    assert named.select("unit_kind", "unit_name", "stage", "episodes_worked").rows() == [
        ("network", "network", 1, 9),
        ("network", "network", 2, 6),
        ("clinic", "C1", 1, 5),
    ]


def test_attrition_comes_in_the_order_of_its_steps() -> None:
    steps = pl.DataFrame({"step": [2, 1], "reason": ["seen", "all"], "episodes_left": [8, 10]})
    assert attrition(steps).rows() == [(1, "all", 10), (2, "seen", 8)]
