"""What a report of the study says in words: the target trial, the methods, the checklists."""

from analysis.reporting.checklists import CHECKLISTS, ChecklistItem, checklist, checklists_csv
from analysis.reporting.facts import StudyFacts, study_facts
from analysis.reporting.methods import Passage, methods, methods_markdown
from analysis.reporting.references import Reference, references_in
from analysis.reporting.trial import Component, target_trial
from analysis.reporting.writing import readable

__all__ = [
    "CHECKLISTS",
    "ChecklistItem",
    "Component",
    "Passage",
    "Reference",
    "StudyFacts",
    "checklist",
    "checklists_csv",
    "methods",
    "methods_markdown",
    "readable",
    "references_in",
    "study_facts",
    "target_trial",
]
