"""The study of the stage order: strategies, models, gates and verdicts on the general core."""

from analysis.study.study import StudyResult
from analysis.study.tables import StudyTables

__all__ = ["StudyResult", "StudyTables"]
