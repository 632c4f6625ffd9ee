"""Conditions and regions of a unit are summed up as the unit itself is."""

import polars as pl

from analysis.contracts.protocol import load_protocol
from analysis.outcomes.groups import group_summaries
from analysis.survival.incidence import CENSORED, EVENT
from tests.drawing import table

PROTOCOL = load_protocol()
EPISODES = table(f"""
    episode_id | patient_key | clinic_id | cause      | followed_days | is_known | completed_stages
    E1         | 1           | C1        | {CENSORED} | 365           | true     | 5
    E2         | 1           | C1        | {EVENT}    | 40            | true     | 2
    E3         | 2           | C1        | {CENSORED} | 30            | false    | 0
    E4         | 3           | C2        | {CENSORED} | 365           | true     | 5
""")
BASELINE = table("""
    episode_id | episode_key | condition | region
    E1         | 1           | ischemia  | knee
    E2         | 2           | ischemia  | hip
    E3         | 3           | ischemia  | knee
    E4         | 4           | ischemia  | knee
""")
CHANGES = pl.DataFrame({"episode_key": [1, 2], "is_improved": [True, False]})


def groups() -> dict[tuple[str, str], dict[str, object]]:
    rows = group_summaries(EPISODES, BASELINE, CHANGES, PROTOCOL)
    return {(row["unit_name"], row["subgroup"]): row for row in rows.rows(named=True)}


def test_a_condition_of_the_network_counts_all_its_episodes() -> None:
    row = groups()["network", "ischemia"]
    assert (row["patients"], row["episodes"], row["reinjuries"]) == (3, 4, 1)
    assert (row["improved"], row["share_improved"]) == (1, 0.25)
    assert (row["episodes_completed_all"], row["status_known"]) == (2, 3)
    # Of three still followed on day 40 one is injured.
    assert round(float(str(row["reinjury_risk"])), 12) == round(1 / 3, 12)


def test_a_clinic_has_its_own_groups_after_the_network() -> None:
    found = groups()
    assert list(found) == [
        ("network", "ischemia"),
        ("network", "hip"),
        ("network", "knee"),
        ("C1", "ischemia"),
        ("C1", "hip"),
        ("C1", "knee"),
        ("C2", "ischemia"),
        ("C2", "knee"),
    ]
    assert found["C1", "hip"]["reinjuries"] == 1
    assert found["C1", "knee"]["episodes"] == 2


def test_a_group_that_was_never_measured_twice_has_no_share_improved() -> None:
    row = groups()["C2", "knee"]
    assert (row["improved"], row["share_improved"]) == (0, None)


def test_no_episodes_have_no_groups() -> None:
    assert group_summaries(EPISODES.clear(), BASELINE, CHANGES, PROTOCOL).is_empty()
