"""The examples of docs/server.md, run as they stand there: TLS, sign-in, websocket and uploads through nginx and Caddy."""

from __future__ import annotations

import contextlib
import getpass
import re
import shutil
import socket
import ssl
import subprocess
from typing import TYPE_CHECKING

import httpx
import pytest
from websockets.sync.client import connect
from websockets.typing import Origin, Subprotocol

from tests.real_server import OPERATOR_PASSWORD, ROOT, App, free_port, serving, set_password, until
from tests.visitors import XSRF, Page, pages_of

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

DOCS = (ROOT / "docs" / "server.md").read_text(encoding="utf-8")
NAME = "attend.example.org"


def example(language: str) -> str:
    found = re.search(rf"```{language}\n(.*?)```", DOCS, re.DOTALL)
    assert found, language
    return found[1]


def nginx(folder: Path, port: int, to: int) -> list[str]:
    run(["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", f"/CN={NAME}"], folder)
    server = example("nginx").replace("listen 443 ssl", f"listen 127.0.0.1:{port} ssl").replace(":8501", f":{to}")
    server = server.replace("/etc/ssl/attend.pem", f"{folder}/cert.pem").replace("/etc/ssl/attend.key", f"{folder}/key.pem")
    places = [f"{kind}_temp_path {folder}/{kind};" for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")]
    frame = f"daemon off;\nuser {getpass.getuser()};\npid {folder}/pid;\nerror_log {folder}/error.log;\n"
    frame += "events {}\nhttp {\naccess_log off;\n"
    (folder / "nginx.conf").write_text(frame + "\n".join(places) + server + "}\n")
    return ["nginx", "-p", str(folder), "-c", str(folder / "nginx.conf")]


def caddy(folder: Path, port: int, to: int) -> list[str]:
    site = example("caddy").replace(NAME, f"https://{NAME}:{port}").replace(":8501", f":{to}")
    site = site.replace("{\n", "{\n    tls internal\n", 1)
    options = (
        f"{{\n admin off\n auto_https disable_redirects\n skip_install_trust\n storage file_system {folder}/caddy\n}}\n"
    )
    (folder / "Caddyfile").write_text(options + site)
    return ["caddy", "run", "--config", str(folder / "Caddyfile"), "--adapter", "caddyfile"]


def run(command: list[str], folder: Path) -> None:
    if shutil.which(command[0]) is None:
        pytest.skip(f"needs {command[0]}")
    files = ["-keyout", str(folder / "key.pem"), "-out", str(folder / "cert.pem")]
    subprocess.run([*command, *files], check=True, capture_output=True)


@contextlib.contextmanager
def proxy(kind: str, folder: Path, app: App, port: int) -> Iterator[None]:
    folder.mkdir()
    to = int(app.url.rpartition(":")[2])
    command = {"nginx": nginx, "caddy": caddy}[kind](folder, port, to)
    program = shutil.which(command[0])
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen([str(program), *command[1:]], stdout=log, stderr=log)
    try:
        yield
    finally:
        process.terminate()
        process.wait(20)


@pytest.mark.parametrize("kind", ["nginx", "caddy"])
def test_everything_works_through_the_documented_proxy(kind: str, tmp_path: Path, model_dir: Path) -> None:
    if shutil.which(kind) is None:
        pytest.skip(f"needs {kind}")
    port = free_port()
    public = f"https://{NAME}:{port}"
    trusting = ssl.create_default_context()
    trusting.check_hostname, trusting.verify_mode = False, ssl.CERT_NONE
    with (
        serving(tmp_path, model_dir, ATTEND_PUBLIC_URL=public) as app,
        proxy(kind, tmp_path / kind, app, port),
        httpx.Client(verify=trusting, base_url=f"https://127.0.0.1:{port}", timeout=30) as client,
    ):
        set_password(app)
        named = {"Host": f"{NAME}:{port}", "Origin": public, "X-App-Who": "operator", "X-Forwarded-For": "192.0.2.7"}
        sni = {"sni_hostname": NAME}

        def ask(method: str, path: str, **more: str) -> httpx.Response:
            cookies = {"Cookie": "; ".join(f"{each.name}={each.value}" for each in client.cookies.jar)}
            data = more or None
            request = client.build_request(method, path, headers={**named, **cookies}, data=data, extensions=sni)
            return client.send(request)

        until(lambda: up(lambda: ask("GET", "/healthz")), app)
        answer = ask("GET", "/")
        assert (answer.status_code, answer.headers["location"]) == (303, "/in/pair"), "on a network, for paired screens only"
        assert answer.headers["strict-transport-security"]
        assert "; Secure" in answer.headers["set-cookie"]
        assert ask("GET", "/records").status_code == 303, "a header from outside makes no operator"

        answer = ask("POST", "/in/sign-in", password=OPERATOR_PASSWORD)
        assert (answer.status_code, answer.headers["location"]) == (303, "/records")
        assert "; Secure" in answer.headers["set-cookie"]
        assert ask("GET", "/records").status_code == 200

        cookies = "; ".join(f"{each.name}={each.value}" for each in client.cookies.jar) + f"; _streamlit_xsrf={XSRF}"
        with connect(
            f"wss://{NAME}:{port}/_stcore/stream",
            sock=socket.create_connection(("127.0.0.1", port), timeout=30),
            ssl=trusting,
            server_hostname=NAME,
            origin=Origin(public),
            additional_headers={"Cookie": cookies},
            subprotocols=[Subprotocol("streamlit"), Subprotocol(XSRF)],
            proxy=None,
        ) as opened:
            page = Page(opened)
            assert "records" in pages_of(page.run())
            large = {"Cookie": cookies, "X-Xsrftoken": XSRF, **named}
            files = {"file": ("a.zip", bytes(19_000_000), "application/zip")}
            path = f"/_stcore/upload_file/{page.session_id}/one"
            request = client.build_request("PUT", path, headers=large, files=files, extensions=sni)
            assert client.send(request).status_code == 204
            answer = ask("POST", "/in/sign-out")
            assert answer.json()["next"] == "/in/sign-in?out"
            assert page.closed_with() == 4401


def up(ask: object) -> bool:
    """Whether the proxy has a certificate and its server by now."""
    try:
        return bool(ask().status_code == 200)  # type: ignore[operator]  # a request
    except httpx.TransportError:
        return False
