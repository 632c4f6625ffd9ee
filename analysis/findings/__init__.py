"""The study, its parts and the doubts about it, composed and sealed: the one door to results."""

from analysis.findings.findings import Findings, find

__all__ = ["Findings", "find"]
