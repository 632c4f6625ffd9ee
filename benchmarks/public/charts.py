"""Control charts and run rules against R's qcc and the published table."""

from collections.abc import Iterator
from typing import Final

import numpy as np
import polars as pl

from analysis.quality.charts import (
    Chart,
    g_chart,
    p_chart,
    p_prime_chart,
    run_chart,
    t_chart,
    u_chart,
    u_prime_chart,
    xmr_chart,
)
from analysis.quality.signals import BEYOND_LIMITS, run_rules, signals
from benchmarks.public.comparing import Case, Golden, Row

CHARTS: Final = "11_qi_charts"
QCC: Final = "R qcc 2.7"
QICHARTS: Final = "R qicharts2 0.8.1"
# Centre, first lower and upper limit, sums of the lower and of the upper limits, from the package's
# functions run on these data.
NHS: Final = {
    "p": (0.9528997113441912, 0.951699564646015, 0.9540998580423673, 19.03393848020937,
          19.08204997355828),
    "p_prime": (0.9528997113441912, 0.9401296441775141, 0.9656697785108682, 18.80203093402623,
                19.31395751974142),
}  # fmt: skip
INFECTIONS: Final = {
    "u": (0.001038023103789513, 0.0002426739995222927, 0.001833372208056734,
          0.008240686599676436, 0.06649697687316852),
    "u_prime": (0.001038023103789513, 0.0001643765937276661, 0.001911669613851361,
                0.0053731933346682, 0.06936447013817676),
    "baseline": (0.001302422631792939, 0.0004115199762681486, 0.002193325287317729,
                 0.01425960290263973, 0.07951482658645188),
}  # fmt: skip
COMPLAINTS: Final = (909.5, 323.5537513997759, 1495.446248600224, 6471.075027995519,
                     29908.92497200448)  # fmt: skip
# Operations, and days, from one death after bypass surgery to the next.
BETWEEN_DEATHS: Final = (24.0, 0.0, 128.1749102319721, 0.0, 8587.718985542135)
DAYS_BETWEEN: Final = (11.20506079728946, 0.007871792278811242, 106.041831424953,
                       0.5274100826803533, 7104.802705471853)  # fmt: skip
BASELINE_MONTHS: Final = 24
SUMS: Final = "closed forms; rounding"
# Anhoej and Olesen 2014, PLoS ONE 9(11):e113825, and the table of qicharts2's vignette: points off
# the median, longest run and fewest crossings to be expected.
RUN_RULES: Final = (
    (10, 6, 2), (11, 6, 2), (12, 7, 3), (20, 7, 6), (24, 8, 8), (30, 8, 10),
)  # fmt: skip


def _orange_juice(golden: Golden) -> Iterator[Row]:
    reference = golden.given(CHARTS)["qcc"]["orangejuice_p_trial"]
    cans = golden.rows(CHARTS, "orangejuice.csv").filter(pl.col("trial"))
    spoilt, size = cans["D"].to_numpy(), cans["size"].to_numpy()
    counted = np.ones(size.shape, dtype=bool)
    chart = p_chart(spoilt, size, counted)
    data = "orange juice"
    yield Row(data, "p chart: centre", QCC, reference["center"], chart.center, 1e-8, SUMS)
    yield Row(data, "p chart: shares", QCC, reference["stats"], chart.values, 1e-8, SUMS)
    limits = np.column_stack([chart.lower, chart.upper])
    yield Row(data, "p chart: limits", QCC, reference["limits"], limits, 1e-8, SUMS)
    fired = signals(chart, counted)
    beyond = [place + 1 for place, rule in enumerate(fired) if rule is not None]
    theirs = sorted(reference["beyond"])
    yield Row(data, "p chart: points that signal", QCC, theirs, beyond, 0.0, "places")
    named = [float(fired[place - 1] == BEYOND_LIMITS) for place in theirs]
    yield Row(data, "p chart: signals beyond limits", QCC, [1.0] * len(theirs), named, 0.0, "yes")


def _run_rules(_golden: Golden) -> Iterator[Row]:
    points = [place for place, _, _ in RUN_RULES]
    rules = [run_rules(np.array([1.0, -1.0] * count)[:count], 0.0) for count in points]
    theirs = [number for _, *pair in RUN_RULES for number in pair]
    ours = [number for one in rules for number in (one.longest_expected, one.fewest_expected)]
    what = "longest run and fewest crossings of 10 to 30 points"
    source = "Anhoej and Olesen 2014 and R qicharts2"
    yield Row("published table", what, source, theirs, ours, 0.0, "whole numbers")


