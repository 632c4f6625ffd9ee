"""The four domains across the five stages in one picture, with the band of an important change."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from analysis.contracts.release import SUPPRESSED
from analysis.figures import style, words
from analysis.figures.chart import Chart, LegendEntry, Twin
from analysis.figures.courses import (
    MEANS,
    course_twin,
    hidden_labels,
    is_better,
    network_traces,
    own_traces,
    stage_tick,
)
from analysis.figures.panels import Frame, Panel, panels_spec
from analysis.figures.words import Row, shows

DOMAINS: Final = ("pain", "flexibility", "strength", "endurance")
BAND_HALF_WIDTH: Final = 0.4
PAIN_SCALE: Final = (0.0, 10.0)
FRAME: Final = Frame(panel_height=200, below=54)


def course_multiples(
    own: Sequence[Row],
    network: Sequence[Row],
    own_name: str,
    important_changes: Mapping[str, float],
) -> Chart:
    """Return first and last means of the four domains in every stage, beside the network's.

    `own` and `network` are released rows of results.domain_courses; `important_changes` holds a
    person's important change of each domain, in the domain's unit. Other domains are left out.
    """
    panels = [_panel(domain, own, network, own_name, important_changes) for domain in DOMAINS]
    twins = [_twin(domain, own, network, own_name) for domain in DOMAINS]
    drawn = any(panel.traces for panel in panels)
    return Chart(
        key="courses-all",
        title=_title(own),
        note=(
            "Mean of the first and of the last value in the stage, with the 95% interval of the "
            "last. Shaded: within an important change of the first mean; that is one person's "
            "change, so a mean inside it does not say that nobody improved. n: episodes. "
            f"{words.DESCRIPTIVE}"
        ),
        twin=twins[0][1],
        further=tuple(twins[1:]),
        spec=panels_spec(panels, FRAME) if drawn else None,
        missing="" if drawn else _missing(own),
        height="tall",
        legend=_legend(own_name, bool(network)),
        source="results/domain_courses",
    )


def _of(domain: str, rows: Sequence[Row]) -> list[Row]:
    return [row for row in rows if row["domain"] == domain]


def _title(own: Sequence[Row]) -> str:
    judged = [
        row for row in own if row["domain"] in DOMAINS and shows(row, "change_low", "change_high")
    ]
    if not judged:
        return "Pain, flexibility, strength and endurance, stage by stage"
    better = sum(is_better(row["domain"], row) for row in judged)
    return (
        "Pain, flexibility, strength and endurance, stage by stage: "
        f"{better} of {len(judged)} changes are clearly for the better"
    )


def _missing(own: Sequence[Row]) -> str:
    if any(words.status(row, "last_mean") == SUPPRESSED for row in own):
        return "All domains were measured in too few patients to be shown."
    return "No domain was measured twice in any stage, so there is no course to show."


def _legend(own_name: str, has_network: bool) -> tuple[LegendEntry, ...]:
    own = (
        LegendEntry("open-own", f"{own_name}, first"),
        LegendEntry("dot-own", f"{own_name}, last"),
        LegendEntry("band-important", "less than an important change"),
    )
    return (*own, LegendEntry("diamond-network", "network, first to last")) if has_network else own


def _panel(
    domain: str,
    own: Sequence[Row],
    network: Sequence[Row],
    own_name: str,
    important_changes: Mapping[str, float],
) -> Panel:
    mine, others = _of(domain, own), _of(domain, network)
    drawn = [row for row in mine if shows(row, *MEANS)]
    unit = next((row["unit"] for row in [*mine, *others] if row["unit"]), "")
    important = important_changes.get(domain)
    edges = _value_range(drawn, others, important, unit)
    return Panel(
        title=panel_title(domain, unit),
        subtitle=_band_words(important),
        traces=[*network_traces(others, unit), *own_traces(drawn, unit, own_name)] if drawn else (),
        xaxis=style.axis(
            tickvals=list(words.STAGES),
            ticktext=[stage_tick(mine, stage) for stage in words.STAGES],
            range=[0.5, 5.5],
            showgrid=False,
            tickangle=0,
            tickfont={"size": 10, "color": style.colour("soft-ink")},
        ),
        yaxis=style.axis(range=edges, nticks=6, showticklabels=bool(drawn)),
        shapes=[_band(row, important, edges) for row in drawn] if important else (),
        notes=hidden_labels(mine) if drawn else [_why_empty(mine)],
    )


def panel_title(domain: str, unit: str) -> str:
    """Return a domain with its unit and the direction of good."""
    short = words.SHORT_UNITS.get(unit, unit)
    direction = "lower" if domain in words.LOWER_IS_BETTER else "higher"
    named = f"{words.domain_name(domain)}, {short}" if short else words.domain_name(domain)
    return f"{named} ({direction} is better)"


def _band_words(important: float | None) -> str:
    if important is None:
        return ""
    return f"shaded: less than {words.decimal(important)} points from the first mean"


def _why_empty(rows: Sequence[Row]) -> dict[str, Any]:
    is_hidden = any(words.status(row, "last_mean") == SUPPRESSED for row in rows)
    told = "hidden: too few patients" if is_hidden else "not measured twice in any stage"
    own = {"xref": "x domain", "yref": "y domain", "xanchor": "center"}
    return style.label(0.5, 0.5, told, "soft-ink", **own)


def _band(row: Row, important: float | None, edges: Sequence[float]) -> dict[str, Any]:
    """Return the box of values within an important change of a stage's first mean."""
    reach = important or 0.0
    return {
        "type": "rect",
        "layer": "below",
        "x0": row["stage"] - BAND_HALF_WIDTH,
        "x1": row["stage"] + BAND_HALF_WIDTH,
        "y0": round(max(row["first_mean"] - reach, edges[0]), 2),
        "y1": round(min(row["first_mean"] + reach, edges[1]), 2),
        "fillcolor": style.colour("faint"),
        "line": {"color": style.colour("muted"), "width": 1},
    }


def _value_range(
    drawn: Sequence[Row], network: Sequence[Row], important: float | None, unit: str
) -> list[float]:
    """Return a range that holds all means and bands; for pain within its scale."""
    means = [row[name] for row in [*drawn, *network] for name in MEANS]
    values = [float(mean) for mean in means if mean is not None]
    values += [row["first_mean"] + side * (important or 0) for row in drawn for side in (-1, 1)]
    if not values:
        return [0.0, 1.0]
    room = max(0.3, 0.04 * (max(values) - min(values)))
    low, high = max(0.0, min(values) - room), max(values) + room
    if unit == "{score}":
        low, high = PAIN_SCALE[0], min(PAIN_SCALE[1], high)
    return [round(low, 1), round(high, 1)]


def _twin(
    domain: str, own: Sequence[Row], network: Sequence[Row], own_name: str
) -> tuple[str, Twin]:
    mine, others = _of(domain, own), _of(domain, network)
    unit = next((row["unit"] for row in [*mine, *others] if row["unit"]), "")
    return (
        f"{words.domain_name(domain)} by stage",
        course_twin(mine, others, unit, own_name),
    )
