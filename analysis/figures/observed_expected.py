"""Cases seen against cases expected from who the patients are: clinics by size, unnamed."""

from collections.abc import Sequence
from typing import Any, Final

from analysis.figures import style, words
from analysis.figures.chart import Chart, LegendEntry, Twin, twin
from analysis.figures.words import Row, shows

OUTCOMES: Final = {
    "reinjury_365_days": "re-injured within a year",
    "improved_at_discharge": "improved in pain at discharge",
    "never_exit_stage_1": "left before the exit of stage 1",
}
POSITIONS: Final = {
    "within": "within the limits of chance",
    "warning_low": "below the 95% limit",
    "warning_high": "above the 95% limit",
    "alarm_low": "below the 99.8% limit",
    "alarm_high": "above the 99.8% limit",
}
ALARMS: Final = ("alarm_low", "alarm_high")
LIMITS: Final = (
    ("warning_low", "dash"),
    ("warning_high", "dash"),
    ("alarm_low", "dot"),
    ("alarm_high", "dot"),
)
POINT: Final = ("expected", "ratio")
# Fewer compared clinics make no picture of how clinics differ.
FEWEST_CLINICS: Final = 3


def outcome_name(outcome: str) -> str:
    """Return an outcome as words that follow a number of patients."""
    return OUTCOMES.get(outcome, words.spelled(outcome).lower())


def observed_expected_chart(outcome: str, rows: Sequence[Row], own: str | None = None) -> Chart:
    """Return every clinic's observed / expected cases by its expected ones.

    Rows are released rows of results.case_mix of one outcome; `own` names the clinic that is
    marked, all others are unnamed. A clinic that is not compared is a grey open mark.
    """
    clinics = _by_size([row for row in rows if row["unit_kind"] == "clinic"], own)
    drawn = [row for row in clinics if shows(row, *POINT)]
    compared = [row for row in drawn if row["is_comparable"]]
    is_drawn = len(compared) >= FEWEST_CLINICS
    return Chart(
        key=f"observed-expected-{outcome.replace('_', '-')}",
        title=_title(outcome, clinics, compared, own),
        note=_note(outcome, clinics, compared, _model_words(rows)),
        twin=_twin(clinics, own),
        spec=_spec(drawn, compared, outcome, own) if is_drawn else None,
        missing="" if is_drawn else _missing(clinics),
        legend=_legend(drawn, own),
        source="results/case_mix",
    )


def position_words(row: Row | None) -> str:
    """Return where a clinic lies, or why it is not compared, as a sentence about no one's care."""
    if row is None:
        return "This clinic has no patients whose outcome could be compared."
    if not row["is_comparable"]:
        return f"Not compared: {row['reason'] or 'its records do not allow it'}"
    if not shows(row, "observed", *POINT):
        return "Not shown: it rests on too few patients."
    told = (
        f"{words.count(row['observed'])} {outcome_name(row['outcome'])}, where "
        f"{_cases(row['expected'])} were expected from who the patients were before treatment"
    )
    place = POSITIONS.get(row["position"])
    return f"{told}: {place}." if place else f"{told}."


def _cases(expected: float) -> str:
    return words.plain(expected).removesuffix(".0")


def _by_size(rows: Sequence[Row], own: str | None) -> list[Row]:
    """Return the rows by expected cases, the marked clinic first; names have no part in it."""
    return sorted(
        rows,
        key=lambda row: (
            own is None or row["unit_name"] != own,
            row["expected"] is None,
            row["expected"] or 0.0,
            row["ratio"] or 0.0,
        ),
    )


def _missing(clinics: Sequence[Row]) -> str:
    if not clinics:
        return "No clinic has patients whose outcome is known."
    return "Too few clinics have enough patients with a known outcome to be compared."


def _title(outcome: str, clinics: Sequence[Row], compared: Sequence[Row], own: str | None) -> str:
    mine = next((row for row in clinics if own is not None and row["unit_name"] == own), None)
    if mine is not None and mine["is_comparable"] and shows(mine, "observed", *POINT):
        return (
            f"About {words.count(mine['observed'])} {outcome_name(outcome)} where "
            f"{_cases(mine['expected'])} were expected"
        )
    if not compared:
        return f"Clinics by episodes {outcome_name(outcome)}, observed against expected"
    told = f"{len(compared)} clinics compared by episodes {outcome_name(outcome)}"
    return f"{told}: {_beyond_words(compared)}"


def _beyond_words(compared: Sequence[Row]) -> str:
    """Return how many clinics lie outside which limits; the inner ones are left by chance too."""
    alarms = sum(row["position"] in ALARMS for row in compared)
    if alarms:
        return f"{alarms} outside the 99.8% limits"
    warnings = sum(_is_beyond(row) for row in compared)
    if warnings:
        return f"{warnings} outside the 95% limits, where chance puts 1 in 20"
    return "all within the limits of chance"


def _model_words(rows: Sequence[Row]) -> str | None:
    """Return how well the model does, which the network's row says."""
    return next((row["reason"] for row in rows if row["unit_kind"] == "network"), None)


def _is_beyond(row: Row) -> bool:
    return row["position"] not in {None, "within"}


