"""The pages are served to this machine only, and nothing but the pages."""

import http.client
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from analysis.contracts.errors import EnvironmentFaultError, UsageError
from analysis.pages import POLICY
from pipelines.publication.code import CodeVersion
from pipelines.publication.release import ReleaseInputs, point_site, write_release
from pipelines.serving import page_server
from pipelines.workspace import Workspace


def publish(workspace: Workspace, delivery: str) -> None:
    inputs = ReleaseInputs(
        (delivery,), is_synthetic=True, code=CodeVersion("0", "", ()), protocol_hash=""
    )
    pages = {
        "pages/index.html": f"<p>{delivery}</p>".encode(),
        "pages/clinics/c1.html": b"<p>c1</p>",
        "pages/assets/charts.js": b"'use strict'",
    }
    write_release(workspace, inputs, "{}", pages)
    point_site(workspace, inputs.release_id)


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    workspace = Workspace(tmp_path / "data").prepare()
    publish(workspace, "first")
    return workspace


@contextmanager
def served(workspace: Workspace, *names: str) -> Iterator[int]:
    with page_server(workspace, 0, names) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield server.server_port
        server.shutdown()
        thread.join()


@pytest.fixture
def port(workspace: Workspace) -> Iterator[int]:
    with served(workspace) as port:
        yield port


def ask(
    port: int, target: str, *, method: str = "GET", host: str = "127.0.0.1"
) -> tuple[int, dict[str, str], bytes]:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
    try:
        connection.putrequest(method, target, skip_host=True)
        connection.putheader("Host", f"{host}:{port}")
        connection.endheaders()
        answer = connection.getresponse()
        return answer.status, dict(answer.getheaders()), answer.read()
    finally:
        connection.close()


@pytest.mark.parametrize(
    ("target", "kind", "content"),
    [
        ("/", "text/html; charset=utf-8", b"<p>first</p>"),
        ("/index.html?x=1", "text/html; charset=utf-8", b"<p>first</p>"),
        ("/clinics/c1.html", "text/html; charset=utf-8", b"<p>c1</p>"),
        ("/assets/charts.js", "text/javascript; charset=utf-8", b"'use strict'"),
    ],
)
def test_a_page_comes_with_its_kind(port: int, target: str, kind: str, content: bytes) -> None:
    status, headers, body = ask(port, target)
    assert (status, headers["Content-Type"], body) == (200, kind, content)


@pytest.mark.parametrize(
    "target",
    [
        "/../manifest.json",
        "/%2e%2e/manifest.json",
        "/..%2f..%2f..%2fregistry%2fcurrent",
        "//etc/passwd",
        "/clinics",
        "/clinics/",
        "/absent.html",
        "/index.html%00.js",
        "/..\\manifest.json",
        "relative",
        "/" + "a" * 5000,
    ],
)
def test_nothing_but_pages_is_found(port: int, target: str) -> None:
    status, _, body = ask(port, target)
    assert (status, body) == (404, b"There is no such page.\n")


def test_a_link_out_of_the_pages_is_not_followed(port: int, workspace: Workspace) -> None:
    (workspace.site / "way_out.html").symlink_to("/etc/hostname")
    assert ask(port, "/way_out.html")[0] == 404


def test_a_new_release_shows_without_a_restart(port: int, workspace: Workspace) -> None:
    publish(workspace, "second")
    assert ask(port, "/")[2] == b"<p>second</p>"


def test_pages_may_ask_nobody_else(port: int) -> None:
    _, headers, _ = ask(port, "/")
    policy = headers["Content-Security-Policy"]
    assert policy == f"{POLICY}; frame-ancestors 'none'"
    assert "unsafe" not in policy
    assert "default-src 'none'" in policy
    assert "http" not in policy
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["X-Frame-Options"] == "DENY"
    assert "Python" not in headers["Server"]


def test_a_foreign_name_for_this_machine_is_refused(port: int) -> None:
    assert ask(port, "/", host="attacker.example")[0] == 403


def test_a_proxy_may_ask_under_the_names_that_were_given(workspace: Workspace) -> None:
    with served(workspace, "Outcomes.example.org") as port:
        answers = {
            host: ask(port, "/", host=host)[0]
            for host in (
                "outcomes.example.org",
                "OUTCOMES.EXAMPLE.ORG",
                "localhost",
                "example.org",
                "outcomes.example.org.attacker.example",
            )
        }
    assert list(answers.values()) == [200, 200, 200, 403, 403]


def test_the_pages_stay_on_this_machine_whatever_names_are_given(workspace: Workspace) -> None:
    with page_server(workspace, 0, ["outcomes.example.org"]) as server:
        assert server.server_address[0] == "127.0.0.1"


@pytest.mark.parametrize(
    "name", ["", "*", "a b", "-x", "host:80", "http://host", "a\nb", "x" * 300]
)
def test_what_is_no_name_of_a_host_is_refused(workspace: Workspace, name: str) -> None:
    with pytest.raises(UsageError, match="no name of a host"):
        page_server(workspace, 0, [name])


def test_only_reading_is_answered(port: int) -> None:
    assert ask(port, "/", method="POST")[0] == 501
    status, headers, body = ask(port, "/", method="HEAD")
    assert (status, headers["Content-Length"], body) == (200, "12", b"")


def test_a_taken_port_is_an_environment_fault(port: int, workspace: Workspace) -> None:
    with pytest.raises(EnvironmentFaultError, match=f"Port {port} cannot be opened"):
        page_server(workspace, port)


def test_without_a_release_there_is_nothing_to_serve(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="nmt run"):
        page_server(Workspace(tmp_path / "empty"), 0)
