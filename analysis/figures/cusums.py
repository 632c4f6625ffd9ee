"""Outcomes case by case against what was expected: cumulative sums, and expected less observed."""

from collections.abc import Sequence
from typing import Any, Final

from analysis.figures import style, words
from analysis.figures.chart import Chart, LegendEntry, Twin, twin
from analysis.figures.observed_expected import outcome_name
from analysis.figures.panels import Frame, Panel, panels_spec
from analysis.figures.words import Row, shows

SUMS: Final = ("worse", "better")
# Fewer shown periods than this make no course to look at.
FEWEST_PERIODS: Final = 2
# More periods than this do not all find room under the axis of a narrow screen.
MOST_TOLD: Final = 4
SIGNALS: Final = {"worse": "worse than expected", "better": "better than expected"}


def cusum_chart(outcome: str, rows: Sequence[Row], unit: str = "this clinic") -> Chart:
    """Return both cumulative sums as shares of their limit, and expected less observed cases below.

    Rows are released rows of results.risk_cusums of one unit and outcome.
    """
    ordered = sorted(rows, key=lambda row: str(row["period"]))
    drawn = [row for row in ordered if shows(row, *SUMS)]
    is_drawn = len(drawn) >= FEWEST_PERIODS
    return Chart(
        key=f"cusum-{outcome.replace('_', '-')}",
        title=_title(outcome, drawn, unit),
        note=(
            "Each episode adds what its outcome says for changed odds, given the risk that was "
            "expected before treatment from the first months' patients. Upwards: outcomes worse "
            "than expected; downwards: better. At the broken line, the limit, a sum signals and "
            "begins anew. Below: expected less observed episodes so far; it shows the course and "
            "judges nothing. By month of start, at the end of each period, rounded; a period with "
            "few patients is told with the next one. A signal is a question, not a finding."
        ),
        twin=_twin(ordered),
        spec=_spec(ordered, drawn) if is_drawn else None,
        missing="" if is_drawn else _missing(ordered),
        legend=(
            LegendEntry("dot-own", "sum for worse, upwards"),
            LegendEntry("open-network", "sum for better, downwards"),
            LegendEntry("diamond-signal", "signal"),
            LegendEntry("dash-network", "limit"),
        ),
        source="results/risk_cusums",
    )


def _missing(rows: Sequence[Row]) -> str:
    if not rows:
        return "No month's patients have been followed long enough yet."
    return "Too few periods have enough patients to be shown."


def _title(outcome: str, drawn: Sequence[Row], unit: str) -> str:
    found = [row for row in drawn if row["signal"]]
    subject = f"Episodes {outcome_name(outcome)}, {unit}"
    if not drawn:
        return f"{subject}: observed against expected over time"
    if not found:
        return f"{subject}: no signal from {drawn[0]['period']} to {drawn[-1]['period']}"
    latest = found[-1]
    told = SIGNALS.get(latest["signal"], words.spelled(latest["signal"]).lower())
    return f"{subject}: the latest signal, {told}, is in {latest['period']}"


def _spec(ordered: Sequence[Row], drawn: Sequence[Row]) -> dict[str, Any]:
    periods = [row["period"] for row in ordered]
    across = style.axis(
        type="category", categoryorder="array", categoryarray=periods, showgrid=False,
        tickangle=0, tickvals=_told_periods(periods), range=[-0.5, len(periods) - 0.5],
    )  # fmt: skip
    with_display = [row for row in drawn if shows(row, "life_adjusted")]
    panels = [
        Panel(
            title="Share of the limit",
            traces=_sums(ordered, drawn),
            xaxis=across,
            yaxis=style.axis(range=[-1.3, 1.3], tickvals=[-1, -0.5, 0, 0.5, 1], ticktext=_ticks()),
            shapes=[
                _limit(1.0, "dash"),
                _limit(-1.0, "dash"),
                _limit(0.0, "solid"),
            ],
        ),
        Panel(
            title="Expected less observed episodes",
            traces=[_course(ordered, "life_adjusted", "own"), _display_marks(with_display)],
            xaxis=across,
            yaxis=style.axis(nticks=5),
            shapes=[_limit(0.0, "solid")],
        ),
    ]
    frame = Frame(columns=1, narrow_columns=1, panel_height=180, below=44, left=60)
    return panels_spec(panels, frame)


def _told_periods(periods: Sequence[str]) -> list[str]:
    """Return the periods under the axis; of many, three that do not stand at its right end."""
    if len(periods) <= MOST_TOLD:
        return list(periods)
    return [periods[len(periods) * part // 3] for part in range(3)]


def _ticks() -> list[str]:
    return ["better 1", "0.5", "0", "0.5", "worse 1"]


def _limit(y: float, dash: str) -> dict[str, Any]:
    return {**style.level_line(y, "network", dash), "xref": "x domain"}


def _sums(ordered: Sequence[Row], drawn: Sequence[Row]) -> list[dict[str, Any]]:
    signalled = [row for row in drawn if row["signal"]]
    return [
        _course(ordered, "worse", "own"),
        _course(ordered, "better", "network", upwards=False),
        _sum_marks(drawn, "worse", "own", "circle"),
        _sum_marks(drawn, "better", "network", "circle-open"),
        style.markers(
            [row["period"] for row in signalled],
            [1.0 if row["signal"].startswith("worse") else -1.0 for row in signalled],
            [f"{row['period']}: signal, {_signal(row)}" for row in signalled],
            "signal",
            symbol="diamond",
            size=12,
        ),
    ]


def _course(
    ordered: Sequence[Row], column: str, role: str, *, upwards: bool = True
) -> dict[str, Any]:
    sign = 1 if upwards else -1
    values = [round(sign * row[column], 2) if shows(row, column) else None for row in ordered]
    return style.line(
        [row["period"] for row in ordered],
        values,
        role,
        width=1.6,
        dash="solid" if upwards else "dot",
        connectgaps=False,
    )


def _sum_marks(drawn: Sequence[Row], column: str, role: str, symbol: str) -> dict[str, Any]:
    sign = 1 if column == "worse" else -1
    return style.markers(
        [row["period"] for row in drawn],
        [round(sign * row[column], 2) for row in drawn],
        [
            f"{row['period']}: {words.percent(row[column])} of the limit for {column}"
            for row in drawn
        ],
        role,
        symbol=symbol,
        size=7,
    )


def _display_marks(rows: Sequence[Row]) -> dict[str, Any]:
    return style.markers(
        [row["period"] for row in rows],
        [row["life_adjusted"] for row in rows],
        [f"{row['period']}: {words.with_sign(row['life_adjusted'])} so far" for row in rows],
        "own",
        size=7,
    )


def _signal(row: Row) -> str:
    if not row["signal"]:
        return "none"
    return ", ".join(SIGNALS.get(name, name) for name in row["signal"].split(";"))


def _twin(rows: Sequence[Row]) -> Twin:
    cells = [
        [
            words.text(row["period"]),
            words.cell(row, "episodes"),
            words.cell(row, "observed"),
            words.cell(row, "worse", words.percent),
            words.cell(row, "better", words.percent),
            words.cell(row, "life_adjusted", words.with_sign),
            words.text(_signal(row)),
        ]
        for row in rows
    ]
    header = (
        "Period",
        "Episodes",
        "Observed",
        "Worse, of the limit",
        "Better, of the limit",
        "Expected less observed so far",
        "Signal",
    )
    return twin(header, cells)
