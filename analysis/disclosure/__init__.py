"""The release gate: what leaves the registry, and what nobody may compute back from it."""

from analysis.disclosure.audit import Leak, leaks
from analysis.disclosure.gate import release_tables
from analysis.disclosure.peers import why_no_comparison

__all__ = ["Leak", "leaks", "release_tables", "why_no_comparison"]
