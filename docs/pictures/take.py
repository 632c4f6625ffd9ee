"""Takes the pictures of the README from a published site, with Playwright and Chromium.

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
# Tops of a clinic's page: file, width and height in px, and how many points a px has.
TOPS = (("clinic.png", 1240, 1010, 1), ("clinic-phone.png", 390, 844, 2))
# Single charts: file, page (None: the clinic's), and the chart's key.
CHARTS = (
    ("courses.png", None, "courses-all"),
    ("trajectories.png", "research.html", "trajectory-courses"),
)


def take(site: Path, clinic: str) -> None:
    """Photograph the top of one clinic's page, and charts of it and of the research page."""
    own = f"clinics/{clinic}.html"
    with sync_playwright() as driver:
        browser = driver.chromium.launch(
            executable_path=shutil.which("chromium"), args=["--no-sandbox"]
        )
        for name, width, height, scale in TOPS:
            page = opened(browser, site / own, width, height, scale)
            page.wait_for_timeout(2500)
            page.screenshot(path=HERE / name)
        for name, file, key in CHARTS:
            page = opened(browser, site / (file or own), 1240, 1010, 1)
            chart = page.locator(f"#{key}")
            chart.scroll_into_view_if_needed()
            chart.locator(".drawing.is-drawn").wait_for()
            page.wait_for_timeout(1000)
            chart.screenshot(path=HERE / name, timeout=180_000)
        browser.close()


def opened(browser: "Browser", file: Path, width: int, height: int, scale: int) -> "Page":
    """Return the page in a window of that size, without moving scrolls."""
    page = browser.new_page(
        viewport={"width": width, "height": height},
        device_scale_factor=scale,
        reduced_motion="reduce",
    )
    page.goto(file.resolve().as_uri())
    return page


if __name__ == "__main__":
    take(Path(sys.argv[1]), sys.argv[2] if len(sys.argv) > 2 else "clinic-01")
