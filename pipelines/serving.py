"""Serves the pages of the current release to this machine and to nobody else."""

import os
import re
from collections.abc import Iterable
from functools import partial
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Final
from urllib.parse import unquote, urlsplit

from analysis.contracts.errors import EnvironmentFaultError, UsageError
from analysis.pages import POLICY
from pipelines.publication.release import site_pages
from pipelines.workspace import Workspace

LOOPBACK: Final = "127.0.0.1"
OUR_NAMES: Final = frozenset({LOOPBACK, "localhost"})
HOST_NAME: Final = re.compile(r"(?=.{1,253}$)[A-Za-z0-9]([A-Za-z0-9.-]*[A-Za-z0-9])?")
CONTENT_TYPES: Final = {
    ".html": "text/html; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".json": "application/json; charset=utf-8",
    ".csv": "text/csv; charset=utf-8",
    ".txt": "text/plain; charset=utf-8",
    ".svg": "image/svg+xml",
    ".png": "image/png",
    ".woff2": "font/woff2",
}
HEADERS: Final = {
    # The pages' own policy, and what only a header can say: no other page may frame them.
    "Content-Security-Policy": f"{POLICY}; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cache-Control": "no-cache",
}


def page_server(
    workspace: Workspace, port: int, host_names: Iterable[str] = ()
) -> ThreadingHTTPServer:
    """Return a server of the workspace's site; raise when there is none or the port is taken.

    It listens on this machine alone. `host_names` are further names under which a proxy on this
    machine may ask for pages. Raises `UsageError` for what is no name of a host.
    """
    if site_pages(workspace) is None:
        raise UsageError(f"{workspace.root} holds no release yet. Make one with: nmt run")
    answered = OUR_NAMES | {_host_name(name) for name in host_names}
    try:
        return PageServer((LOOPBACK, port), partial(PageHandler, workspace, answered))
    except OSError as fault:
        raise EnvironmentFaultError(
            f"Port {port} cannot be opened: {fault.strerror}. Name another with --port, or 0."
        ) from None


def find_page(pages: Path, target: str) -> Path | None:
    """Return the file that a request's target names within `pages`, or None.

    Nothing outside the folder is found, neither by dots nor by links.
    """
    name = unquote(urlsplit(target).path)
    if not name.startswith("/") or "\0" in name or "\\" in name:
        return None
    try:
        path = Path(os.path.realpath(pages / name.lstrip("/")))
        path = path / "index.html" if path.is_dir() else path
        is_page = path.is_file() and path.suffix in CONTENT_TYPES
    except OSError:
        return None
    return path if is_page and path.is_relative_to(os.path.realpath(pages)) else None


def _host_name(name: str) -> str:
    if not HOST_NAME.fullmatch(name):
        raise UsageError(f"{name!r} is no name of a host. Try --host-name outcomes.example.org")
    return name.lower()


class PageServer(ThreadingHTTPServer):
    """Answers in threads that end with the program."""

    daemon_threads = True

    def handle_error(self, request: object, client_address: object) -> None:
        """Let a reader leave in the middle of an answer without a word."""


class PageHandler(BaseHTTPRequestHandler):
    """Answers GET and HEAD with a page's file, and everything else with a refusal."""

    server_version = "nmt"
    sys_version = ""
    protocol_version = "HTTP/1.1"
    timeout = 30

    def __init__(self, workspace: Workspace, answered: frozenset[str], *arguments: object) -> None:
        self.workspace = workspace
        self.answered = answered
        super().__init__(*arguments)  # type: ignore[arg-type]

    def do_GET(self) -> None:
        """Send the file."""
        self._answer(with_body=True)

    def do_HEAD(self) -> None:
        """Send what GET would send, without the file."""
        self._answer(with_body=False)

    def log_message(self, format: str, *args: object) -> None:
        """Keep no log of who reads what."""

    def _answer(self, *, with_body: bool) -> None:
        # Another name means that a foreign page had its own name resolved to this machine.
        if self.headers.get("Host", "").partition(":")[0].lower() not in self.answered:
            self._send(HTTPStatus.FORBIDDEN, "text/plain", b"Ask for 127.0.0.1.\n", with_body)
            return
        pages = site_pages(self.workspace)
        path = find_page(pages, self.path) if pages else None
        content = _content(path)
        if path is None or content is None:
            self._send(HTTPStatus.NOT_FOUND, "text/plain", b"There is no such page.\n", with_body)
            return
        self._send(HTTPStatus.OK, CONTENT_TYPES[path.suffix], content, with_body)

    def _send(self, status: HTTPStatus, kind: str, content: bytes, with_body: bool) -> None:
        self.send_response(status)
        for name, value in {**HEADERS, "Content-Type": kind}.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        if with_body:
            self.wfile.write(content)


def _content(path: Path | None) -> bytes | None:
    try:
        return path.read_bytes() if path else None
    except OSError:
        return None
