"""What adherence means: the golden cases, the graded measures, and the definition by hand."""

from typing import Any

import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from analysis.contracts.protocol import load_protocol, parse_protocol
from pipelines.warehouse.build import registry_in_memory
from pipelines.warehouse.connection import read_frame
from tests.concepts.adherence_by_hand import Adherence, Session, adherence
from tests.drawing import DAYS_BETWEEN_SESSIONS, registry_of, table

PROTOCOL = load_protocol()
ORDERS = tuple(PROTOCOL.orders)

# [x]: the exits met in that session; a cell is the first violating session and its kind.
GOLDEN = table(
    """
    case                            | sessions                                  | seed        | alt23  | partial
    textbook                        | 1, 1[1], 2[2], 3, 3[3], 4[4], 5[5]        | none        | 3 skip | none
    early advance                   | 1, 2, 1[1], 2[2], 3[3], 4[4], 5[5]        | 2 premature | 2 skip | 2 premature
    skip                            | 1, 1[1], 3[3], 4[4], 5[5]                 | 3 skip      | 4 skip | 4 skip
    flare, goes back                | 1[1], 2[2], 3, 1, 3[3], 4[4]              | none        | 2 skip | none
    two stages, exit met in session | 1, 1+2[1], 2[2]                           | none        | 2 skip | none
    two stages, exit not met        | 1, 1+2, 1[1], 2[2]                        | 2 premature | 2 skip | 2 premature
    dropped out                     | 1, 1                                      | none        | none   | none
    swapped                         | 1[1], 3[3], 2[2], 4[4], 5[5]              | 2 skip      | none   | none
    isolated stage 4                | 1, 4, 1[1], 2[2], 3[3], 4[4], 5[5]        | 2 skip      | 2 skip | 2 skip
    early loading                   | 1, 4, 4, 5, 3                             | 2 skip      | 2 skip | 2 skip
    """  # noqa: E501
)


def built(tables: dict[str, pl.DataFrame], *marts: str) -> tuple[pl.DataFrame, ...]:
    with registry_in_memory(tables, PROTOCOL) as registry:
        return tuple(read_frame(registry, f"marts.{mart}") for mart in marts)


@pytest.fixture(scope="module")
def golden() -> tuple[pl.DataFrame, pl.DataFrame]:
    drawn = dict(zip(GOLDEN["case"], GOLDEN["sessions"], strict=True))
    session_order, episode_adherence = built(
        registry_of(drawn), "session_order", "episode_adherence"
    )
    return session_order, episode_adherence


@pytest.mark.parametrize("order_name", ORDERS)
@pytest.mark.parametrize("case", GOLDEN["case"])
def test_golden_case(golden: tuple[pl.DataFrame, pl.DataFrame], case: str, order_name: str) -> None:
    expected = GOLDEN.row(by_predicate=pl.col("case") == case, named=True)[order_name]
    this = (pl.col("episode_id") == case) & (pl.col("order_name") == order_name)
    session_order, episode_adherence = (rows.filter(this) for rows in golden)
    violating = session_order.filter("is_violation").sort("session_number")
    (episode,) = episode_adherence.to_dicts()

    if expected == "none":
        assert violating.is_empty()
        assert episode["first_violation_day"] is None
        assert episode["violation_kind"] is None
        assert episode["premature_sessions"] == 0
    else:
        first = violating.row(0, named=True)
        number, kind = expected.split()
        assert (first["session_number"], first["violation_kind"]) == (int(number), kind)
        assert episode["first_violation_session_number"] == int(number)
        assert episode["first_violation_day"] == first["day"]
        assert episode["violation_kind"] == kind
        assert episode["premature_sessions"] == violating.height


def adherence_of(drawn: str, order_name: str = "seed", **others: Any) -> dict[str, Any]:
    (rows,) = built(registry_of({"e1": drawn}, **others), "episode_adherence")
    return rows.row(by_predicate=pl.col("order_name") == order_name, named=True)


