"""The clinics beside one another, without a name: a funnel of size and share."""

from collections.abc import Sequence
from typing import Any, Final

from analysis.figures import style, words
from analysis.figures.chart import Chart, LegendEntry, Twin, twin
from analysis.figures.words import Row, shows

Z_95: Final = 1.959964
Z_998: Final = 3.090232
GUIDE_POINTS: Final = 40


def improvement_funnel(network: Row | None, clinics: Sequence[Row]) -> Chart:
    """Return every clinic's share improved in pain by its number of episodes, unnamed.

    Rows are released rows of results.responders for pain and the important change.
    """
    return _funnel("funnel-improved", "improved in pain", "share_improved", network, clinics)


def reinjury_funnel(network: Row | None, clinics: Sequence[Row]) -> Chart:
    """Return every clinic's risk of re-injury by its number of episodes, unnamed.

    Rows are released rows of results.unit_summaries.
    """
    return _funnel("funnel-reinjury", "re-injured within a year", "reinjury_risk", network, clinics)


def _funnel(key: str, what: str, column: str, network: Row | None, clinics: Sequence[Row]) -> Chart:
    drawn = sorted(
        (row for row in clinics if shows(row, column, "episodes")),
        key=lambda row: (row["episodes"], row[column]),
    )
    center = network[column] if network is not None and shows(network, column) else None
    return Chart(
        key=key,
        title=_title(what, drawn, center),
        note=(
            "A dot is a clinic, without its name. Small clinics scatter more by chance alone: the "
            "broken lines are where 95% and 99.8% would lie if all clinics were alike. Not a "
            "ranking; who the patients are is not taken into account."
        ),
        twin=_twin(drawn, column, what),
        spec=_spec(drawn, column, center, what) if drawn and center is not None else None,
        missing=""
        if drawn and center is not None
        else "Too few clinics are large enough to be shown.",
        legend=(
            LegendEntry("dot-own", "clinic"),
            LegendEntry("line-network", "network"),
            LegendEntry("dash-network", "limits of chance"),
        ),
    )


def _title(what: str, drawn: Sequence[Row], center: float | None) -> str:
    if not drawn or center is None:
        return f"Clinics by size and share {what}"
    return f"{words.percent(center)} {what} in the network; {len(drawn)} clinics are shown"


def _spec(drawn: Sequence[Row], column: str, center: float, what: str) -> dict[str, Any]:
    sizes = [row["episodes"] for row in drawn]
    values = [round(100 * row[column], 1) for row in drawn]
    hover = [
        f"a clinic with about {words.count(row['episodes'])} episodes: {words.percent(row[column])}"
        for row in drawn
    ]
    layout = {
        "xaxis": style.axis(title=style.axis_title("episodes of the clinic"), rangemode="tozero"),
        "yaxis": style.axis(title=style.axis_title(what), ticksuffix="%", rangemode="tozero"),
    }
    traces = [*_guides(center, max(sizes)), style.markers(sizes, values, hover, "own", size=12)]
    return dict(style.figure(traces, layout, style.HEIGHTS["medium"]))


def _guides(center: float, largest: int) -> list[dict[str, Any]]:
    first = 15
    sizes = [
        first + (1.08 * largest - first) * step / GUIDE_POINTS for step in range(GUIDE_POINTS + 1)
    ]
    guides = [style.line([sizes[0], sizes[-1]], [round(100 * center, 2)] * 2, "network", width=1.6)]
    for z, dash in ((Z_95, "dash"), (Z_998, "dot")):
        ends = [limits_of_chance(center, size, z) for size in sizes]
        for side in (0, 1):
            values = [round(100 * end[side], 2) for end in ends]
            guides.append(
                style.line([round(size) for size in sizes], values, "network", width=1.2, dash=dash)
            )
    return guides


def limits_of_chance(share: float, number: float, z: float) -> tuple[float, float]:
    """Return the limits of a share of `number` around `share` (Spiegelhalter, 2005)."""
    half = z * (share * (1 - share) / number) ** 0.5
    return (max(0.0, share - half), min(1.0, share + half))


def _twin(drawn: Sequence[Row], column: str, what: str) -> Twin:
    rows = [
        [
            words.text("a clinic"),
            words.cell(row, "episodes"),
            words.cell(row, column, words.percent),
        ]
        for row in drawn
    ]
    return twin(("Clinic", "Episodes", what.capitalize()), rows)
