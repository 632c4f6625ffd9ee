"""Rules for one entry of a settings file: what it may hold, and the sentence when it does not."""

import re
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Protocol as Interface


class EntryFault(ValueError):  # noqa: N818 - a fault of one entry, gathered into one error
    """One entry holds something that its rule does not allow."""


class Rule(Interface):
    """Reads one entry, or raises `EntryFault` saying what is allowed."""

    def read(self, found: object) -> object:
        """Return the entry as the type it is declared with."""
        ...


@dataclass(frozen=True)
class Whole:
    """A whole number from `low` to `high`."""

    low: int
    high: int

    def read(self, found: object) -> int:
        """Return the whole number."""
        if isinstance(found, bool) or not isinstance(found, int):
            raise EntryFault(f"needs a whole number, found {shown(found)}")
        if not self.low <= found <= self.high:
            raise EntryFault(f"must be from {self.low} to {self.high}, found {shown(found)}")
        return found


@dataclass(frozen=True)
class Number:
    """A finite number from `low` to `high`."""

    low: float
    high: float

    def read(self, found: object) -> float:
        """Return the number."""
        if isinstance(found, bool) or not isinstance(found, int | float):
            raise EntryFault(f"needs a number, found {shown(found)}")
        if not self.low <= found <= self.high:
            raise EntryFault(f"must be from {self.low:g} to {self.high:g}, found {shown(found)}")
        return float(found)


@dataclass(frozen=True)
class YesNo:
    """Either true or false."""

    def read(self, found: object) -> bool:
        """Return the answer."""
        if not isinstance(found, bool):
            raise EntryFault(f"needs true or false, found {shown(found)}")
        return found


@dataclass(frozen=True)
class Text:
    """One line of text of at most `longest` characters."""

    longest: int = 80

    def read(self, found: object) -> str:
        """Return the text."""
        if not isinstance(found, str):
            raise EntryFault(f'needs text in "quotes", found {shown(found)}')
        if not (found.strip() and found.isprintable() and len(found) <= self.longest):
            raise EntryFault(f"needs one line of 1 to {self.longest} characters")
        return found


@dataclass(frozen=True)
class OneOf:
    """One of the known words."""

    words: tuple[str, ...]

    def read(self, found: object) -> str:
        """Return the word."""
        if not isinstance(found, str):
            raise EntryFault(f'needs a word in "quotes", found {shown(found)}')
        if found not in self.words:
            raise EntryFault(f"does not know {shown(found)}{nearest(found, self.words)}")
        return found


@dataclass(frozen=True)
class SomeOf:
    """A list of different known words or numbers, at least `fewest` of them."""

    rule: Rule
    fewest: int = 1

    def read(self, found: object) -> tuple[object, ...]:
        """Return the entries in the order of the file."""
        if not isinstance(found, list):
            raise EntryFault(f"needs a list in [brackets], found {shown(found)}")
        if len(found) < self.fewest:
            raise EntryFault(f"needs at least {self.fewest} in the list")
        entries = tuple(self.rule.read(entry) for entry in found)
        if len(set(entries)) < len(entries):
            raise EntryFault("names something twice")
        return entries


@dataclass(frozen=True)
class Factors:
    """A section of positive numbers by name."""

    def read(self, found: object) -> dict[str, float]:
        """Return the numbers by name."""
        if not isinstance(found, dict):
            raise EntryFault(f"needs names with numbers in {{braces}}, found {shown(found)}")
        numbers = {Text(40).read(name): Number(0, 1e9).read(found[name]) for name in found}
        if not all(numbers.values()):
            raise EntryFault("holds a 0; a factor is above 0")
        return numbers


@dataclass(frozen=True)
class Partition:
    """A list of groups that together hold each of `members` exactly once."""

    members: tuple[int, ...]

    def read(self, found: object) -> tuple[tuple[int, ...], ...]:
        """Return the groups, the members of each ascending."""
        example = str([[member] for member in self.members])
        if not (isinstance(found, list) and all(isinstance(group, list) for group in found)):
            raise EntryFault(f"needs a list of lists, such as {example}, found {shown(found)}")
        flat = [member for group in found for member in group]
        if any(isinstance(member, bool) or not isinstance(member, int) for member in flat):
            raise EntryFault(f"holds something that is no whole number; write it like {example}")
        self._hold_each_once(flat)
        if not all(found):
            raise EntryFault("holds an empty group; leave the empty brackets out")
        return tuple(tuple(sorted(group)) for group in found)

    def _hold_each_once(self, flat: list[int]) -> None:
        for member in flat:
            if member not in self.members:
                allowed = f"{self.members[0]} to {self.members[-1]}"
                raise EntryFault(f"holds {shown(member)}; the members are {allowed}")
            if flat.count(member) > 1:
                raise EntryFault(f"holds {member} more than once")
        missing = [str(member) for member in self.members if member not in flat]
        if missing:
            raise EntryFault(f"leaves out {', '.join(missing)}")


def nearest(found: str, known: tuple[str, ...]) -> str:
    """Return the end of a sentence that names the nearest known word, or all known words."""
    close = get_close_matches(found, known, n=1)
    if close:
        return f"; did you mean {close[0]}?"
    return f"; known are {', '.join(known)}"


def is_name(text: str) -> bool:
    """Say whether the text can name an order or an instrument."""
    return re.fullmatch(r"[A-Za-z][A-Za-z0-9_-]{0,39}", text) is not None


def shown(found: object) -> str:
    """Return the entry as the file would write it, cut short."""
    if isinstance(found, bool):
        return str(found).lower()
    if isinstance(found, dict):
        return "a section"
    try:
        written = f'"{found}"' if isinstance(found, str) else str(found)
    except ValueError:  # a whole number too long to be written out
        return "a very long number"
    return written if len(written) <= 60 else f"{written[:57]}..."
