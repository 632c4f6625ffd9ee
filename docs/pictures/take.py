"""Takes the pictures of the documents from a published site, with Playwright and Chromium.

Usage: python docs/pictures/take.py data/processed/site [CLINIC]
"""

import shutil
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from playwright.sync_api import sync_playwright

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

HERE = Path(__file__).resolve().parent
# Tops of pages: name and page (None: the clinic's). Each is taken from a desk and from a phone.
TOPS = (
    ("clinic", None),
    ("network", "index.html"),
    ("quality", "quality.html"),
    ("research", "research.html"),
)
DESK = (1240, 1010)
PHONE = (390, 844)
# Single charts: file, page (None: the clinic's), the chart's key, and the group to open first.
CHARTS = (
    ("courses.png", None, "courses-all", None),
    ("trajectories.png", "research.html", "trajectory-courses", None),
    ("control.png", "quality.html", "control-days-in-stage-1", "group-stages"),
    ("funnel.png", "quality.html", "observed-expected-reinjury-365-days", None),
)


def take(site: Path, clinic: str) -> None:
    """Photograph the tops of the four pages, and charts of them."""
    own = f"clinics/{clinic}.html"
    with sync_playwright() as driver:
        browser = driver.chromium.launch(
            executable_path=shutil.which("chromium"), args=["--no-sandbox"]
        )
        for name, file in TOPS:
            for (width, height), ending in ((DESK, ""), (PHONE, "-phone")):
                page = opened(browser, site / (file or own), width, height)
                page.wait_for_timeout(2500)
                page.screenshot(path=HERE / f"{name}{ending}.png")
                page.close()
        for name, file, key, group in CHARTS:
            page = opened(browser, site / (file or own), *DESK)
            if group:
                page.locator(f"#{group} > summary").click()
            chart = page.locator(f"#{key}")
            chart.scroll_into_view_if_needed()
            chart.locator(".drawing.is-drawn").wait_for()
            page.wait_for_timeout(1000)
            chart.screenshot(path=HERE / name, timeout=180_000)
            page.close()
        browser.close()


def opened(browser: "Browser", file: Path, width: int, height: int) -> "Page":
    """Return the page in a window of that size, without moving scrolls."""
    page = browser.new_page(viewport={"width": width, "height": height}, reduced_motion="reduce")
    page.goto(file.resolve().as_uri())
    return page


if __name__ == "__main__":
    take(Path(sys.argv[1]), sys.argv[2] if len(sys.argv) > 2 else "clinic-01")
