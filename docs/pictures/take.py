"""Takes the pictures of the README from a published site, with Playwright and Chromium.

Usage: python docs/pictures/take.py data/processed/site [CLINIC]
"""

import shutil
import sys
from pathlib import Path

from playwright.sync_api import sync_playwright

HERE = Path(__file__).resolve().parent
VIEWS = (("clinic.png", 1240, 1010, 1), ("clinic-phone.png", 390, 844, 2))


def take(site: Path, clinic: str) -> None:
    """Photograph the top of one clinic's page on a desktop and on a phone."""
    with sync_playwright() as driver:
        browser = driver.chromium.launch(
            executable_path=shutil.which("chromium"), args=["--no-sandbox"]
        )
        for name, width, height, scale in VIEWS:
            page = browser.new_page(
                viewport={"width": width, "height": height}, device_scale_factor=scale
            )
            page.goto((site / "clinics" / f"{clinic}.html").resolve().as_uri())
            page.wait_for_timeout(2500)
            page.screenshot(path=HERE / name)
        browser.close()


if __name__ == "__main__":
    take(Path(sys.argv[1]), sys.argv[2] if len(sys.argv) > 2 else "clinic-01")
