"""In a real browser the pages stay on this machine, fit every screen, and hold with scripts off."""

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from analysis.disclosure import release_tables
from analysis.pages import render_site
from tests.pages.plausible import DISCLOSURE, FACTS, PROTOCOL, results, sealed

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

PAGES = (
    "index.html",
    "clinics/clinic-03.html",
    "clinics/clinic-09.html",
    "quality.html",
    "research.html",
)
WIDTHS = (
    390,
    pytest.param(820, marks=pytest.mark.slow),
    pytest.param(1400, marks=pytest.mark.slow),
)
# Nothing in a page may be wider than the page; a table may scroll inside its own region.
OVERFLOW = "document.documentElement.scrollWidth - document.documentElement.clientWidth"
DRAWN = "!document.querySelector('.drawing:not(.is-drawn)')"
CUT_TEXT = """() => [...document.querySelectorAll('.drawing svg.main-svg text')]
  .filter((text) => text.textContent.trim())
  .filter((text) => {
    const own = text.getBoundingClientRect();
    const room = text.closest('.drawing').getBoundingClientRect();
    return own.width > 0 && (own.left < room.left - 1 || own.right > room.right + 1);
  }).map((text) => text.closest('figure').id + ': ' + text.textContent)"""


def chromium() -> str:
    path = shutil.which("chromium") or shutil.which("chromium-browser")
    if path is None:
        pytest.skip("Chromium is not installed (apt-get install chromium)")
    return path


@pytest.fixture(scope="module")
def browser() -> "Iterator[Browser]":
    playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    flags = ["--no-sandbox", "--disable-background-networking"]
    with playwright.sync_playwright() as driver:
        opened = driver.chromium.launch(executable_path=chromium(), args=flags)
        yield opened
        opened.close()


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    home = tmp_path_factory.mktemp("site")
    days = {"plain": results(), "sealed": sealed(results())}
    for day, tables in days.items():
        for path, content in render_site(
            release_tables(tables, DISCLOSURE), FACTS, PROTOCOL
        ).items():
            (home / day / path).parent.mkdir(parents=True, exist_ok=True)
            (home / day / path).write_bytes(content)
    return home


def watched(browser: "Browser", **context: Any) -> "tuple[Page, list[str]]":
    """Return a page, and the list that fills with everything it should not do."""
    page = browser.new_context(**context).new_page()
    faults: list[str] = []
    page.on("console", lambda said: faults.append(said.text) if said.type != "log" else None)
    page.on("pageerror", lambda error: faults.append(str(error)))
    page.on(
        "request",
        lambda request: None if request.url.startswith("file:") else faults.append(request.url),
    )
    return page, faults


def wait_until(page: "Page", script: str) -> None:
    """Poll, because the pages' policy rightly keeps playwright from evaluating in them."""
    for _ in range(200):
        if page.evaluate(script):
            return
        page.wait_for_timeout(100)
    pytest.fail(f"never came true: {script}")


def read_through(page: "Page") -> None:
    """Open every part and scroll to every chart, as a reader does, until all are drawn."""
    page.evaluate("document.querySelectorAll('.part > details').forEach((one) => one.open = true)")
    for drawing in page.query_selector_all(".drawing"):
        drawing.scroll_into_view_if_needed()
    wait_until(page, DRAWN)


@pytest.mark.parametrize("width", WIDTHS)
def test_pages_fit_the_screen_and_stay_on_this_machine(
    browser: "Browser", folder: Path, width: int
) -> None:
    scheme = "dark" if width == 820 else "light"
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
        assert page.evaluate(CUT_TEXT) == [], f"{name} at {width}"
        assert page.query_selector_all(".modebar-btn") == []
    assert faults == []
    page.context.close()


def test_a_phone_shows_both_answers_before_scrolling(browser: "Browser", folder: Path) -> None:
    page, _ = watched(browser, viewport={"width": 390, "height": 844})
    page.goto((folder / "plain" / "clinics/clinic-03.html").as_uri())
    short = page.locator(".short")
    assert "have clearly less pain" in short.inner_text()
    assert "are injured again within a year" in short.inner_text()
    box = short.bounding_box()
    assert box is not None
    assert box["y"] + box["height"] < 500
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


def test_without_scripts_every_part_of_the_research_page_is_open(
    browser: "Browser", folder: Path
) -> None:
    page, _ = watched(browser, viewport={"width": 390, "height": 844}, java_script_enabled=False)
    page.goto((folder / "plain" / "research.html").as_uri())
    tables = page.locator("main table")
    assert tables.count() > 40
    assert all(table.is_visible() for table in tables.all())
    page.context.close()


@pytest.mark.slow
def test_the_research_page_prints_every_part_from_a_phone(browser: "Browser", folder: Path) -> None:
    page, faults = watched(browser, viewport={"width": 390, "height": 844}, color_scheme="dark")
    page.goto((folder / "plain" / "research.html").as_uri())
    wait_until(page, "Boolean(window.Plotly)")
    page.pdf(format="A4", print_background=True)
    assert page.evaluate(DRAWN)
    parts = page.locator(".part > details")
    assert [part.get_attribute("open") for part in parts.all()] == [None] * parts.count()
    assert faults == []
    page.context.close()


def test_without_scripts_the_tables_stand_open(browser: "Browser", folder: Path) -> None:
    page, _ = watched(browser, viewport={"width": 390, "height": 844}, java_script_enabled=False)
    page.goto((folder / "plain" / "clinics/clinic-03.html").as_uri())
    tables = page.locator("figure table")
    assert tables.count() >= page.locator("figure").count()
    assert all(table.is_visible() for table in tables.all())
    assert not any(drawing.is_visible() for drawing in page.locator(".drawing").all())
    page.context.close()


@pytest.mark.slow
def test_a_page_prints_every_chart(browser: "Browser", folder: Path) -> None:
    page, faults = watched(browser, color_scheme="dark")
    page.goto((folder / "plain" / "clinics/clinic-03.html").as_uri())
    wait_until(page, "Boolean(window.Plotly)")
    printed = page.pdf(format="A4", print_background=True)
    assert page.evaluate(DRAWN)
    assert 2 <= printed.count(b"/Type /Page\n") + printed.count(b"/Type /Page ") <= 6
    assert faults == []
    page.context.close()


def test_the_keyboard_reaches_every_control_in_order(browser: "Browser", folder: Path) -> None:
    page, _ = watched(browser, viewport={"width": 820, "height": 1180})
    page.goto((folder / "plain" / "clinics/clinic-03.html").as_uri())
    seen = []
    for _ in range(8):
        page.keyboard.press("Tab")
        seen.append(page.evaluate("document.activeElement.textContent.trim()"))
    assert seen[:4] == ["Skip to the content", "Network", "Quality", "Research"]
    assert "The numbers as a table" in seen
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
