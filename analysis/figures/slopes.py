"""The slope of a domain in every stage: by several models, by part of the population, and apart."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final, NamedTuple

from analysis.figures import style, words
from analysis.figures.chart import Cell, Chart, LegendEntry, Twin, twin
from analysis.figures.panels import Frame, Panel, panels_spec
from analysis.figures.predicted import POPULATION, value_cell, why_no_line
from analysis.figures.words import Row, shows


class Look(NamedTuple):
    """How a model's marks look: colour, symbol, and the key in the legend."""

    role: str
    symbol: str
    mark: str


MODEL_NAMES: Final = {
    POPULATION: "population",
    "marginal": "marginal",
    "attendance": "weighted for attendance",
    "tobit": "allowing for floor and ceiling",
}
LOOKS: Final[Mapping[str, Look]] = {
    POPULATION: Look("own", "circle", "dot-own"),
    "marginal": Look("network", "square-open", "open-square-network"),
    "attendance": Look("other", "diamond", "diamond-other"),
    "tobit": Look("good", "triangle-up-open", "open-triangle-good"),
}
SLOPES: Final = {f"slope_stage_{stage}": stage for stage in words.STAGES}
NUMBERS: Final = ("value", "low", "high")
KINDS: Final = ("condition", "chronicity", "region")
MARK_ROOM: Final = 17
LINE_ROOM: Final = 15


def weekly(unit: str) -> str:
    """Return a unit of slopes as words."""
    return unit.replace("{score}", "points").replace("deg", "degrees")


def slope_chart(domain: str, rows: Sequence[Row]) -> Chart:
    """Return a domain's slope per week in every stage, by each model that has one.

    Rows are of this domain and of everybody: released rows of results.trajectory_models, and of
    results.trajectory_sensitivity with their method as `model` and their measure as `term`.
    """
    kept = [row for row in rows if row["term"] in SLOPES and row["model"] in LOOKS]
    models = [model for model in LOOKS if any(row["model"] == model for row in kept)]
    drawn = [row for row in kept if shows(row, *NUMBERS)]
    unit = next((row["unit"] for row in kept if row["unit"]), "")
    direction = "lower" if domain in words.LOWER_IS_BETTER else "higher"
    return Chart(
        key=f"slopes-{domain}",
        title=f"{words.domain_name(domain)}: change per week by stage",
        note=(
            f"In {weekly(unit)}, with 95% intervals; {direction} is better. The same stages by "
            "each model: where the marks part, the population's line rests on its assumptions. "
            "Weighted slopes and those that allow for floor and ceiling are least squares; what "
            "they would be without is in the last table of the section on what the line hides. n: "
            f"patients that tell about the stage. {words.DESCRIPTIVE}"
        ),
        twin=_slope_twin(kept),
        spec=_slope_spec(kept, drawn, models, unit) if drawn else None,
        missing="" if drawn else "No slope is shown: not estimated, or about too few patients.",
        legend=tuple(LegendEntry(LOOKS[model].mark, MODEL_NAMES[model]) for model in models),
        source=_sources(kept),
    )


def _sources(rows: Sequence[Row]) -> str:
    has_checks = any(row["model"] not in (POPULATION, "marginal") for row in rows)
    return "results/trajectory_models" + (", results/trajectory_sensitivity" if has_checks else "")


def _slope_spec(
    kept: Sequence[Row], drawn: Sequence[Row], models: Sequence[str], unit: str
) -> dict[str, Any]:
    layout = {
        "xaxis": style.axis(title=style.axis_title(weekly(unit)), nticks=6),
        "yaxis": style.axis(
            tickvals=list(words.STAGES),
            ticktext=[_stage_label(stage, kept) for stage in words.STAGES],
            range=[5.5, 0.5],
            showgrid=False,
            zeroline=False,
            automargin=False,
        ),
        "shapes": [style.upright(0.0), *_rails()],
        "annotations": [_empty(stage, kept) for stage in words.STAGES if not _has(stage, drawn)],
        "margin": {"l": 92, "r": 14, "t": 8, "b": 46},
    }
    traces = [
        _marks([row for row in drawn if row["model"] == model], model, models) for model in models
    ]
    height = 70 + (14 + MARK_ROOM * max(2, len(models))) * len(words.STAGES)
    return dict(style.figure(traces, layout, height))


def _rails() -> list[dict[str, Any]]:
    """Return thin lines between the stages."""
    return [
        {**style.level_line(stage + 0.5, "grid", "solid"), "layer": "below"}
        for stage in words.STAGES[:-1]
    ]


def _has(stage: int, rows: Sequence[Row]) -> bool:
    return any(SLOPES[row["term"]] == stage for row in rows)


def _stage_label(stage: int, rows: Sequence[Row]) -> str:
    row = next((row for row in rows if SLOPES[row["term"]] == stage), None)
    number = "none" if row is None else words.cell(row, "patients").text
    return f"{stage} {words.SHORT_STAGE_NAMES[stage]}<br>n {number}"


