"""Pages behave elsewhere as in the folder: from the server, handed over, and on the agenda."""

import threading
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from analysis.disclosure import release_tables
from analysis.pages import render_clinic, render_site
from analysis.pages.agenda import agenda_of, agenda_page
from pipelines.publication.code import CodeVersion
from pipelines.publication.release import ReleaseInputs, point_site, write_release
from pipelines.serving import page_server
from pipelines.workspace import Workspace
from tests.pages.browsing import OVERFLOW, faults_of_text, read_through, violations, watched
from tests.pages.plausible import DISCLOSURE, FACTS, PROTOCOL, results

if TYPE_CHECKING:
    from playwright.sync_api import Browser

PAGES = ("index.html", "clinics/clinic-03.html", "quality.html")
ODD = [("clinic-01", 500), ("x" * 200, 400), ('"quoted" <b>&', 300), ("d", 250), ("e", 200)]


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


@pytest.mark.parametrize("name", PAGES)
def test_a_served_page_draws_every_chart_without_an_error(
    browser: "Browser", address: str, name: str
) -> None:
    page, faults = watched(browser, viewport={"width": 820, "height": 1180})
    answer = page.goto(f"{address}/{name}")
    assert answer is not None
    assert "unsafe" not in answer.headers["content-security-policy"]
    read_through(page)
    assert page.locator(".drawing.is-drawn").count() > 0
    assert [fault for fault in faults if not fault.startswith(address)] == []
    page.context.close()


def test_a_page_that_was_handed_over_opens_from_its_folder(
    browser: "Browser", tmp_path: Path
) -> None:
    released = release_tables(results(), DISCLOSURE)
    for path, content in render_clinic(released, FACTS, PROTOCOL, "clinic-03").items():
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).write_bytes(content)
    page, faults = watched(browser, viewport={"width": 390, "height": 844})
    page.goto((tmp_path / "index.html").as_uri())
    read_through(page)
    assert page.locator(".drawing.is-drawn").count() > 0
    assert page.evaluate(OVERFLOW) <= 0
    assert faults == []
    page.context.close()


@pytest.fixture(scope="module")
def agenda(tmp_path_factory: pytest.TempPathFactory) -> Path:
    released = release_tables(results(ODD), DISCLOSURE)
    made = agenda_of(released, FACTS, "2025-06")
    assert made.signals
    path = tmp_path_factory.mktemp("agenda") / "review.html"
    path.write_bytes(agenda_page(made, FACTS))
    return path


@pytest.mark.parametrize("width", [390, 820, 1400])
def test_the_agenda_fits_every_screen(browser: "Browser", agenda: Path, width: int) -> None:
    page, faults = watched(browser, viewport={"width": width, "height": 844})
    page.goto(agenda.as_uri())
    assert (
        page.evaluate("getComputedStyle(document.querySelector('.signal')).borderTopWidth") == "1px"
    )
    assert page.evaluate(OVERFLOW) <= 0
    assert faults_of_text(page) == []
    assert faults == []
    page.context.close()


def test_the_agenda_keeps_nobody_out(browser: "Browser", agenda: Path) -> None:
    page, _ = watched(browser, viewport={"width": 820, "height": 844}, bypass_csp=True)
    page.goto(agenda.as_uri())
    assert violations(page) == []
    page.context.close()


def test_the_agenda_prints_on_paper(browser: "Browser", agenda: Path) -> None:
    page, faults = watched(browser, color_scheme="dark")
    page.goto(agenda.as_uri())
    printed = page.pdf(format="A4", print_background=True)
    assert printed.count(b"/Type /Page\n") + printed.count(b"/Type /Page ") >= 1
    assert faults == []
    page.context.close()
