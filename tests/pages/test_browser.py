"""In a real browser the pages stay on this machine, fit every screen, and hold with scripts off."""

import shutil
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import polars as pl
import pytest

from analysis.contracts.results import conform
from tests.pages.browsing import (
    DRAWN,
    OVERFLOW,
    faults_of_text,
    read_through,
    violations,
    wait_until,
    watched,
    write_site,
)
from tests.pages.plausible import PROTOCOL, results, sealed
from tests.pages.review_rows import therapist_reviews

if TYPE_CHECKING:
    from playwright.sync_api import Browser

PAGES = (
    "index.html",
    "clinics/clinic-03.html",
    "clinics/clinic-09.html",
    "quality.html",
    "research.html",
    "therapists.html",
)
SCREENS = (
    (390, "light"),
    pytest.param(390, "dark", marks=pytest.mark.slow),
    pytest.param(820, "light", marks=pytest.mark.slow),
    pytest.param(820, "dark", marks=pytest.mark.slow),
    pytest.param(1400, "light", marks=pytest.mark.slow),
    pytest.param(1400, "dark", marks=pytest.mark.slow),
)
QUICK_AXE = (("clinics/clinic-03.html", 390, "light"), ("quality.html", 1400, "dark"))
AXE_CASES = (
    *QUICK_AXE,
    *(
        pytest.param(name, width, scheme, marks=pytest.mark.slow)
        for name in PAGES
        for width in (390, 1400)
        for scheme in ("light", "dark")
        if (name, width, scheme) not in QUICK_AXE
    ),
)
# Within its margins, A4 is 184 mm wide.
A4_WIDTH = 695
FOCUSABLE = """() => [...document.querySelectorAll('a[href], summary, button, [tabindex="0"]')]
  .filter((one) => one.checkVisibility()).length"""
