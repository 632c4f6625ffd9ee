"""What tests do to pages in a browser, and what they look for there."""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from analysis.contracts.protocol import Protocol
from analysis.disclosure import release_tables
from analysis.pages import render_site
from tests.pages.plausible import DISCLOSURE, FACTS, PROTOCOL

if TYPE_CHECKING:
    import polars as pl
    from playwright.sync_api import Browser, Page

# Where .ci/run puts axe-core (MPL-2.0), which is not part of this repository.
AXE = Path(__file__).resolve().parents[2] / ".cache" / "axe-core" / "package" / "axe.min.js"
# Nothing in a page may be wider than the page; a table may scroll inside its own region.
OVERFLOW = "document.documentElement.scrollWidth - document.documentElement.clientWidth"
# Every drawing that can be seen is drawn; those in a closed group wait.
DRAWN = """() => [...document.querySelectorAll('.drawing:not(.is-drawn)')]
  .every((one) => !one.checkVisibility())"""
OPEN_ALL = """document.querySelectorAll('.part > details, details.group')
  .forEach((one) => { one.open = true; })"""
# Words of a drawing that reach beyond it.
CUT_IN_DRAWINGS = """() => [...document.querySelectorAll('.drawing svg.main-svg text')]
  .filter((text) => text.textContent.trim())
  .filter((text) => {
    const own = text.getBoundingClientRect();
    const room = text.closest('.drawing').getBoundingClientRect();
    return own.width > 0 && (own.left < room.left - 1 || own.right > room.right + 1
      || own.top < room.top - 1 || own.bottom > room.bottom + 1);
  }).map((text) => text.closest('figure').id + ': ' + text.textContent)"""
# Words of one drawing that stand on one another; a box is a little higher than its letters.
OVERLAP_IN_DRAWINGS = """() => [...document.querySelectorAll('.drawing')].flatMap((drawing) => {
  const texts = [...drawing.querySelectorAll('svg.main-svg text')]
    .filter((text) => text.textContent.trim())
    .map((text) => [text.textContent, text.getBoundingClientRect()])
    .filter(([, box]) => box.width > 0);
  const faults = [];
  texts.forEach(([words, a], at) => texts.slice(at + 1).forEach(([others, b]) => {
    const across = Math.min(a.right, b.right) - Math.max(a.left, b.left);
    const down = Math.min(a.bottom, b.bottom) - Math.max(a.top, b.top);
    if (across > 2 && down > 4) {
      faults.push(`${drawing.closest('figure').id}: ${words} | ${others}`);
    }
  }));
  return faults;
})"""
# Words of the page that stand on one another, or that their own box cuts off.
OVERLAP_IN_TEXT = """() => {
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  const lines = [];
  for (let node = walker.nextNode(); node; node = walker.nextNode()) {
    const holder = node.parentElement;
    if (!node.textContent.trim() || !holder.checkVisibility()) continue;
    if (holder.closest('svg, script, style, .skip')) continue;
    const titles = holder.closest('thead');
    if (titles && getComputedStyle(titles).position === 'absolute') continue;
    const region = holder.closest('.scroll')?.getBoundingClientRect();
    const range = document.createRange();
    range.selectNodeContents(node);
    for (const box of range.getClientRects()) {
      const right = region ? Math.min(box.right, region.right) : box.right;
      if (right - box.left > 1) lines.push([node.textContent.trim().slice(0, 50), box, right]);
    }
  }
  lines.sort((one, other) => one[1].top - other[1].top);
  const faults = [];
  lines.forEach(([words, a, right], at) => {
    for (let next = at + 1; next < lines.length && lines[next][1].top < a.bottom; next += 1) {
      const [others, b, otherRight] = lines[next];
      const across = Math.min(right, otherRight) - Math.max(a.left, b.left);
      const down = Math.min(a.bottom, b.bottom) - Math.max(a.top, b.top);
      if (across > 2 && down > 5) faults.push(`${words} | ${others}`);
    }
  });
  return faults;
}"""
CUT_TEXT = """() => [...document.querySelectorAll('main *')]
  .filter((one) => !one.closest('svg, .scroll, table.trial thead') && one.checkVisibility())
  .filter((one) => ['hidden', 'clip'].includes(getComputedStyle(one).overflowX))
  .filter((one) => one.scrollWidth > one.clientWidth + 1 && one.textContent.trim())
  .map((one) => one.className + ': ' + one.textContent.trim().slice(0, 50))"""
FAULTS_OF_TEXT = (CUT_IN_DRAWINGS, OVERLAP_IN_DRAWINGS, OVERLAP_IN_TEXT, CUT_TEXT)


def write_site(
    folder: Path, tables: "Mapping[str, pl.DataFrame]", protocol: Protocol = PROTOCOL
) -> Path:
    """Write the site of these tables into the folder, and return it."""
    for path, content in render_site(release_tables(tables, DISCLOSURE), FACTS, protocol).items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_bytes(content)
    return folder


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
    page.evaluate(OPEN_ALL)
    for drawing in page.query_selector_all(".drawing"):
        drawing.scroll_into_view_if_needed()
    wait_until(page, DRAWN)


def faults_of_text(page: "Page") -> list[str]:
    """Return words that are cut or stand on one another."""
    page.evaluate("window.scrollTo(0, 0)")
    return [fault for script in FAULTS_OF_TEXT for fault in page.evaluate(script)]


def violations(page: "Page") -> list[str]:
    """Return what axe-core finds wrong with the page; it must be opened with `bypass_csp`."""
    path = Path(os.environ.get("AXE_CORE", AXE))
    if not path.is_file():
        pytest.skip("axe-core is not there; .ci/run fetches it (npm pack axe-core)")
    page.add_script_tag(path=path)
    found = page.evaluate("axe.run(document, {resultTypes: ['violations']})")
    return [
        f"{rule['id']}: {node['target']} {node['failureSummary']}"
        for rule in found["violations"]
        for node in rule["nodes"]
    ]
