"""The release gate: what leaves the registry, and what nobody may compute back from it."""

from analysis.disclosure.audit import Leak, leaks
from analysis.disclosure.gate import Release, release_again, release_tables
from analysis.disclosure.ledger import REMEMBERED_RELEASES, Remembered, quarter_of
from analysis.disclosure.peers import rows_beside, why_no_comparison

__all__ = [
    "REMEMBERED_RELEASES",
    "Leak",
    "Release",
    "Remembered",
    "leaks",
    "quarter_of",
    "release_again",
    "release_tables",
    "rows_beside",
    "why_no_comparison",
]
