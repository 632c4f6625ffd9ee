"""The words of the quality review's indicators: a title, a unit and a question to ask.

How each is counted stands in `sql/marts`, how it is charted in `analysis/quality`. A question asks
what happened; it is no verdict, and no signal answers it.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from analysis.contracts.protocol import STAGES

POINTS: Final = "points"
DAYS: Final = "days"
VISITS: Final = "visits"
EPISODES: Final = "episodes"
WEEKS: Final = "weeks"


@dataclass(frozen=True)
class IndicatorWords:
    """How an indicator is called and what to ask where its chart signals; unit None is a share."""

    title: str
    question: str
    unit: str | None = None


_HARM_QUESTION: Final = "What do the records of these episodes have in common?"

INDICATOR_WORDS: Final[Mapping[str, IndicatorWords]] = {
    "premature_advance": IndicatorWords(
        "Episodes that moved on before a stage was completed",
        "Was moving on early a choice, or were exits not recorded?",
    ),
    "exit_evidence": IndicatorWords(
        "Stage changes with measured or attested exit",
        "Are exits measured or attested less often, or only written down less often?",
    ),
    "measured_exits": IndicatorWords(
        "Exits met that were measured",
        "Did instruments, time or training for measuring exits change?",
    ),
    "missed_sessions": IndicatorWords(
        "Booked sessions missed or cancelled late",
        "What changed in booking, reminders or travel in these months?",
    ),
    "no_shows": IndicatorWords(
        "Booked sessions missed without notice",
        "Do reminders reach patients, and did booking change?",
    ),
    "late_cancellations": IndicatorWords(
        "Booked sessions cancelled late", "What keeps patients from coming at short notice?"
    ),
    "pain_measured": IndicatorWords(
        "Attended sessions with pain recorded",
        "Who asks for pain before treatment, and where is it written down?",
    ),
    "improved_at_discharge": IndicatorWords(
        "Ended episodes with less pain by an important change",
        "Did who came, how pain is asked for, or care change?",
    ),
    "deteriorated": IndicatorWords(
        "Ended episodes with more pain by an important change", _HARM_QUESTION
    ),
    "pain_change_at_discharge": IndicatorWords(
        "Mean change in pain by the end of care",
        "Did who came, how pain is asked for, or care change?",
        POINTS,
    ),
    "reinjury_90_days": IndicatorWords(
        "Re-injured within 90 days",
        "Did who came, or how re-injury is asked for, change in these months?",
    ),
    "reinjury_365_days": IndicatorWords(
        "Re-injured within a year",
        "Did who came, or how re-injury is asked for, change in these months?",
    ),
    "follow_up_capture": IndicatorWords(
        "Episodes with known status after a year",
        "Who asks for status after a year, and did that change?",
    ),
    "never_exit_stage_1": IndicatorWords(
        "Episodes that never met the exit of stage 1",
        "Was pain still too high, was the exit not recorded, or did people leave?",
    ),
    "completed_all": IndicatorWords(
        "Episodes that completed all stages",
        "Where do people leave, and is the last exit recorded?",
    ),
    **{
        f"days_in_stage_{stage}": IndicatorWords(
            f"Mean days in stage {stage} until its exit",
            f"What made stage {stage} longer or shorter: visits, exits, or who came?",
            DAYS,
        )
        for stage in STAGES
    },
    **{
        f"visits_in_stage_{stage}": IndicatorWords(
            f"Visits in stage {stage} for each episode in it",
            f"What changed in how often people come while in stage {stage}?",
            VISITS,
        )
        for stage in STAGES
    },
    "adverse_endings": IndicatorWords(
        "Episodes that ended in an adverse event or surgery", _HARM_QUESTION
    ),
    "adverse_endings_cases": IndicatorWords(
        "Episodes that ended otherwise from one group of adverse endings to the next",
        _HARM_QUESTION,
        EPISODES,
    ),
    "adverse_endings_weeks": IndicatorWords(
        "Weeks from one group of adverse endings to the next", _HARM_QUESTION, WEEKS
    ),
}
