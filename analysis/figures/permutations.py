"""Orders with permuted labels, which cannot matter: what the design makes of them."""

from collections.abc import Sequence
from typing import Any, Final

from analysis.figures import style, words
from analysis.figures.chart import Chart, LegendEntry, Twin, twin
from analysis.figures.forest import status_cell
from analysis.figures.gaps import why_empty
from analysis.figures.words import Row, shows

Z_95: Final = 1.959964


def permuted_funnel(
    rows: Sequence[Row], designed: Row | None, rejected: Row | None = None
) -> Chart:
    """Return the estimates of permuted orders by their errors, with the study's own among them.

    Rows are released rows of results.negative_exposures; `designed` is the primary row of
    results.estimates of the risk difference, drawn only where it is released; `rejected` the row
    of results.sensitivity with the share of them that is rejected, which rounded marks cannot tell.
    """
    drawn = [row for row in rows if shows(row, "risk_difference", "difference_error")]
    own = (LegendEntry("diamond-own", "the study's own estimate"),) if _has_error(designed) else ()
    what = "The test with permuted orders"
    return Chart(
        key="permuted-orders",
        title=_title(drawn, rejected),
        note=(
            "Risk difference in percentage points by its standard error. Stage labels are "
            "shuffled within clinic and severity, so there is nothing to be found: a sound design "
            "puts 1 in 20 beyond the dotted lines (1.96 standard errors). More than that is "
            "systematic error, and widens the calibrated interval. Marks are of rounded numbers, "
            f"so they stand on a grid. n: {len(drawn)} orders."
        ),
        twin=_twin(rows),
        spec=_spec(drawn, designed) if drawn else None,
        missing="" if drawn else why_empty(what, rows, "risk_difference"),
        height="medium",
        legend=(
            LegendEntry("open-network", "permuted order"),
            *own,
            LegendEntry("dash-network", "1.96 standard errors"),
        ),
        source="results/negative_exposures",
    )


def _title(drawn: Sequence[Row], rejected: Row | None) -> str:
    if not drawn:
        return "Orders with permuted labels"
    if rejected is None or not shows(rejected, "value"):
        return f"{len(drawn)} orders with permuted labels, in which there is nothing to be found"
    share = words.percent(rejected["value"])
    return f"{share} of {len(drawn)} permuted orders are rejected, where 5% are expected"


def _has_error(row: Row | None) -> bool:
    return row is not None and shows(row, "value", "standard_error")


def _spec(drawn: Sequence[Row], designed: Row | None) -> dict[str, Any]:
    errors = [100 * float(row["difference_error"]) for row in drawn]
    values = [100 * float(row["risk_difference"]) for row in drawn]
    hover = [
        f"permuted order {row['permutation']}: {words.points(row['risk_difference'])}"
        for row in drawn
    ]
    traces = [_marks(values, errors, hover, "network", symbol="circle-open")]
    if designed is not None and _has_error(designed):
        own_hover = [f"the study's own: {words.points(designed['value'])}"]
        own = [100 * designed["value"]], [100 * designed["standard_error"]]
        traces.append(_marks(*own, own_hover, "own", symbol="diamond", size=13))
        errors = [*errors, *own[1]]
    top = round(1.1 * max(errors), 3) or 1.0
    guides = [
        style.line([0, round(sign * Z_95 * top, 3)], [0, top], "network", width=1.2, dash="dot")
        for sign in (-1, 1)
    ]
    layout = {
        "xaxis": style.axis(title=style.axis_title("risk difference, percentage points")),
        "yaxis": style.axis(
            title=style.axis_title("standard error, points"),
            range=[top, 0],
            showgrid=False,
            zeroline=False,
        ),
        "shapes": [style.upright(0.0)],
        "margin": {"l": 54, "r": 14, "t": 8, "b": 48},
    }
    return dict(style.figure([*guides, *traces], layout, style.HEIGHTS["medium"]))


def _marks(
    x: Sequence[float], y: Sequence[float], hover: Sequence[str], role: str, **own: Any
) -> dict[str, Any]:
    across, down = ([round(value, 3) for value in values] for values in (x, y))
    return style.markers(across, down, hover, role, **own)


def _twin(rows: Sequence[Row]) -> Twin:
    cells = [
        [
            words.text(_name(row)),
            words.cell(row, "risk_difference", words.points),
            words.cell(row, "difference_error", words.decimal),
            words.cell(row, "log_risk_ratio", words.decimal),
            words.cell(row, "ratio_error", words.decimal),
            status_cell(row),
        ]
        for row in rows
    ]
    header = (
        "Exposure",
        "Risk difference",
        "Standard error",
        "Log risk ratio",
        "Its standard error",
        "Status",
    )
    return twin(header, cells)


def _name(row: Row) -> str:
    number = row["permutation"]
    return "permuted orders" if number is None else f"permuted order {number}"
