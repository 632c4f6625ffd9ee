"""How numbers and lists are written in running text."""

import re
from collections.abc import Sequence
from typing import Final

MINUS: Final = "\N{MINUS SIGN}"
# How reasons name a level of the covariate clinic; the name goes on to what follows it there.
CLINIC_LEVEL: Final = re.compile(r"\bclinic(?:_id)?=.*?(?=, strategy\b|, day\b|[;)]|$)")
IDENTIFIER: Final = re.compile(r"\b[a-z0-9]+(?:_[a-z0-9]+)+\b")
HYPHEN_MINUS: Final = re.compile(r"(?<![\w-])-(?=\d)")
NAMES: Final = {
    "reinjury": "re-injury",
    "other_region": "a complaint of another region",
    "unrelated_illness": "an unrelated illness",
}


def count(number: float) -> str:
    """Return a count with thin spaces between thousands."""
    return f"{number:,.0f}".replace(",", "\N{NARROW NO-BREAK SPACE}")


def counted(number: int, name: str) -> str:
    """Return a number of things whose plural is regular, e.g. `1 delivery`, `2 deliveries`."""
    plural = f"{name[:-1]}ies" if name.endswith("y") else f"{name}s"
    return f"{count(number)} {name if number == 1 else plural}"


def percent(share: float) -> str:
    """Return a share (0 to 1) as per cent, with one decimal at most."""
    return f"{round(share * 100, 1):g}%".replace("-", MINUS)


def points(share: float) -> str:
    """Return a difference of shares as percentage points, with its sign."""
    return f"{round(share * 100, 1):+g} points".replace("-", MINUS)


def spelled(name: str) -> str:
    """Return an identifier as words."""
    return NAMES.get(name, name.replace("_", " "))


def readable(reason: str) -> str:
    """Return a reason with identifiers as words and real minus signs, naming no clinic."""
    unnamed = CLINIC_LEVEL.sub("clinic", reason)
    spaced = IDENTIFIER.sub(lambda found: found.group().replace("_", " "), unnamed)
    return HYPHEN_MINUS.sub(MINUS, spaced)


def listed(names: Sequence[str], joint: str = "and") -> str:
    """Return names as a list in a sentence; "none" when there are none."""
    told = [spelled(name) for name in names]
    if not told:
        return "none"
    return told[0] if len(told) == 1 else f"{', '.join(told[:-1])} {joint} {told[-1]}"