def _described(chart: Chart) -> list[float]:
    ends = [float(chart.lower[0]), float(chart.upper[0])]
    return [chart.center, *ends, float(chart.lower.sum()), float(chart.upper.sum())]


def _circuits(golden: Golden) -> Iterator[Row]:
    reference = golden.given(CHARTS)["qcc"]["circuit_c"]
    boards = golden.rows(CHARTS, "circuit.csv").filter(pl.col("trial"))
    faults = boards["x"].to_numpy()
    # A chart of counts is one of rates of one board each.
    counted = np.ones(faults.shape, dtype=bool)
    chart = u_chart(faults, np.ones(faults.shape), counted)
    theirs = [reference["center"], *reference["limits"][0]]
    ours = [chart.center, float(chart.lower[0]), float(chart.upper[0])]
    yield Row("circuit boards", "c chart: centre and limits", QCC, theirs, ours, 1e-8, SUMS)
    beyond = np.flatnonzero((chart.values < chart.lower) | (chart.values > chart.upper)) + 1.0
    signalled = sorted(map(float, reference["beyond"]))
    yield Row("circuit boards", "c chart: beyond limits", QCC, signalled, beyond, 0.0, "places")


def _measured(golden: Golden) -> Iterator[Row]:
    what = "centre, first limits, sums of limits"
    weeks = golden.rows(CHARTS, "nhs_accidents.csv")
    seen, attended = weeks["r"].to_numpy(), weeks["n"].to_numpy()
    months = golden.rows(CHARTS, "cdi.csv")
    infections, days = months["n"].to_numpy(), months["days"].to_numpy()
    complaints = golden.rows(CHARTS, "complaints.csv")["complaints"].to_numpy()
    every, all_months = np.ones(len(seen), dtype=bool), np.ones(len(days), dtype=bool)
    first = np.arange(len(days)) < BASELINE_MONTHS
    for data, name, theirs, chart in (
        ("accidents", "p", NHS["p"], p_chart(seen, attended, every)),
        ("accidents", "p'", NHS["p_prime"], p_prime_chart(seen, attended, every)),
        ("infections", "u", INFECTIONS["u"], u_chart(infections, days, all_months)),
        ("infections", "u'", INFECTIONS["u_prime"], u_prime_chart(infections, days, all_months)),
        ("infections", "u, baseline", INFECTIONS["baseline"], u_chart(infections, days, first)),
        ("complaints", "XmR", COMPLAINTS, xmr_chart(complaints, np.ones(20, dtype=bool))),
    ):
        yield Row(data, f"{name}: {what}", QICHARTS, theirs, _described(chart), 1e-8, SUMS)
    rules = run_rules(*_around_median(infections, days))
    ours = [rules.useful, rules.longest_run, rules.longest_expected]
    ours += [rules.crossings, rules.fewest_expected, int(rules.is_shifted)]
    counts = "useful, longest run and most expected, crossings and fewest expected, signal"
    yield Row("infections", counts, QICHARTS, [36, 14, 8, 6, 13, 1], ours, 0.0, "whole numbers")


def _around_median(counts: np.ndarray, days: np.ndarray) -> tuple[np.ndarray, float]:
    chart = run_chart(counts, days, np.ones(len(days), dtype=bool))
    return chart.values, chart.center


def _rare(golden: Golden) -> Iterator[Row]:
    what = "centre, first limits, sums of limits"
    operations = golden.rows(CHARTS, "cabg.csv").with_row_index()
    deaths = operations.filter(pl.col("death").cast(pl.String).str.to_lowercase() == "true")
    between = np.diff(deaths["index"].to_numpy().astype(np.float64))
    dates = deaths["date"].cast(pl.String).str.to_date()
    days = dates.diff().drop_nulls().dt.total_days().to_numpy().astype(np.float64)
    days = days[days > 0]
    for name, theirs, chart in (
        ("g", BETWEEN_DEATHS, g_chart(between, np.ones(len(between), dtype=bool))),
        ("t", DAYS_BETWEEN, t_chart(days, np.ones(len(days), dtype=bool))),
    ):
        yield Row(
            "bypass surgery", f"{name}: {what}", QICHARTS, theirs, _described(chart), 1e-8, SUMS
        )


CASES: Final[dict[str, Case]] = {
    "orange_juice": _orange_juice,
    "circuits": _circuits,
    "measured_series": _measured,
    "rare_events": _rare,
    "run_rules": _run_rules,
}