def _note(outcome: str, clinics: Sequence[Row], compared: Sequence[Row], model: str | None) -> str:
    hidden = sum(1 for row in clinics if not shows(row, *POINT))
    number = "1 clinic is" if hidden == 1 else f"{hidden} clinics are"
    told = f" {number} hidden or too small." if hidden else ""
    widened = any(row["method"] == "overdispersed" for row in compared)
    limits = (
        "widened, since clinics differ by more than chance alone"
        if widened
        else "of chance alone, exact for counts"
    )
    return (
        f"1 means as many episodes {outcome_name(outcome)} as patients' pain, history, region, "
        "age and the like before treatment let expect; care itself is not taken into account. "
        f"Broken lines: limits at 95% (dashes) and 99.8% (dots), {limits}. From rounded counts. "
        "Grey: not compared, because outcomes are known of a different share of patients."
        f"{told} Not a ranking; it does not say why clinics differ."
        + (f" {model}" if model else "")
    )


def _spec(
    drawn: Sequence[Row], compared: Sequence[Row], outcome: str, own: str | None
) -> dict[str, Any]:
    layout = {
        "xaxis": style.axis(
            title=style.axis_title(f"expected episodes {outcome_name(outcome)}"),
            rangemode="tozero",
        ),
        "yaxis": style.axis(title=style.axis_title("observed / expected")),
        "shapes": [style.level_line(1.0, "network", "solid")],
        "annotations": _labels(drawn, own),
    }
    traces = [*_guides(compared), *_marks(drawn, own)]
    return dict(style.figure(traces, layout, style.HEIGHTS["medium"]))


def _guides(compared: Sequence[Row]) -> list[dict[str, Any]]:
    guides = []
    for column, dash in LIMITS:
        known = sorted(
            (row for row in compared if shows(row, column)), key=lambda row: float(row["expected"])
        )
        if len(known) > 1:
            guides.append(
                style.line(
                    [row["expected"] for row in known],
                    [row[column] for row in known],
                    "network",
                    width=1.3,
                    dash=dash,
                )
            )
    return guides


def _marks(drawn: Sequence[Row], own: str | None) -> list[dict[str, Any]]:
    groups = {
        ("own", "circle", 9): _others(drawn, own, beyond=False),
        ("signal", "diamond", 11): _others(drawn, own, beyond=True),
        ("soft-ink", "circle-open", 9): [row for row in drawn if not row["is_comparable"]],
        ("ink", "star", 15): [row for row in drawn if _is_own(row, own) and row["is_comparable"]],
    }
    return [
        style.markers(
            [row["expected"] for row in rows],
            [row["ratio"] for row in rows],
            [_hover(row, own) for row in rows],
            role,
            symbol=symbol,
            size=size,
        )
        for (role, symbol, size), rows in groups.items()
        if rows
    ]


def _others(drawn: Sequence[Row], own: str | None, *, beyond: bool) -> list[Row]:
    return [
        row
        for row in drawn
        if row["is_comparable"] and not _is_own(row, own) and _is_beyond(row) == beyond
    ]


def _is_own(row: Row, own: str | None) -> bool:
    return own is not None and row["unit_name"] == own


def _name(row: Row, own: str | None) -> str:
    return "this clinic" if _is_own(row, own) else "a clinic"


def _hover(row: Row, own: str | None) -> str:
    told = f"{_name(row, own)}: {words.hundredths(row['ratio'])} times as many as expected"
    if not row["is_comparable"]:
        return f"{told}, not compared"
    return f"{told}, {POSITIONS.get(row['position'], 'not placed')}"


def _labels(drawn: Sequence[Row], own: str | None) -> list[dict[str, Any]]:
    return [
        style.label(row["expected"], row["ratio"], "this clinic", yshift=16)
        for row in drawn
        if _is_own(row, own)
    ]


def _legend(drawn: Sequence[Row], own: str | None) -> tuple[LegendEntry, ...]:
    entries = [LegendEntry("dot-own", "clinic")]
    if any(_is_own(row, own) and row["is_comparable"] for row in drawn):
        entries.append(LegendEntry("", "star: this clinic"))
    if any(row["is_comparable"] and _is_beyond(row) for row in drawn):
        entries.append(LegendEntry("diamond-signal", "outside the limits"))
    if any(not row["is_comparable"] for row in drawn):
        entries.append(LegendEntry("open-network", "not compared"))
    return (*entries, LegendEntry("dash-network", "limits of chance"))


def _twin(clinics: Sequence[Row], own: str | None) -> Twin:
    cells = [
        [
            words.text(_name(row, own)),
            words.cell(row, "episodes"),
            words.cell(row, "observed"),
            words.cell(row, "expected", words.plain),
            words.cell(row, "ratio", words.hundredths),
            words.interval_cell(row, "low", "high", words.hundredths),
            words.cell(row, "shrunken", words.hundredths),
            words.cell(row, "reliability", words.percent),
            words.interval_cell(row, "warning_low", "warning_high", words.hundredths),
            words.interval_cell(row, "alarm_low", "alarm_high", words.hundredths),
            words.text(_place(row)),
        ]
        for row in clinics
    ]
    header = (
        "Clinic",
        "Episodes",
        "Observed",
        "Expected",
        "Observed / expected",
        "95% interval",
        "Shrunken",
        "Reliability",
        "95% limits",
        "99.8% limits",
        "Where it lies",
    )
    return twin(header, cells)


def _place(row: Row) -> str:
    if not row["is_comparable"]:
        return f"not compared: {row['reason'] or 'records differ'}"
    return POSITIONS.get(row["position"], "not placed: too few cases")
