"""What was seen of each unit: counts, the stage funnel, re-injury as it occurred."""

from analysis.outcomes.summaries import attrition, stage_funnel, unit_summaries

__all__ = ["attrition", "stage_funnel", "unit_summaries"]
