"""What a clinic records, against what the analyses need, and which of them that opens."""

from collections.abc import Sequence
from typing import Any, Final

from analysis.figures import style, words
from analysis.figures.chart import Chart, LegendEntry, Twin, twin
from analysis.figures.words import Row, shows

TIERS: Final = {
    0: "appointments only",
    1: "stages and pain",
    2: "dated exits with evidence",
    3: "scheduled follow-up",
}
# What can be analysed from a tier on.
OPENED: Final = {
    1: "how pain moves from stage to stage",
    2: "adherence to the order of the stages, and the study of it",
    3: "re-injury after care, with its status known",
}
REQUIREMENTS: Final = {
    "stage_recorded": "attended sessions with a stage",
    "pain_recorded": "attended sessions with pain before treatment",
    "exit_evidence": "stage changes with a measured or attested exit",
    "follow_up_attempted": "episodes past their year with a recorded follow-up attempt",
    "status_known": "episodes past their year with known status",
}
# The same in few words, beside the axis.
SHORT: Final = {
    "stage_recorded": "sessions with a stage",
    "pain_recorded": "sessions with pain",
    "exit_evidence": "stage changes with evidence of the exit",
    "follow_up_attempted": "episodes with a follow-up attempt",
    "status_known": "episodes with known status",
}
ROW_ROOM: Final = 54
LABEL_WIDTH: Final = 24
LABEL_MARGIN: Final = 170
LAST_TIER: Final = max(TIERS)


def requirement_name(requirement: str) -> str:
    """Return a requirement as words for what a share is of."""
    return REQUIREMENTS.get(requirement, words.spelled(requirement).lower())


def is_met(row: Row) -> bool | None:
    """Say whether a shown share reaches what is needed; None where it is hidden or absent."""
    return bool(row["share"] >= row["needed"]) if shows(row, "share") else None


def tier_of(rows: Sequence[Row]) -> int | None:
    """Return the highest tier whose requirements, and those of all tiers below, are met.

    Rows are released rows of results.data_quality of one unit. Only shown shares count, so that
    the tier tells nothing that the rows do not; None where nothing at all is shown.
    """
    if not any(shows(row, "share") for row in rows):
        return None
    tier = 0
    while tier < LAST_TIER:
        asked = [row for row in rows if row["tier"] == tier + 1]
        if not asked or not all(is_met(row) for row in asked):
            return tier
        tier += 1
    return tier


def unlock_words(rows: Sequence[Row]) -> str:
    """Return what one unit would have to record for the next tier, and what that would open.

    Rows are released rows of results.data_quality of one unit.
    """
    tier = tier_of(rows)
    if tier is None:
        return "Too few patients to say what is recorded."
    if tier == LAST_TIER:
        return "Everything that the analyses ask for is recorded."
    following = tier + 1
    lacking = [row for row in rows if row["tier"] == following and not is_met(row)]
    asked = "; ".join(_lacking(row) for row in lacking) or TIERS[following]
    opens = f"That would open {OPENED[following]}."
    return f"To reach tier T{following} ({TIERS[following]}): {asked}. {opens}"


def _lacking(row: Row) -> str:
    needed = f"{requirement_name(row['requirement'])} on at least {words.percent(row['needed'])}"
    if shows(row, "share"):
        return f"{needed} (now {words.percent(row['share'])} of {_of(row)})"
    if row["denominator"] == 0:
        return f"{needed} (none so far)"
    return f"{needed} (hidden: too few)"


def _of(row: Row) -> str:
    return words.count(row["denominator"]) if shows(row, "denominator") else "a hidden number"


def requirements_chart(rows: Sequence[Row], unit: str = "this clinic") -> Chart:
    """Return the share recorded of everything the tiers ask for, against what is needed.

    Rows are released rows of results.data_quality of one unit.
    """
    ordered = sorted(rows, key=lambda row: (row["tier"], _place(row["requirement"])))
    drawn = [row for row in ordered if shows(row, "share")]
    return Chart(
        key="data-quality",
        title=_title(rows, unit),
        note=(
            f"{unlock_words(ordered)} Shares in % from rounded counts, n beside each; the upright "
            "bar is what is needed. A tier needs all of its own requirements and of those below."
        ),
        twin=_twin(ordered),
        spec=_spec(ordered, drawn) if drawn else None,
        missing="" if drawn else "Too few patients to say what is recorded.",
        legend=(
            LegendEntry("dot-own", "reaches what is needed"),
            LegendEntry("diamond-signal", "does not"),
            LegendEntry("", "| needed"),
        ),
        source="results/data_quality",
    )


def _place(requirement: str) -> int:
    names = list(REQUIREMENTS)
    return names.index(requirement) if requirement in names else len(names)


def _title(rows: Sequence[Row], unit: str) -> str:
    tier = tier_of(rows)
    if tier is None:
        return f"What is recorded, {unit}"
    named = words.spelled(unit) if unit[:1].islower() else unit
    return f"{named} records tier T{tier}: {TIERS[tier]}"


