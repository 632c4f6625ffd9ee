"""The examples of docs/hosting.md do what the page says: run by nginx, where it is installed."""

import http.client
import re
import shutil
import ssl
import subprocess
import threading
import time
from base64 import b64encode
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from socket import socket

import pytest

from pipelines.publication.code import CodeVersion
from pipelines.publication.release import ReleaseInputs, point_site, write_release
from pipelines.serving import page_server
from pipelines.workspace import Workspace

PAGE = Path(__file__).resolve().parents[2] / "docs" / "hosting.md"
EXAMPLES = re.findall(r"```nginx\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)
FROM_A_FOLDER, BEHIND_OPENID, FOR_CLINICS = EXAMPLES
PASSWORDS = {"reviewer": "spring", "anna": "summer", "ben": "autumn", "guest": "winter"}
PAGES = {"index.html": b"<p>network</p>", "assets/pages.css": b"p{}"}

pytestmark = pytest.mark.skipif(
    not (shutil.which("nginx") and shutil.which("openssl")),
    reason="nginx is not installed (apt-get install nginx)",
)


def free_port() -> int:
    with socket() as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])


@pytest.fixture(scope="module")
def tls(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("tls")
    call = "openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=outcomes.example.org"
    files = ["-keyout", str(folder / "privkey.pem"), "-out", str(folder / "fullchain.pem")]
    subprocess.run([*call.split(), *files], check=True, capture_output=True)
    return folder


def users(path: Path) -> None:
    hashed = {
        name: subprocess.run(
            ["openssl", "passwd", "-6", word], check=True, capture_output=True, text=True
        ).stdout.strip()
        for name, word in PASSWORDS.items()
    }
    path.write_text("".join(f"{name}:{word}\n" for name, word in hashed.items()))


@contextmanager
def run_by_nginx(example: str, folder: Path, tls: Path, **replaced: str) -> Iterator[int]:
    """Run nginx on an example whose places lie below the folder; yields its port."""
    port = free_port()
    folder.chmod(0o755)
    users(folder / "nmt.htpasswd")
    server = example.replace("listen 443 ssl", f"listen 127.0.0.1:{port} ssl")
    for place, own in {
        "/etc/nginx/tls": str(tls),
        "/etc/nginx/nmt.htpasswd": str(folder / "nmt.htpasswd"),
        "/srv/nmt": str(folder),
        **replaced,
    }.items():
        server = server.replace(place, own)
    config = folder / "nginx.conf"
    own = "".join(
        f"{kind}_temp_path {folder}/{kind};\n"
        for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    )
    config.write_text(
        f"user {user()};\ndaemon off;\npid {folder}/pid;\nerror_log {folder}/error.log;\n"
        f"events {{}}\nhttp {{\naccess_log off;\n{own}types {{ text/html html; text/css css; }}\n"
        f"{server}}}\n"
    )
    call = ["nginx", "-p", str(folder), "-c", str(config), "-e", str(folder / "error.log")]
    tested = subprocess.run([*call, "-t"], capture_output=True, text=True, check=False)
    assert tested.returncode == 0, tested.stderr
    running = subprocess.Popen(call, stderr=subprocess.DEVNULL)
    try:
        wait_for(port)
        yield port
    finally:
        running.terminate()
        running.wait(10)


def user() -> str:
    from getpass import getuser

    return getuser()


def wait_for(port: int) -> None:
    for _ in range(200):
        with socket() as one:
            if one.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.05)
    pytest.fail("nginx did not answer")


def ask(
    port: int,
    path: str,
    user: str = "",
    *,
    method: str = "GET",
    cookie: str = "",
    host: str = "outcomes.example.org",
) -> tuple[int, dict[str, str], bytes]:
    trusting = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    trusting.check_hostname = False
    trusting.verify_mode = ssl.CERT_NONE
    headers = {"Host": host, **({"Cookie": cookie} if cookie else {})}
    if user:
        word = f"{user}:{PASSWORDS.get(user, 'wrong')}"
        headers["Authorization"] = f"Basic {b64encode(word.encode()).decode()}"
    connection = http.client.HTTPSConnection("127.0.0.1", port, timeout=10, context=trusting)
    try:
        connection.request(method, path, headers=headers)
        answer = connection.getresponse()
        return answer.status, dict(answer.getheaders()), answer.read()
    finally:
        connection.close()