IN_ORDER = """() => [...document.querySelectorAll('a[href], summary, button, [tabindex="0"]')]
  .filter((one) => one.checkVisibility()).indexOf(document.activeElement)"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    home = tmp_path_factory.mktemp("site")
    opened = replace(PROTOCOL, review=replace(PROTOCOL.review, therapists=True))
    rows = pl.DataFrame(therapist_reviews(np.random.default_rng(2), "clinic-03"))
    tables = results() | {"therapist_reviews": conform("therapist_reviews", rows)}
    write_site(home / "plain", tables, opened)
    write_site(home / "sealed", sealed(results()))
    return home


@pytest.mark.parametrize(("width", "scheme"), SCREENS)
def test_pages_fit_the_screen_and_stay_on_this_machine(
    browser: "Browser", folder: Path, width: int, scheme: str
) -> None:
    page, faults = watched(
        browser,
        viewport={"width": width, "height": 844},
        color_scheme=scheme,
        reduced_motion="reduce",
    )
    for name in PAGES:
        page.goto((folder / "plain" / name).as_uri())
        read_through(page)
        assert page.evaluate(OVERFLOW) <= 0, f"{name} at {width}"
        assert faults_of_text(page) == [], f"{name} at {width}"
        assert page.query_selector_all(".modebar-btn") == []
    assert faults == []
    page.context.close()


@pytest.mark.parametrize(("name", "width", "scheme"), AXE_CASES)
def test_no_rule_of_accessibility_is_broken(
    browser: "Browser", folder: Path, name: str, width: int, scheme: str
) -> None:
    page, _ = watched(
        browser,
        viewport={"width": width, "height": 844},
        color_scheme=scheme,
        reduced_motion="reduce",
        bypass_csp=True,
    )
    page.goto((folder / "plain" / name).as_uri())
    read_through(page)
    page.evaluate("document.querySelectorAll('.twin').forEach((one) => { one.open = true; })")
    assert violations(page) == []
    page.context.close()


def test_a_phone_shows_every_answer_before_scrolling(browser: "Browser", folder: Path) -> None:
    page, _ = watched(browser, viewport={"width": 390, "height": 844})
    page.goto((folder / "plain" / "clinics/clinic-03.html").as_uri())
    head = page.locator(".head").inner_text()
    assert "patients in" in head
    for key in ("better", "staying", "reaching"):
        answer = page.locator(f"section[aria-labelledby='answer-{key}']")
        assert "Network: " in answer.inner_text()
        box = answer.locator(".headline").bounding_box()
        assert box is not None
        assert box["y"] + box["height"] < 800
    assert "95% interval" in page.locator("section[aria-labelledby='answer-staying']").inner_text()
    assert "Status after a year is known for" in page.locator(".answers").inner_text()
    page.context.close()


def test_a_sealed_study_draws_no_curve(browser: "Browser", folder: Path) -> None:
    page, faults = watched(browser, viewport={"width": 1100, "height": 900})
    page.goto((folder / "sealed" / "research.html").as_uri())
    read_through(page)
    assert page.locator("#risk-curves .drawing").count() == 0
    assert "cannot be estimated from these data" in page.locator(".verdict").inner_text()
    assert faults == []
    page.context.close()


def test_a_phone_shows_the_verdict_and_the_list_of_parts_first(
    browser: "Browser", folder: Path
) -> None:
    page, faults = watched(browser, viewport={"width": 390, "height": 844}, reduced_motion="reduce")
    address = (folder / "plain" / "research.html").as_uri()
    page.goto(address)
    box = page.locator(".verdict .words").bounding_box()
    assert box is not None
    assert box["y"] + box["height"] < 500
    parts = page.locator(".part > details")
    assert [part.get_attribute("open") for part in parts.all()] == [None] * parts.count()
    page.locator(".contents summary").click()
    page.locator('.contents a[href="#specifications"]').click()
    wait_until(page, "document.querySelector('#specifications > details').open")
    wait_until(page, "Boolean(document.querySelector('#specification-curve .is-drawn'))")
    assert page.locator("#specification-curve").is_visible()
    page.goto(f"{address}#gates")
    page.reload()
    assert page.locator("#gates table").first.is_visible()
    assert faults == []
    page.context.close()


def test_a_group_of_charts_draws_when_it_is_opened(browser: "Browser", folder: Path) -> None:
    page, faults = watched(browser, viewport={"width": 820, "height": 1180})
    page.goto((folder / "plain" / "quality.html").as_uri())
    group = page.locator("#group-order")
    assert group.get_attribute("open") is None
    group.locator("summary").first.click()
    group.locator(".drawing.is-drawn").first.wait_for()
    assert faults == []
    page.context.close()


@pytest.mark.parametrize("name", PAGES)
def test_without_scripts_every_number_can_be_read(
    browser: "Browser", folder: Path, name: str
) -> None:
    page, _ = watched(browser, viewport={"width": 390, "height": 844}, java_script_enabled=False)
    page.goto((folder / "plain" / name).as_uri())
    for group in page.locator("details.group > summary").all():
        group.click()
    tables = page.locator("main table")
    assert tables.count() >= page.locator("figure").count()
    assert all(table.is_visible() for table in tables.all())
    assert not any(drawing.is_visible() for drawing in page.locator(".drawing").all())
    page.context.close()


@pytest.mark.slow
@pytest.mark.parametrize("name", PAGES)
def test_a_page_prints_what_is_open_on_a4(browser: "Browser", folder: Path, name: str) -> None:
    page, faults = watched(browser, viewport={"width": 390, "height": 844}, color_scheme="dark")
    page.goto((folder / "plain" / name).as_uri())
    if page.locator(".drawing").count():
        wait_until(page, "Boolean(window.Plotly)")
    printed = page.pdf(format="A4", print_background=True)
    pages = printed.count(b"/Type /Page\n") + printed.count(b"/Type /Page ")
    assert pages >= 1
    if name.startswith("clinics/"):
        assert pages <= 8
    parts = page.locator(".part > details")
    assert [part.get_attribute("open") for part in parts.all()] == [None] * parts.count()
    assert faults == []
    page.context.close()


@pytest.mark.parametrize(
    "name",
    [
        "clinics/clinic-03.html",
        *(pytest.param(name, marks=pytest.mark.slow) for name in PAGES if "03" not in name),
    ],
)
def test_a_page_on_paper_is_as_wide_as_paper(browser: "Browser", folder: Path, name: str) -> None:
    page, _ = watched(browser, viewport={"width": A4_WIDTH, "height": 1000})
    page.goto((folder / "plain" / name).as_uri())
    if page.locator(".drawing").count():
        wait_until(page, "Boolean(window.Plotly)")
    page.emulate_media(media="print")
    page.evaluate("dispatchEvent(new Event('beforeprint'))")
    wait_until(page, DRAWN)
    assert page.evaluate(OVERFLOW) <= 0
    assert faults_of_text(page) == []
    assert not page.locator("nav").first.is_visible()
    page.context.close()


@pytest.mark.slow
def test_the_research_page_prints_every_part_from_a_phone(browser: "Browser", folder: Path) -> None:
    page, faults = watched(browser, viewport={"width": 390, "height": 844}, color_scheme="dark")
    page.goto((folder / "plain" / "research.html").as_uri())
    wait_until(page, "Boolean(window.Plotly)")
    page.pdf(format="A4", print_background=True)
    assert page.locator(".drawing.is-drawn").count() == page.locator(".drawing").count()
    assert page.evaluate(DRAWN)
    assert faults == []
    page.context.close()


@pytest.mark.parametrize(
    "name",
    [
        "clinics/clinic-03.html",
        *(pytest.param(name, marks=pytest.mark.slow) for name in PAGES if "03" not in name),
    ],
)
def test_the_keyboard_reaches_every_control_in_order(
    browser: "Browser", folder: Path, name: str
) -> None:
    page, _ = watched(browser, viewport={"width": 820, "height": 1180}, reduced_motion="reduce")
    page.goto((folder / "plain" / name).as_uri())
    read_through(page)
    page.evaluate("document.querySelectorAll('.twin').forEach((one) => { one.open = true; })")
    page.evaluate("window.scrollTo(0, 0)")
    number = page.evaluate(FOCUSABLE)
    assert number > 5
    reached = []
    for _ in range(number):
        page.keyboard.press("Tab")
        reached.append(page.evaluate(IN_ORDER))
    assert reached == list(range(number))
    page.context.close()


def test_a_script_that_is_missing_leaves_the_tables(
    browser: "Browser", folder: Path, tmp_path: Path
) -> None:
    shutil.copytree(folder / "plain", tmp_path / "site")
    (tmp_path / "site" / "assets" / "plotly.min.js").unlink()
    page, _ = watched(browser, viewport={"width": 820, "height": 1180})
    page.goto((tmp_path / "site" / "index.html").as_uri())
    page.locator(".drawing").first.wait_for(state="hidden")
    assert page.locator("figure table").first.is_visible()
    page.context.close()
