"""On the worst of days each page still opens, and says what is missing and why."""

import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import polars as pl
import pytest

from analysis.contracts.results import RESULT_TABLES, empty
from analysis.disclosure import release_tables
from analysis.disclosure.rules import TABLE_RULES
from analysis.pages import clinic_file, render_site
from tests.pages.browsing import OVERFLOW, faults_of_text, read_through, watched, write_site
from tests.pages.plausible import DISCLOSURE, FACTS, PROTOCOL, results

if TYPE_CHECKING:
    from playwright.sync_api import Browser

Tables = dict[str, pl.DataFrame]
LONG_NAME = "Praxis " + "x" * 193
NAMES = ('"quoted" <b>&\'</b>', "<script>alert(1)</script>", LONG_NAME, "../up", "é {{ 7 * 7 }}")


def of_one_month() -> Tables:
    tables = results()
    points = tables["quality_points"].filter(pl.col("period").is_in(["2024-01", "2024-Q1"]))
    return tables | {"quality_points": points}


def without_reinjury() -> Tables:
    tables = results()
    nobody = {name: pl.lit(0) for name in ("reinjuries", "reinjury_risk", "reinjury_risk_low")}
    return tables | {
        "unit_summaries": tables["unit_summaries"].with_columns(
            **nobody, reinjury_risk_high=pl.lit(0.01)
        ),
        "group_summaries": tables["group_summaries"].with_columns(
            **nobody, reinjury_risk_high=pl.lit(0.05)
        ),
    }


def without_follow_up() -> Tables:
    tables = results()
    unknown = [pl.lit(None).alias(f"reinjury_risk{end}") for end in ("", "_low", "_high")]
    is_followed = pl.col("chart") == "follow_up_capture"
    return tables | {
        "unit_summaries": tables["unit_summaries"].with_columns(
            *unknown, status_known=pl.lit(0), reinjuries=pl.lit(0)
        ),
        "quality_points": tables["quality_points"].filter(~is_followed),
        "case_mix": empty("case_mix"),
        "risk_cusums": empty("risk_cusums"),
    }


def with_months_without_sessions() -> Tables:
    tables = results()
    is_idle = pl.col("period").str.ends_with("-05") | pl.col("period").str.ends_with("-06")
    numbers = ("value", "center", "lower", "upper")
    idle = tables["quality_points"].with_columns(
        *(pl.when(is_idle).then(None).otherwise(pl.col(name)).alias(name) for name in numbers),
        *(
            pl.when(is_idle).then(0).otherwise(pl.col(name)).alias(name)
            for name in ("numerator", "denominator", "patients")
        ),
    )
    return tables | {"quality_points": idle}


def all_hidden() -> Tables:
    """Return tables in which every count is one to ten."""
    tables = results()
    return {
        name: rows.with_columns(
            pl.col(count.name).clip(upper_bound=7).cast(rows.schema[count.name])
            for count in TABLE_RULES[name].counts
        )
        for name, rows in tables.items()
        if name in TABLE_RULES
    }


DAYS: Mapping[str, Callable[[], Tables]] = {
    "three patients": lambda: results([("tiny", 3)]),
    "one month": of_one_month,
    "no re-injury": without_reinjury,
    "no follow-up": without_follow_up,
    "idle months": with_months_without_sessions,
    "names": lambda: results([(name, 300) for name in NAMES]),
    "all hidden": all_hidden,
    "nothing": lambda: {name: empty(name) for name in RESULT_TABLES},
}
# What a page must say on that day: page, and words of it.
SAID = {
    "three patients": ("clinics/tiny.html", "fewer patients than can be shown"),
    "one month": ("quality.html", "Too few months have enough patients to be shown."),
    "no re-injury": ("clinics/clinic-01.html", "are injured again within a year"),
    "no follow-up": ("clinics/clinic-01.html", "The records do not tell how many were injured"),
    "idle months": ("quality.html", "Gaps: too few patients to be shown."),
    "names": ("index.html", "&lt;script&gt;alert(1)&lt;/script&gt;"),
    "all hidden": ("clinics/clinic-01.html", "rests on too few patients to be shown"),
    "nothing": ("index.html", "The registry holds no episode of the study population yet."),
}


def pages_of(tables: Tables) -> dict[str, str]:
    files = render_site(release_tables(tables, DISCLOSURE), FACTS, PROTOCOL)
    return {path: text.decode() for path, text in files.items() if path.endswith(".html")}


@pytest.mark.parametrize("day", DAYS)
def test_every_page_is_made_and_says_what_is_missing(day: str) -> None:
    pages = pages_of(DAYS[day]())
    assert {"index.html", "quality.html", "research.html"} <= set(pages)
    path, said = SAID[day]
    assert said in pages[path]


@pytest.mark.parametrize("day", DAYS)
def test_a_figure_that_cannot_be_drawn_gives_its_reason(day: str) -> None:
    for path, html in pages_of(DAYS[day]()).items():
        for reason in re.findall(r'<span class="mark">not shown</span> ([^<]*)', html):
            assert len(reason.strip()) > 20, path
        assert "None" not in re.sub(r"<script.*?</script>|None of these", "", html, flags=re.DOTALL)
        assert "nan" not in re.findall(r"[a-z]+", html.lower()), path


@pytest.mark.parametrize("day", ["three patients", "all hidden"])
def test_no_small_count_reaches_a_page(day: str) -> None:
    for path, html in pages_of(DAYS[day]()).items():
        if path != "research.html":
            counts = re.findall(r"<td>(\d+)</td>", html)
            assert not [count for count in counts if 1 <= int(count) <= 10], path


def test_nobody_re_injured_is_a_zero_and_not_a_blank() -> None:
    html = pages_of(without_reinjury())["clinics/clinic-01.html"]
    (card,) = re.findall(r'aria-labelledby="answer-staying">.*?</section>', html, re.DOTALL)
    assert '<span class="number">0%</span>' in card


def test_names_stay_words_in_every_page() -> None:
    pages = pages_of(results([(name, 300) for name in NAMES]))
    assert len([path for path in pages if path.startswith("clinics/")]) == len(NAMES)
    for html in pages.values():
        assert "<script>alert" not in html
        assert "49" not in re.findall(r"é (\d+)", html)
    assert LONG_NAME in pages[f"clinics/{clinic_file(LONG_NAME)}"]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    home = tmp_path_factory.mktemp("days")
    for day, tables in DAYS.items():
        write_site(home / day, tables())
    return home


@pytest.mark.parametrize(
    "day",
    [
        "names",
        "all hidden",
        *(
            pytest.param(d, marks=pytest.mark.slow)
            for d in DAYS
            if d not in ("names", "all hidden")
        ),
    ],
)
def test_a_phone_shows_the_worst_day_whole(browser: "Browser", folder: Path, day: str) -> None:
    page, faults = watched(browser, viewport={"width": 390, "height": 844}, reduced_motion="reduce")
    clinic = next(iter(sorted((folder / day / "clinics").glob("*.html"))), None)
    for path in filter(None, (folder / day / "index.html", clinic, folder / day / "quality.html")):
        page.goto(path.as_uri())
        read_through(page)
        assert page.evaluate(OVERFLOW) <= 0, path.name
        assert faults_of_text(page) == [], path.name
    assert faults == []
    page.context.close()