def test_perfect_order_without_any_exit_breaks_the_strict_claim_at_its_second_session() -> None:
    episode = adherence_of("1, 2, 3, 4, 5")

    assert episode["first_violation_session_number"] == 2
    assert episode["premature_share"] == 4 / 5
    assert episode["inversion_share"] == 0
    assert episode["longest_ordered_share"] == 1
    assert episode["completed_stages"] == 0
    assert episode["highest_stage_worked"] == 5
    assert episode["load_before_pain_exit"]


def test_a_stage_is_skipped_whatever_exits_were_met_and_once_it_is_worked_no_more() -> None:
    assert adherence_of("1, 2, 3, 4, 5")["first_skip_day"] is None
    assert adherence_of("1, 2, 4, 3, 4")["first_skip_day"] == 14
    assert adherence_of("1, 2+3, 1, 4")["first_skip_day"] is None
    assert adherence_of("2, 1, 3")["first_skip_day"] == 0
    assert adherence_of("1, 3, 2", "alt23")["first_skip_day"] is None


def test_early_loading_begins_when_one_of_its_stages_is_first_worked() -> None:
    assert adherence_of("1, 2, 1+5, 4")["first_loading_day"] == 14
    assert adherence_of("1, 2, 3")["first_loading_day"] is None


def test_a_swap_is_measured_by_the_order_it_is_held_against() -> None:
    drawn = "1[1], 3[3], 2[2], 4[4]"

    # Of the six pairs of the seed order one (3 before 2) is inverted; partial does not rank it.
    assert adherence_of(drawn, "seed")["inversion_share"] == 1 / 6
    assert adherence_of(drawn, "alt23")["inversion_share"] == 0
    assert adherence_of(drawn, "partial")["inversion_share"] == 0
    assert adherence_of(drawn, "seed")["longest_ordered_share"] == 3 / 4
    assert adherence_of(drawn, "alt23")["longest_ordered_share"] == 1


def test_a_return_for_two_sessions_leaves_the_longest_ordered_part() -> None:
    episode = adherence_of("1[1], 2[2], 3, 1, 1, 3[3], 4")

    assert episode["longest_ordered_share"] == 5 / 7
    assert episode["inversion_share"] == 4 / 17
    assert episode["premature_share"] == 0


def test_sessions_of_one_rank_have_no_order_to_be_out_of() -> None:
    assert adherence_of("1, 1")["inversion_share"] is None
    assert adherence_of("2, 3, 2", "partial")["inversion_share"] is None
    assert adherence_of("1, 1")["longest_ordered_share"] == 1


def test_loading_before_the_exit_of_pain_counts_unless_the_exit_is_met_in_the_same_session() -> (
    None
):
    assert adherence_of("1, 1+4")["load_before_pain_exit"]
    assert adherence_of("1, 1+4, 1[1]")["load_before_pain_exit"]
    assert not adherence_of("1, 1+4[1]")["load_before_pain_exit"]
    assert not adherence_of("1, 1, 3")["load_before_pain_exit"]


def test_inferred_and_absent_evidence_never_completes_a_stage() -> None:
    tables = registry_of(
        {"measured": "1[1], 2", "attested": "1[1], 2", "inferred": "1[1], 2", "none": "1[1], 2"}
    )
    evidence = pl.col("episode_id").replace("none", None)
    (rows,) = built(
        {**tables, "sessions": tables["sessions"].with_columns(exit_evidence=evidence)},
        "episode_adherence",
    )
    seed = rows.filter(order_name="seed")

    violated = dict(zip(seed["episode_id"], seed["first_violation_session_number"], strict=True))
    assert violated == {"measured": None, "attested": None, "inferred": 2, "none": 2}


def test_a_protocol_may_count_less_evidence() -> None:
    measured_only = parse_protocol("[exits]\ncounted_evidence = ['attested']")
    with registry_in_memory(registry_of({"e1": "1[1], 2"}), measured_only) as registry:
        rows = read_frame(registry, "marts.episode_adherence")

    assert rows.filter(order_name="seed")["first_violation_session_number"].to_list() == [2]


