"""How long people are in each stage until its exit is met, as step curves side by side."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from analysis.figures import style, words
from analysis.figures.chart import Chart, LegendEntry, Twin, twin
from analysis.figures.panels import Frame, Panel, panels_spec
from analysis.figures.words import Row, shows

FRAME: Final = Frame(
    columns=5, narrow_columns=2, panel_height=170, below=46, gap=0.05, narrow_gap=0.17
)
# Numbers under a panel's axis stand at least so far apart, of its whole width.
CLOSEST: Final = 0.45
TWIN_WEEKS: Final = (4, 12, 26)
STEP: Final = {"shape": "hv"}


def stage_times_chart(
    times: Sequence[Row],
    exits: Sequence[Row],
    network_times: Sequence[Row],
    network_exits: Sequence[Row],
    own_name: str,
) -> Chart:
    """Return the share that has met each stage's exit by weeks since entering it.

    `times` are released rows of results.stage_times of a unit, `exits` of results.stage_exits; the
    network's are empty where there is nothing to be shown beside.
    """
    drawn = [row for row in times if shows(row, "share_exited", "at_risk")]
    last = max((row["week"] for row in drawn), default=0)
    panels = [_panel(stage, times, network_times, last, own_name) for stage in words.STAGES]
    return Chart(
        key="stage-times",
        title=_title(exits),
        note=(
            "Share of those who entered the stage that has met its exit, by weeks since, in %, "
            "with 95% band (Kaplan-Meier). Who left care is counted until then, as if they would "
            "have gone on like those who stayed. n: episodes not yet out after so many weeks. Time "
            "in a stage is descriptive: it does not show what the stage did."
        ),
        twin=_exits_twin(exits, network_exits, own_name),
        further=(("Share that has met the exit, by week", _weeks_twin(times, own_name)),),
        spec=panels_spec(panels, FRAME) if drawn else None,
        missing="" if drawn else _missing(times),
        legend=_legend(own_name, bool(network_times)),
        source="results/stage_times",
    )


def _missing(times: Sequence[Row]) -> str:
    if times:
        return "Too few patients entered any stage to show how long they were in it."
    return "How long people were in each stage was not estimated."


def _title(exits: Sequence[Row]) -> str:
    known = [row for row in exits if shows(row, "median_weeks")]
    if not known:
        return "How long until each stage's exit is met"
    longest = max(known, key=lambda row: float(row["median_weeks"]))
    weeks = words.plain(longest["median_weeks"]).removesuffix(".0")
    return (
        f"Half have met the exit of {_stage_words(longest['stage'])} after {weeks} weeks"
        f"{', the longest of the stages shown' if len(known) > 1 else ''}"
    )


def _stage_words(stage: int) -> str:
    return f"stage {stage}, {words.SHORT_STAGE_NAMES[stage].lower()},"


def _legend(own_name: str, has_network: bool) -> tuple[LegendEntry, ...]:
    own = (LegendEntry("line-own", own_name),)
    return (*own, LegendEntry("dash-network", "network")) if has_network else own


def _of(stage: int, rows: Sequence[Row]) -> list[Row]:
    own = [row for row in rows if row["stage"] == stage]
    return sorted(own, key=lambda row: int(row["week"]))


def _panel(
    stage: int, times: Sequence[Row], network: Sequence[Row], last: int, own_name: str
) -> Panel:
    own = _of(stage, times)
    drawn = [row for row in own if shows(row, "share_exited", "at_risk")]
    traces = [*_network_curve(_of(stage, network), last), *_curve(drawn, own_name)]
    end = max((row["week"] for row in drawn), default=0)
    weeks = _spread([row["week"] for row in drawn], end, last)
    return Panel(
        title=f"{stage} {words.SHORT_STAGE_NAMES[stage]}",
        traces=traces if drawn else (),
        xaxis=style.axis(
            range=[round(-0.09 * last, 2), round(1.09 * last, 2)] if last else [0, 1],
            tickvals=weeks,
            ticktext=[_tick(own, week) for week in weeks],
            tickangle=0,
            showgrid=False,
            zeroline=False,
            tickfont={"size": 10, "color": style.colour("soft-ink")},
        ),
        yaxis=style.axis(range=[0, 102], tickvals=[0, 50, 100], ticktext=["0%", "50%", "100%"]),
        notes=() if drawn else [_why_empty(own)],
    )


def _spread(weeks: Sequence[int], end: int, last: int) -> list[int]:
    """Return the first, middle and last drawn week, but for those that would touch another."""
    middle = min(weeks, key=lambda week: abs(week - end / 2), default=0)
    wanted = [middle, end] if 2 * CLOSEST * last < end else [end] if CLOSEST * last < end else []
    return [*weeks[:1], *wanted]


def _why_empty(own: Sequence[Row]) -> dict[str, Any]:
    place = {"xref": "x domain", "yref": "y domain", "xanchor": "center"}
    return style.label(0.5, 0.5, "hidden" if own else "nobody", "soft-ink", **place)


def _tick(rows: Sequence[Row], week: int) -> str:
    row = next((row for row in rows if row["week"] == week), None)
    number = "none" if row is None else words.cell(row, "at_risk").text
    return f"{week} wk<br>n {number}"


def _curve(drawn: Sequence[Row], own_name: str) -> list[dict[str, Any]]:
    with_band = [row for row in drawn if shows(row, "low", "high")]
    edge = [row["week"] for row in with_band]
    high = style.line(edge, _shares(with_band, "high"), "own", width=0, line=STEP)
    low = style.line(edge, _shares(with_band, "low"), "own", width=0, line=STEP)
    low |= {"fill": "tonexty", "fillcolor": style.colour("own-soft")}
    weeks = [row["week"] for row in drawn]
    curve = style.line(weeks, _shares(drawn, "share_exited"), "own", line=STEP)
    curve |= {
        "hoverinfo": "all",
        "hovertemplate": f"{own_name}, week %{{x}}: %{{y}}%<extra></extra>",
    }
    return [high, low, curve]


def _network_curve(rows: Sequence[Row], last: int) -> list[dict[str, Any]]:
    drawn = [row for row in rows if shows(row, "share_exited") and row["week"] <= last]
    if not drawn:
        return []
    weeks = [row["week"] for row in drawn]
    shares = _shares(drawn, "share_exited")
    return [style.line(weeks, shares, "network", dash=style.NETWORK_DASH, line=STEP)]


def _shares(rows: Sequence[Row], column: str) -> list[float]:
    return [round(100 * row[column], 1) for row in rows]


def _exits_twin(exits: Sequence[Row], network: Sequence[Row], own_name: str) -> Twin:
    cells = [
        [
            words.text(f"{row['stage']} {words.STAGE_NAMES.get(row['stage'], '')}"),
            words.text(name),
            words.cell(row, "episodes"),
            words.cell(row, "patients"),
            words.cell(row, "exited"),
            words.cell(row, "not_exited"),
            words.cell(row, "median_weeks", words.plain),
            words.interval_cell(row, "median_low", "median_high", words.plain),
            words.cell(row, "never_exit_share", words.percent),
        ]
        for name, rows in ((own_name, exits), ("network", network))
        for row in sorted(rows, key=lambda row: int(row["stage"]))
    ]
    header = (
        "Stage",
        "Of",
        "Episodes that entered it",
        "Patients",
        "Met its exit",
        "Did not",
        "Median weeks",
        "95% interval",
        "Never met, as far as followed",
    )
    return twin(header, cells)


def _weeks_twin(times: Sequence[Row], own_name: str) -> Twin:
    at: Mapping[tuple[int, int], Row] = {(row["stage"], row["week"]): row for row in times}
    cells = [
        [
            words.text(f"{stage} {words.STAGE_NAMES[stage]}, week {week}"),
            words.text(own_name),
            words.cell(row, "at_risk"),
            words.cell(row, "share_exited", words.percent),
            words.interval_cell(row, "low", "high", words.percent),
        ]
        for stage in words.STAGES
        for week in TWIN_WEEKS
        if (row := at.get((stage, week))) is not None
    ]
    return twin(("Stage and week", "Of", "Not yet out", "Met the exit", "95% interval"), cells)
