"""Indicators of care over time: counting, limits and signals, apart from one another."""

from analysis.quality.baselines import Rebase
from analysis.quality.changes import change_cohorts
from analysis.quality.indicators import QualityTables
from analysis.quality.points import quality_points
from analysis.quality.therapists import therapist_reviews

__all__ = ["QualityTables", "Rebase", "change_cohorts", "quality_points", "therapist_reviews"]
