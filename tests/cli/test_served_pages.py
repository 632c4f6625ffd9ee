"""Pages that come from the server behave as those opened from a folder: nothing is refused them."""

import threading
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from analysis.disclosure import release_tables
from analysis.pages import render_site
from pipelines.publication.code import CodeVersion
from pipelines.publication.release import ReleaseInputs, point_site, write_release
from pipelines.serving import page_server
from pipelines.workspace import Workspace
from tests.pages.plausible import DISCLOSURE, FACTS, PROTOCOL, results
from tests.pages.test_browser import chromium, read_through

if TYPE_CHECKING:
    from playwright.sync_api import Browser

PAGES = ("index.html", "clinics/clinic-03.html", "quality.html")


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    workspace = Workspace(tmp_path_factory.mktemp("served") / "data").prepare()
    inputs = ReleaseInputs(
        ("d",), is_synthetic=True, code=CodeVersion("0", "", ()), protocol_hash=""
    )
    site = render_site(release_tables(results(), DISCLOSURE), FACTS, PROTOCOL)
    write_release(
        workspace, inputs, "{}", {f"pages/{path}": content for path, content in site.items()}
    )
    point_site(workspace, inputs.release_id)
    with page_server(workspace, 0) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


@pytest.fixture(scope="module")
def browser() -> "Iterator[Browser]":
    playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    flags = ["--no-sandbox", "--disable-background-networking"]
    with playwright.sync_playwright() as driver:
        opened = driver.chromium.launch(executable_path=chromium(), args=flags)
        yield opened
        opened.close()


@pytest.mark.parametrize("name", PAGES)
def test_a_served_page_draws_every_chart_without_an_error(
    browser: "Browser", address: str, name: str
) -> None:
    page = browser.new_context(viewport={"width": 820, "height": 1180}).new_page()
    faults: list[str] = []
    page.on("console", lambda said: faults.append(said.text) if said.type != "log" else None)
    page.on("pageerror", lambda error: faults.append(str(error)))
    page.on(
        "request",
        lambda request: None if request.url.startswith(address) else faults.append(request.url),
    )
    answer = page.goto(f"{address}/{name}")
    assert answer is not None
    assert "unsafe" not in answer.headers["content-security-policy"]
    read_through(page)
    assert page.locator(".drawing.is-drawn").count() > 0
    assert faults == []
    page.context.close()