def _empty(stage: int, kept: Sequence[Row]) -> dict[str, Any]:
    told = "hidden" if _has(stage, kept) else "not estimated"
    paper = style.colour("paper")
    return style.label(0.0, stage, told, "soft-ink", xanchor="center", bgcolor=paper)


def _marks(rows: Sequence[Row], model: str, models: Sequence[str]) -> dict[str, Any]:
    look = LOOKS[model]
    step = 0.72 / max(2, len(models))
    place = (models.index(model) - (len(models) - 1) / 2) * step
    values = [row["value"] for row in rows]
    mark = style.markers(
        values,
        [round(SLOPES[row["term"]] + place, 3) for row in rows],
        [
            f"{MODEL_NAMES[model]}, stage {SLOPES[row['term']]}: {words.hundredths(row['value'])} "
            f"({words.span(row['low'], row['high'], words.hundredths)})"
            for row in rows
        ],
        look.role,
        symbol=look.symbol,
    )
    mark["error_x"] = style.error_bars(
        values, [row["low"] for row in rows], [row["high"] for row in rows], look.role
    )
    return mark


def _slope_twin(rows: Sequence[Row]) -> Twin:
    ordered = sorted(rows, key=lambda row: (SLOPES[row["term"]], list(LOOKS).index(row["model"])))
    cells = [
        [
            words.text(f"{SLOPES[row['term']]} {words.STAGE_NAMES[SLOPES[row['term']]]}"),
            words.text(MODEL_NAMES[row["model"]]),
            words.cell(row, "value", words.hundredths),
            words.interval_cell(row, "low", "high", words.hundredths),
            words.cell(row, "patients"),
        ]
        for row in ordered
    ]
    return twin(("Stage", "Model", "Change per week", "95% interval", "Patients"), cells)


def subgroup_chart(domain: str, rows: Sequence[Row]) -> Chart:
    """Return a domain's slopes by condition, chronicity and region, stage beside stage.

    Rows are released rows of results.trajectory_models of this domain.
    """
    kept = [row for row in rows if row["subgroup"] and row["term"] in SLOPES]
    parts = _parts(kept)
    everybody = [row for row in rows if row["model"] == POPULATION and row["term"] in SLOPES]
    drawn = [row for row in kept if shows(row, *NUMBERS)]
    unit = next((row["unit"] for row in kept if row["unit"]), "")
    frame = Frame(
        columns=5, narrow_columns=1, panel_height=LINE_ROOM * len(parts) + 8, below=46, left=150,
        gap=0.02,
    )  # fmt: skip
    panels = [_part_panel(stage, parts, kept, everybody, unit) for stage in words.STAGES]
    return Chart(
        key=f"parts-{domain}",
        title=f"{words.domain_name(domain)}: change per week by condition, chronicity and region",
        note=(
            f"In {weekly(unit)}, with 95% intervals: a model of its own for each part with enough "
            "patients (n in the table). Broken line: everybody. Many intervals stand here, and "
            f"some leave the line by chance alone. {words.DESCRIPTIVE}"
        ),
        twin=_part_twin(parts, kept),
        spec=_with_labels(panels_spec(panels, frame)) if drawn else None,
        missing=""
        if drawn
        else "No slope of a part is shown: parts are too small, or not modelled.",
        height="tall",
        legend=(
            LegendEntry("dot-own", "change per week"),
            LegendEntry("dash-network", "everybody"),
        ),
        source="results/trajectory_models",
    )


Part = tuple[str, str]


def _parts(rows: Sequence[Row]) -> list[Part]:
    """Return the parts of the population, by kind and name."""
    found = {(row["subgroup_kind"], row["subgroup"]) for row in rows}
    kinds = [*KINDS, *sorted({kind for kind, _ in found} - set(KINDS))]
    return sorted(found, key=lambda part: (kinds.index(part[0]), part[1]))


def _part_panel(
    stage: int, parts: Sequence[Part], rows: Sequence[Row], everybody: Sequence[Row], unit: str
) -> Panel:
    at = {(row["subgroup_kind"], row["subgroup"]): row for row in rows if _is_of(row, stage)}
    shown = [(place, at[part]) for place, part in enumerate(parts) if shows(at.get(part), *NUMBERS)]
    whole = next((row for row in everybody if _is_of(row, stage) and shows(row, "value")), None)
    values = [row["value"] for _, row in shown]
    marks = style.markers(
        values,
        [place for place, _ in shown],
        [f"{_part_name(parts[place])}: {_told(row)}" for place, row in shown],
        "own",
        size=7,
    )
    low, high = [row["low"] for _, row in shown], [row["high"] for _, row in shown]
    marks["error_x"] = {**style.error_bars(values, low, high, "own"), "width": 0}
    return Panel(
        title=f"{stage} {words.SHORT_STAGE_NAMES[stage]}",
        traces=[marks] if shown else (),
        xaxis=style.axis(nticks=3, title=style.axis_title(weekly(unit)), zeroline=True),
        yaxis=style.axis(
            tickvals=list(range(len(parts))),
            ticktext=[_part_name(part) for part in parts],
            range=[len(parts) - 0.5, -0.5],
            showticklabels=stage == words.STAGES[0],
            tickfont={"size": 10, "color": style.colour("soft-ink")},
            zeroline=False,
        ),
        shapes=[] if whole is None else [_everybody(whole["value"])],
        notes=() if shown else [why_no_line([row for row in rows if _is_of(row, stage)])],
    )