def test_sessions_stand_in_order_of_day_sequence_and_id_and_only_attended_ones_count() -> None:
    sessions = table(
        """
        session_id | episode_id | therapist_id | day | sequence | status   | stage | exit_met | exit_evidence
        d          | e1         | t1           | 9   | 2        | attended | 3     | false    | measured
        c          | e1         | t1           | 9   | 1        | attended | 2     | true     | measured
        b          | e1         | t1           | 0   | -        | attended | 1     | true     | measured
        a          | e1         | t1           | 0   | -        | attended | 1     | false    | measured
        z          | e1         | t1           | 1   | -        | no_show  | -     | -        | -
        e          | e1         | t1           | 9   | -        | attended | 1     | false    | measured
        """  # noqa: E501
    )
    (rows,) = built(registry_of({"e1": ""}, sessions=sessions), "session_order")

    seed = rows.filter(order_name="seed").sort("session_number")
    assert seed["session_id"].to_list() == ["a", "b", "e", "c", "d"]
    assert seed["session_number"].to_list() == [1, 2, 3, 4, 5]
    assert seed["completed_stages_before"].to_list() == [0, 0, 1, 1, 2]
    assert not seed["is_violation"].any()


def test_an_episode_without_an_attended_session_has_nothing_to_be_judged_by() -> None:
    episode = adherence_of("")

    assert episode["attended_sessions"] == 0
    assert episode["premature_share"] is None
    assert episode["longest_ordered_share"] is None
    assert episode["highest_stage_worked"] is None


@st.composite
def drawn_sessions(draw: st.DrawFn) -> list[Session]:
    def session() -> Session:
        stage = draw(st.integers(1, 5))
        others = draw(st.frozensets(st.integers(1, 5), max_size=2))
        return Session(stage, others | {stage}, draw(st.booleans()))

    return [session() for _ in range(draw(st.integers(1, 12)))]


@settings(max_examples=6, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.lists(drawn_sessions(), min_size=25, max_size=40))
def test_the_tables_say_what_the_definition_says_by_hand(episodes: list[list[Session]]) -> None:
    drawn = {f"e{number}": as_text(sessions) for number, sessions in enumerate(episodes)}
    session_order, episode_adherence = built(
        registry_of(drawn), "session_order", "episode_adherence"
    )

    for order_name in ORDERS:
        of_sessions = session_order.filter(order_name=order_name).sort("session_number")
        of_episodes = episode_adherence.filter(order_name=order_name)
        for number, sessions in enumerate(episodes):
            expected = adherence(sessions, PROTOCOL, order_name)
            rows = of_sessions.filter(episode_id=f"e{number}")
            (row,) = of_episodes.filter(episode_id=f"e{number}").to_dicts()
            assert tuple(rows["violation_kind"]) == expected.violations
            assert tuple(rows["completed_stages_before"]) == expected.completed_before
            assert measures(row) == pytest.approx(expected_measures(expected))


def as_text(sessions: list[Session]) -> str:
    def one(session: Session) -> str:
        worked = [session.stage, *sorted(session.worked - {session.stage})]
        return "+".join(map(str, worked)) + (f"[{session.stage}]" * session.is_exit_counted)

    return ", ".join(map(one, sessions))


def measures(row: dict[str, Any]) -> list[Any]:
    return [
        row["first_violation_session_number"],
        row["violation_kind"],
        row["premature_share"],
        row["inversion_share"],
        row["longest_ordered_share"],
        row["load_before_pain_exit"],
        row["completed_stages"],
        row["highest_stage_worked"],
        row["first_skip_day"],
        row["first_loading_day"],
    ]


def expected_measures(expected: Adherence) -> list[Any]:
    broken = [number for number, kind in enumerate(expected.violations, 1) if kind]
    attended = len(expected.violations)
    return [
        broken[0] if broken else None,
        expected.violations[broken[0] - 1] if broken else None,
        len(broken) / attended,
        expected.inversion_share,
        expected.longest_ordered / attended,
        expected.load_before_pain_exit,
        expected.completed_stages,
        expected.highest_stage_worked,
        _day(expected.first_skip),
        _day(expected.first_loading),
    ]


def _day(session: int | None) -> int | None:
    return None if session is None else DAYS_BETWEEN_SESSIONS * session
