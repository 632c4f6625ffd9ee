"""The slope of a domain in every stage, of the population model."""

from collections.abc import Sequence
from typing import Any

from analysis.figures import style, words
from analysis.figures.chart import Chart, LegendEntry, Twin, twin
from analysis.figures.words import Row, shows


def slope_chart(domain: str, rows: Sequence[Row]) -> Chart:
    """Return a domain's slope per week in every stage, of the population model.

    Rows are released rows of results.trajectory_models of this domain.
    """
    slopes = {f"slope_stage_{stage}": stage for stage in words.STAGES}
    kept = [row for row in rows if row["term"] in slopes and row["model"] == "population"]
    drawn = [row for row in kept if shows(row, "value", "low", "high")]
    unit = kept[0]["unit"] if kept else ""
    direction = "lower" if domain in words.LOWER_IS_BETTER else "higher"
    return Chart(
        key=f"slopes-{domain}",
        title=f"{words.domain_name(domain)}: change per week by stage",
        note=(
            f"Model of all episodes, in {_weekly(unit)}, with 95% intervals; {direction} is "
            "better. It describes; it does not show what a stage did."
        ),
        twin=_slope_twin(kept, slopes),
        spec=_slope_spec(drawn, slopes, unit) if drawn else None,
        missing="" if drawn else "No slope is shown: not estimated, or about too few patients.",
        height="short",
        legend=(LegendEntry("dot-own", "change per week"),),
        source="results/trajectory_models",
    )


def _weekly(unit: str) -> str:
    return unit.replace("{score}", "points").replace("deg", "degrees")


def _slope_spec(drawn: Sequence[Row], slopes: dict[str, int], unit: str) -> dict[str, Any]:
    values = [row["value"] for row in drawn]
    mark = style.markers(
        [slopes[row["term"]] for row in drawn],
        values,
        [
            f"stage {slopes[row['term']]}: {words.decimal(row['value'])} {_weekly(unit)}"
            for row in drawn
        ],
        "own",
        size=11,
    )
    mark["error_y"] = style.error_bars(
        values, [row["low"] for row in drawn], [row["high"] for row in drawn], "own"
    )
    layout = {
        "xaxis": style.axis(
            tickvals=list(words.STAGES),
            ticktext=[f"{stage}<br>{words.SHORT_STAGE_NAMES[stage]}" for stage in words.STAGES],
            range=[0.5, 5.5],
            showgrid=False,
            tickangle=0,
        ),
        "yaxis": style.axis(title=style.axis_title(_weekly(unit)), rangemode="tozero"),
    }
    return dict(style.figure([mark], layout, style.HEIGHTS["short"]))


def _slope_twin(rows: Sequence[Row], slopes: dict[str, int]) -> Twin:
    cells = [
        [
            words.text(f"{slopes[row['term']]} {words.STAGE_NAMES[slopes[row['term']]]}"),
            words.cell(row, "value", words.decimal),
            words.interval_cell(row, "low", "high", words.decimal),
            words.cell(row, "patients"),
        ]
        for row in rows
    ]
    return twin(("Stage", "Change per week", "95% interval", "Patients"), cells)
