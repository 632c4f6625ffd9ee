"""Whether files that go to one clinic name another: the lock of a handover.

A name is looked for as a whole word, so that `clinic-1` is not found in `clinic-10`, and in every
spelling in which a page, a drawing or a table may hold it. Two kinds of names cannot be looked for:
numbers and single letters, and plain words that a page holds whatever clinics there are; of these
only the file is looked for. In tables every row must be of the clinic itself or of the network.
"""

import csv
import html
import io
import re
import unicodedata
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Final
from urllib.parse import unquote

from analysis.contracts.release import ReleasedTable
from analysis.contracts.results import CLINIC, NETWORK
from analysis.figures.words import escaped
from analysis.pages import clinic_file

TOO_PLAIN: Final = re.compile(r"\d+|\w")
ONE_WORD: Final = re.compile(r"[^\W\d_]+")
CODE_POINT: Final = re.compile(r"\\u([0-9a-f]{4})", re.IGNORECASE)
LINE_BREAK: Final = re.compile(r"<br\s*/?>", re.IGNORECASE)
SPACES: Final = re.compile(r"\s+")
# Places of a drawing, which hold letters and numbers but no words.
DRAWN_PATH: Final = re.compile(r'\bd="[MLHVCSQTAZmlhvcsqtaz0-9 ,.\-]*"')


@dataclass(frozen=True)
class Named:
    """Where another clinic is named: in which file, and which."""

    path: str
    clinic: str


def other_clinics(released: Mapping[str, ReleasedTable], own: str) -> list[str]:
    """Return the names of all clinics but one that any released table holds, sorted."""
    found: set[str] = set()
    for table in released.values():
        for kind, name in (("unit_kind", "unit_name"), ("subgroup_kind", "subgroup")):
            if {kind, name} <= set(table.rows.columns):
                rows = table.rows.filter(table.rows[kind] == CLINIC)
                found.update(rows[name].drop_nulls())
    return sorted(found - {own})


def first_named(
    files: Mapping[str, bytes], others: Iterable[str], own: str, words: str
) -> Named | None:
    """Return the first place at which a file names another clinic, or None.

    `words` is text that holds no clinic's rows: what stands in it, a page says of itself.
    """
    others = list(others)
    names = {spelling: name for name in others for spelling in _spellings(name)}
    said = set(_found(words, names, own))
    sought = {spelling: name for spelling, name in names.items() if _is_telling(spelling, said)}
    by_file = {clinic_file(name).casefold(): name for name in others}
    for path, content in sorted(files.items()):
        text = f"{path}\n{content.decode('utf-8', 'replace')}"
        known = sought | by_file
        named = next((known[found] for found in _found(text, known, own)), None)
        if named is None and path.endswith(".csv"):
            named = next(_foreign_units(content.decode(), own), None)
        if named is not None:
            return Named(path, named)
    return None


def _found(text: str, names: Iterable[str], own: str) -> Iterator[str]:
    """Yield the names that stand in the text outside of the clinic's own name and file."""
    pattern = _pattern(names)
    is_own = _pattern([*_spellings(own), clinic_file(own).casefold()])
    for reading in _readings(text):
        spans = [found.span() for found in is_own.finditer(reading)]
        for found in pattern.finditer(reading):
            first, last = found.span()
            if not any(start <= first and last <= end for start, end in spans):
                yield found.group()


def _foreign_units(text: str, own: str) -> Iterator[str]:
    """Yield the units of a table's rows that are neither the clinic nor the network."""
    for row in csv.DictReader(io.StringIO(text)):
        if (row["unit_kind"], row["unit_name"]) not in {(CLINIC, own), (NETWORK, NETWORK)}:
            yield row["unit_name"]


def _is_telling(spelling: str, said: set[str]) -> bool:
    is_common = spelling in said and ONE_WORD.fullmatch(spelling)
    return not TOO_PLAIN.fullmatch(spelling) and not is_common


def _spellings(name: str) -> set[str]:
    return {spelling for text in (name, escaped(name)) if (spelling := _plain(text).strip())}


def _readings(text: str) -> list[str]:
    """Return the text as its reader sees it; a label may be broken within a word or between two."""
    shown = DRAWN_PATH.sub("", text)
    return [_plain(LINE_BREAK.sub(between, shown)) for between in ("", " ")]


def _plain(text: str) -> str:
    spelled = CODE_POINT.sub(lambda found: chr(int(found[1], 16)), text)
    spelled = html.unescape(unquote(spelled))
    spelled = spelled.replace('\\"', '"').replace("\\\\", "\\").replace('""', '"')
    return SPACES.sub(" ", unicodedata.normalize("NFKC", spelled)).casefold()


def _pattern(names: Iterable[str]) -> re.Pattern[str]:
    longest_first = sorted(set(names), key=lambda name: (-len(name), name))
    return re.compile("|".join(map(_whole_word, longest_first)) or r"(?!)")


def _whole_word(name: str) -> str:
    before = r"(?<!\w)" if re.match(r"\w", name[0]) else ""
    after = r"(?!\w)" if re.match(r"\w", name[-1]) else ""
    return f"{before}{re.escape(name)}{after}"