def _spec(ordered: Sequence[Row], drawn: Sequence[Row]) -> dict[str, Any]:
    places = {row["requirement"]: place for place, row in enumerate(ordered)}
    layout = {
        "xaxis": style.axis(range=[0, 107], ticksuffix="%", dtick=25),
        "yaxis": style.listed_axis([_label(row) for row in ordered]),
        "annotations": [
            style.label(2, places[row["requirement"]], _why(row), "soft-ink", xanchor="left")
            for row in ordered
            if row not in drawn
        ],
        "margin": {"l": LABEL_MARGIN, "r": 14, "t": 6, "b": 34},
    }
    traces = [
        _needed(ordered, places),
        _marks([row for row in drawn if is_met(row)], places, "own", "circle"),
        _marks([row for row in drawn if not is_met(row)], places, "signal", "diamond"),
    ]
    return dict(style.figure(traces, layout, 46 + ROW_ROOM * len(ordered)))


def _label(row: Row) -> str:
    name = SHORT.get(row["requirement"], requirement_name(row["requirement"]))
    number = words.cell(row, "denominator").text
    return words.wrapped(f"T{row['tier']} {name}", LABEL_WIDTH) + f"<br>n {number}"


def _why(row: Row) -> str:
    return "none to record" if row["denominator"] == 0 else "hidden: too few"


def _needed(ordered: Sequence[Row], places: dict[str, int]) -> dict[str, Any]:
    trace = style.markers(
        [round(100 * row["needed"], 1) for row in ordered],
        [places[row["requirement"]] for row in ordered],
        [f"needed: {words.percent(row['needed'])}" for row in ordered],
        "ink",
        symbol="line-ns",
        size=18,
    )
    trace["marker"]["line"]["width"] = 2
    return trace


def _marks(rows: Sequence[Row], places: dict[str, int], role: str, symbol: str) -> dict[str, Any]:
    return style.markers(
        [round(100 * row["share"], 1) for row in rows],
        [places[row["requirement"]] for row in rows],
        [
            f"{requirement_name(row['requirement'])}: {words.percent(row['share'])} of {_of(row)}"
            for row in rows
        ],
        role,
        symbol=symbol,
        size=12,
    )


def _twin(rows: Sequence[Row]) -> Twin:
    cells = [
        [
            words.text(f"T{row['tier']} {requirement_name(row['requirement'])}"),
            words.cell(row, "numerator"),
            words.cell(row, "denominator"),
            words.cell(row, "share", words.percent),
            words.text(words.percent(row["needed"])),
            words.text({True: "yes", False: "no", None: "cannot be told"}[is_met(row)]),
        ]
        for row in rows
    ]
    header = ("Tier and requirement", "Recorded", "Of", "Share", "Needed", "Reached")
    return twin(header, cells)


def tier_strip(rows: Sequence[Row]) -> Chart:
    """Return how many clinics are on each tier, none of them named.

    Rows are released rows of results.data_quality of all clinics.
    """
    clinics = dict.fromkeys(row["unit_name"] for row in rows if row["unit_kind"] == "clinic")
    tiers = [tier_of([row for row in rows if row["unit_name"] == name]) for name in clinics]
    known = [tier for tier in tiers if tier is not None]
    hidden = len(tiers) - len(known)
    counts = [known.count(tier) for tier in TIERS]
    return Chart(
        key="tiers",
        title=_strip_title(known),
        note=(
            "Number of clinics by what they record, unnamed; each tier has what the ones before "
            f"it have. {_openings()}" + (f" {hidden} hidden: too few patients." if hidden else "")
        ),
        twin=twin(
            ("Tier", "Clinics"),
            [
                [words.text(f"T{tier} {name}"), words.text(number)]
                for (tier, name), number in zip(TIERS.items(), counts, strict=True)
            ],
        ),
        spec=_strip(counts) if known else None,
        missing="" if known else "No clinic has enough patients to say what it records.",
        height="short",
        legend=(LegendEntry("bar-own", "clinics"),),
        source="results/data_quality",
    )


def _openings() -> str:
    return " ".join(f"From T{tier} on: {opened}." for tier, opened in OPENED.items())


def _strip_title(known: Sequence[int]) -> str:
    if not known:
        return "What clinics record"
    full = sum(tier == LAST_TIER for tier in known)
    return f"{full} of {len(known)} clinics record everything the analyses ask for"


def _strip(counts: Sequence[int]) -> dict[str, Any]:
    bars = {
        "type": "bar",
        "orientation": "h",
        "x": list(counts),
        "y": list(TIERS),
        "text": [str(number) for number in counts],
        "textposition": "outside",
        "cliponaxis": False,
        "hoverinfo": "text",
        "hovertext": [
            f"T{tier} {name}: {number} clinics"
            for (tier, name), number in zip(TIERS.items(), counts, strict=True)
        ],
        "marker": {"color": style.colour("own")},
    }
    layout = {
        "xaxis": style.axis(visible=False, range=[0, 1.12 * max(counts)]),
        "yaxis": style.axis(
            tickvals=list(TIERS),
            ticktext=[
                words.wrapped(f"T{tier} {name}", LABEL_WIDTH) for tier, name in TIERS.items()
            ],
            range=[LAST_TIER + 0.6, -0.6],
            showgrid=False,
            zeroline=False,
        ),
        "margin": {"l": LABEL_MARGIN, "r": 24, "t": 4, "b": 8},
        "bargap": 0.4,
    }
    return dict(style.figure([bars], layout, 190))
