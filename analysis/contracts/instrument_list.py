"""Writes the page of the instruments from their registry.

`python -m analysis.contracts.instrument_list > docs/instruments.md` makes it anew.
"""

import sys
from collections.abc import Iterator, Mapping
from typing import Final

from analysis.contracts.instruments import (
    NO_DOMAIN,
    Instrument,
    conversions,
    direction,
    is_percent_of_target,
    usable_targets,
)
from analysis.contracts.protocol import DOMAINS, Domain, Protocol, load_protocol

HEAD: Final = """# Instruments

What a code in the column `instrument` of `measurements` means. The registry is
`analysis/contracts/instruments.toml`; a protocol file adds instruments, or overrides one key by
key, in its section `[instruments.code]`. This page is made from it.

A reading counts when its unit can be turned into the instrument's by this table (no unit is ever
guessed), lies within the hard range and was taken before treatment. One beyond the usual range is
marked and counts. What does not count stays in `core.measurements`; `marts.instrument_use` tells
how many and why.

Where the domain is a percentage and the instrument is not, the value in `marts.domain_points` is
the reading in percent of its target: the latest reading of the other side on or before that day
(episodes of the left or right side), else the norm, else the goal that the protocol names
(`[[goals]]`, for one clinic or all). `target_source` and `target_value` keep which it was; readings
set against another kind of target are another line. Where less is better, no percentage is formed.
Readings of every instrument, questionnaires too, have their change in `marts.instrument_changes`,
beside the minimal important and the smallest detectable change of the sources named below. An empty
cell means that the literature gives no one figure that could be verified; it is not a zero.
"""
COLUMNS: Final = (
    "code",
    "instrument",
    "unit (converted from)",
    "range (usual)",
    "better",
    "important change",
    "detectable change",
    "set against",
    "read by",
)
SOURCES: Final = """
## Sources

- AAOS 1965: American Academy of Orthopaedic Surgeons, Joint Motion: Method of Measuring.
- Binkley et al. 1999, Phys Ther 79: Lower Extremity Functional Scale.
- Childs et al. 2005, Spine 30: numeric pain rating scale in low back pain.
- Ekedahl et al. 2012, Arch Phys Med Rehabil 93: fingertip-to-floor test and straight leg raising.
- Fletcher and Bandy 2008, J Orthop Sports Phys Ther 38: cervical range of motion with neck pain.
- Franchignoni et al. 2014, J Orthop Sports Phys Ther 44: DASH and QuickDASH.
- Hancock et al. 2018, J Exp Orthop 5: knee goniometry, long-arm goniometer.
- Kim et al. 2014, Clin Orthop Relat Res 472: grip strength after a fracture of the distal radius.
- Kolber et al. 2011, Physiother Theory Pract 27: shoulder, digital inclinometer, between raters.
- Ostelo et al. 2008, Spine 33: consensus on minimal important change in low back pain.
- Rysstad et al. 2020, BMC Musculoskelet Disord 21: QuickDASH and PSFS in shoulder pain.
- Young et al. 2009, Spine J 9: Neck Disability Index in mechanical neck disorders.
"""


def instrument_list(protocol: Protocol) -> str:
    """Return the page in Markdown."""
    sections = "".join(
        _section(domain, protocol.instruments, protocol.domains) for domain in (*DOMAINS, NO_DOMAIN)
    )
    return HEAD + sections + SOURCES


def _section(
    domain: str, instruments: Mapping[str, Instrument], domains: Mapping[str, Domain]
) -> str:
    title = "Of no domain" if domain == NO_DOMAIN else domain.capitalize()
    rows = [
        _row(code, instrument, domains)
        for code, instrument in instruments.items()
        if instrument.domain == domain
    ]
    head = f"| {' | '.join(COLUMNS)} |\n{'|---' * len(COLUMNS)}|"
    return "\n".join([f"\n## {title}\n", head, *rows, ""])


def _row(code: str, instrument: Instrument, domains: Mapping[str, Domain]) -> str:
    cells = (
        f"`{code}`",
        instrument.name or "",
        _units(instrument),
        _ranges(instrument),
        direction(instrument, domains) or "",
        _sourced(instrument.important_change, instrument.important_source),
        _sourced(instrument.detectable_change, instrument.detectable_source),
        "; ".join(_targets(instrument, domains)),
        instrument.reader,
    )
    return f"| {' | '.join(cells)} |"


def _units(instrument: Instrument) -> str:
    others = [f"`{unit}`" for unit in conversions(instrument) if unit != instrument.unit]
    return f"`{instrument.unit}`" + (f" ({', '.join(others)})" if others else "")


def _ranges(instrument: Instrument) -> str:
    hard = _range(instrument.lowest, instrument.highest)
    usual = _range(instrument.usual_lowest, instrument.usual_highest)
    return f"{hard} ({usual})" if usual else hard


def _range(low: float | None, high: float | None) -> str:
    if low is None and high is None:
        return ""
    return f"{_number(low)} to {_number(high)}"


def _number(figure: float | None) -> str:
    return "any" if figure is None else f"{figure:g}"


def _sourced(figure: float | None, source: str | None) -> str:
    return "" if figure is None else f"{figure:g} ({source})"


def _targets(instrument: Instrument, domains: Mapping[str, Domain]) -> Iterator[str]:
    if not is_percent_of_target(instrument, domains):
        return
    targets = usable_targets(instrument, domains)
    if not targets:
        yield "nothing"
    if "unaffected_side" in targets:
        yield "unaffected side"
    if "norm" in targets and instrument.norm is not None:
        yield f"norm {_sourced(instrument.norm, instrument.norm_source)}"
    if "goal" in targets:
        yield "goal"


if __name__ == "__main__":
    sys.stdout.write(instrument_list(load_protocol()))