def write(folder: Path, files: dict[str, bytes]) -> None:
    for name, content in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(content)


def test_a_folder_of_pages_is_shown_to_those_with_a_password(tmp_path: Path, tls: Path) -> None:
    write(tmp_path / "site", PAGES)
    with run_by_nginx(FROM_A_FOLDER, tmp_path, tls) as port:
        assert ask(port, "/")[0] == 401
        assert ask(port, "/assets/pages.css")[0] == 401
        assert ask(port, "/", "nobody")[0] == 401
        status, headers, body = ask(port, "/", "reviewer")
        assert (status, body) == (200, b"<p>network</p>")
        assert headers["Strict-Transport-Security"] == "max-age=31536000"
        assert headers["Content-Security-Policy"] == "frame-ancestors 'none'"
        assert headers["Cache-Control"] == "private, no-cache"
        assert headers["Server"] == "nginx"
        assert ask(port, "/../nmt.htpasswd", "reviewer")[0] in {400, 404}
        assert ask(port, "/", "reviewer", method="POST")[0] == 403


def test_a_clinic_finds_its_own_folder_and_no_way_out_of_it(tmp_path: Path, tls: Path) -> None:
    for clinic in ("clinic-01", "clinic-02"):
        write(tmp_path / "handover" / clinic, {"index.html": clinic.encode()})
    (tmp_path / "handover" / "clinic-01" / "out.html").symlink_to("../clinic-02/index.html")
    with run_by_nginx(FOR_CLINICS, tmp_path, tls) as port:
        assert ask(port, "/")[0] == 401
        assert ask(port, "/", "anna")[2] == b"clinic-01"
        assert ask(port, "/", "ben")[2] == b"clinic-02"
        for path in ("/../clinic-02/", "/..%2fclinic-02/index.html", "/clinic-02/", "/out.html"):
            assert ask(port, path, "anna")[0] in {400, 403, 404}, path
        assert ask(port, "/", "guest")[0] == 404


class Proxy(BaseHTTPRequestHandler):
    """Says as oauth2-proxy does whether a request's cookie is known."""

    def do_GET(self) -> None:
        known = self.headers.get("Cookie") == "_oauth2_proxy=known"
        self.send_response(202 if known else 401)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None:
        pass


@contextmanager
def going(server: ThreadingHTTPServer) -> Iterator[str]:
    with server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield f"127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


def published(folder: Path) -> Workspace:
    workspace = Workspace(folder).prepare()
    inputs = ReleaseInputs(
        ("d",), is_synthetic=True, code=CodeVersion("0", "", ()), protocol_hash=""
    )
    pages = {f"pages/{name}": content for name, content in PAGES.items()}
    write_release(workspace, inputs, "{}", pages)
    point_site(workspace, inputs.release_id)
    return workspace


def test_pages_that_are_served_are_shown_to_those_who_signed_in(tmp_path: Path, tls: Path) -> None:
    names = ["outcomes.example.org"]
    with (
        going(page_server(published(tmp_path / "data"), 0, names)) as pages,
        going(ThreadingHTTPServer(("127.0.0.1", 0), Proxy)) as asked,
        run_by_nginx(
            BEHIND_OPENID, tmp_path, tls, **{"127.0.0.1:8042": pages, "127.0.0.1:4180": asked}
        ) as port,
    ):
        status, headers, body = ask(port, "/quality.html")
        assert status == 302
        assert headers["Location"].endswith(
            "/oauth2/sign_in?rd=https://outcomes.example.org/quality.html"
        )
        assert b"network" not in body
        assert ask(port, "/", cookie="_oauth2_proxy=forged")[0] == 302
        assert ask(port, "/oauth2/auth", cookie="_oauth2_proxy=known")[0] == 404
        status, headers, body = ask(port, "/", cookie="_oauth2_proxy=known")
        assert (status, body) == (200, b"<p>network</p>")
        assert "script-src 'self'" in headers["Content-Security-Policy"]
        assert headers["Strict-Transport-Security"] == "max-age=31536000"
        assert ask(port, "/", cookie="_oauth2_proxy=known", host="attacker.example")[0] == 403