def _with_labels(spec: dict[str, Any]) -> dict[str, Any]:
    """Return the spec with the parts' names beside every panel that begins a line of its own."""
    narrow = spec["narrow"]
    for name in [key for key in narrow if key.startswith("yaxis")]:
        narrow[name] = {**narrow[name], "showticklabels": True}
    return spec


def _is_of(row: Row, stage: int) -> bool:
    return bool(row["term"] == f"slope_stage_{stage}")


def _everybody(value: float) -> dict[str, Any]:
    line = style.upright(value, "network", "dash")
    return {**line, "xref": "x", "yref": "y domain", "layer": "below"}


def _part_name(part: Part) -> str:
    return words.escaped(words.spelled(part[1]))


def _told(row: Row) -> str:
    interval = words.span(row["low"], row["high"], words.hundredths)
    return f"{words.hundredths(row['value'])} ({interval})"


def _part_twin(parts: Sequence[Part], rows: Sequence[Row]) -> Twin:
    at = {((row["subgroup_kind"], row["subgroup"]), SLOPES[row["term"]]): row for row in rows}
    cells = []
    for part in parts:
        own = [at.get((part, stage)) for stage in words.STAGES]
        most = max(
            (row for row in own if row is not None), key=lambda row: int(row["patients"] or 0)
        )
        cells.append(
            [
                words.text(_part_name(part)),
                words.text(words.spelled(part[0]).lower()),
                words.cell(most, "patients"),
                *(_slope_cell(row) for row in own),
            ]
        )
    stages = tuple(f"Stage {stage}" for stage in words.STAGES)
    return twin(("Part", "By", "Patients, at most", *stages), cells)


def _slope_cell(row: Row | None) -> Cell:
    return Cell("none", "absent") if row is None else value_cell(row, words.hundredths)


def differences_table(rows: Sequence[Row]) -> Twin:
    """Return how each stage's slope differs from that of the stage before, of everybody.

    Rows are released rows of results.trajectory_models.
    """
    kept = [
        row
        for row in words.by_domain(rows)
        if row["model"] == POPULATION and str(row["term"]).startswith("slope_difference_")
    ]
    cells = [
        [
            words.text(f"{words.domain_name(row['domain'])}: {_difference_name(row['term'])}"),
            words.cell(row, "value", words.hundredths),
            words.interval_cell(row, "low", "high", words.hundredths),
            words.text(weekly(row["unit"])),
            words.cell(row, "patients"),
        ]
        for row in kept
    ]
    header = ("Domain and stages", "Difference of slopes", "95% interval", "Unit", "Patients")
    return twin(header, cells)


def _difference_name(term: str) -> str:
    later, former = term.removeprefix("slope_difference_").split("_")
    return f"stage {later} less stage {former}"


TERM_NAMES: Final = {
    "intercept": "level at the start",
    "sd_between_clinics": "spread of levels between clinics (standard deviation)",
    "sd_between_episodes": "spread of levels between episodes (standard deviation)",
    "sd_slope_between_episodes": "spread of slopes between episodes (standard deviation)",
    "sd_within_episodes": "spread around an episode's own line (standard deviation)",
    "working_correlation": "working correlation within an episode",
}


def further_terms_table(rows: Sequence[Row]) -> Twin:
    """Return levels, spreads and correlations of the models of everybody."""
    kept = [
        row for row in words.by_domain(rows) if row["term"] in TERM_NAMES and not row["subgroup"]
    ]
    write: Callable[[float], str] = words.hundredths
    cells = [
        [
            words.text(f"{words.domain_name(row['domain'])}: {TERM_NAMES[row['term']]}"),
            words.text(MODEL_NAMES.get(row["model"], words.spelled(row["model"]).lower())),
            words.cell(row, "value", write),
            words.interval_cell(row, "low", "high", write),
            words.text(weekly(row["unit"] or "").removeprefix("1") or words.DASH),
            words.cell(row, "patients"),
        ]
        for row in kept
    ]
    return twin(("Domain and term", "Model", "Value", "95% interval", "Unit", "Patients"), cells)
