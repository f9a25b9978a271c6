"""Every route of the running server, Streamlit's included: who gets through, and what every answer carries.

The routes are read from the app itself, so one that is added, by us or by a new Streamlit, fails here until somebody has
said whose it is.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from tests.real_server import ROOT, serving, set_password
from tests.visitors import signed_in, stranger

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.real_server import App
    from tests.visitors import Visitor

LIST = """
import json
from attendance.ui.server import create_app
app = create_app()
routes = app._build_starlette_app().routes
print(json.dumps([[r.path, sorted(getattr(r, "methods", None) or ["GET"])] for r in routes]))
"""
# What a stranger gets from each route, at a kiosk that is open to all: the statuses, for any of its methods.
OPEN = {200, 204, 304}
STRANGER: dict[str, set[int]] = {
    "/healthz": OPEN,
    "/readyz": OPEN | {503},  # the models may still load
    "/_stcore/health": OPEN | {405},
    "/_stcore/host-config": OPEN,
    "/in/style.css": OPEN,
    "/in/pages.js": OPEN,
    "/in/base.js": OPEN,
    "/in/app.css": OPEN,
    "/in/icon.svg": OPEN,
    "/in/sign-in": OPEN | {303, 401, 405, 415, 429},  # a form without a password
    "/in/sign-out": OPEN | {405},
    "/in/whoami": {401},
    "/in/setup": {404, 415},  # without a link
    "/in/oidc": {404},  # no provider is set up
    "/in/pair": {303},  # nothing to pair where the kiosk is open
    "/in/pair/state": OPEN,
    "/api/kiosk/frame": {415, 503},  # no picture; the models may still load
    "/api/kiosk/attempt/{attempt_id}": OPEN | {503},
    "/api/kiosk/dispute": {415},
    "/api/kiosk/people": {403},  # names are for paired screens and operators
    "/api/kiosk/status": OPEN,
    "/api/{rest:path}": {404},
    "/in/{rest:path}": {404},
    "/app/static/{path:path}": {404, 405},  # a file that is not there
    "/component/{path:path}": {404, 405},
    "/_stcore/bidi-components/{path:path}": {404, 405},
    "/media/{file_id:path}": {401, 405},
    "/_stcore/upload_file/{session_id}/{file_id}": {401, 405},  # without the cookie of a screen
    "/_stcore/metrics": {404},
    "/_stcore/script-health-check": {404},
    "/_stcore/agent/{rest}": {404},
    "/_stcore/stream": {404},  # a websocket, and nothing else
    "/auth/login": {404},
    "/auth/logout": {404},
    "/oauth2callback": {404},
    "": OPEN | {405},  # the check-in page
}
HEADERS = {
    "content-security-policy": r"default-src 'none'; script-src 'self' blob: 'wasm-unsafe-eval' 'sha256-[\w+/=]+';.*"
    r"frame-ancestors 'none'",
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    "referrer-policy": "same-origin",
    "permissions-policy": r"camera=\(self\), microphone=\(\),.*",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
}


@pytest.fixture(scope="module")
def routes() -> list[tuple[str, list[str]]]:
    """Path and methods of each, in the order in which they are tried."""
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", LIST], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return [(path, methods) for path, methods in json.loads(done.stdout.splitlines()[-1])]


@pytest.fixture(scope="module")
def app(tmp_path_factory: pytest.TempPathFactory, model_dir: Path) -> Iterator[App]:
    with serving(tmp_path_factory.mktemp("routes"), model_dir) as running:
        set_password(running)
        yield running


def kind_of(path: str) -> str:
    """The key in STRANGER: the agent's routes are one kind."""
    return re.sub(r"^(/_stcore/agent/).*", r"\1{rest}", path)


def example_of(path: str) -> str:
    return re.sub(r"\{[^}]*\}", "anything", path) or "/"


def test_every_route_is_known(routes: list[tuple[str, list[str]]]) -> None:
    found = {kind_of(path) for path, _ in routes}
    assert found - {"/_stcore/script-health-check"} == set(STRANGER) - {"/_stcore/script-health-check"}


def test_a_stranger_gets_through_nowhere_but_at_the_kiosk(app: App, routes: list[tuple[str, list[str]]]) -> None:
    wrong = []
    for path, methods in routes:
        for method in {*methods, "GET", "POST", "PUT", "DELETE"}:
            status = stranger(app).ask(method, example_of(path)).status_code
            if status not in STRANGER[kind_of(path)] | {405} and not (status == 404 and method not in methods):
                wrong.append((method, path, status))
    assert not wrong


def test_every_answer_carries_the_headers(app: App, routes: list[tuple[str, list[str]]]) -> None:
    visitor, _ = signed_in(app)
    others = ["/records", "/nothing", "/in/nothing", "/static/nothing.js", "/favicon.png", "/%00"]
    for who in (stranger(app), visitor):
        for path in [example_of(path) for path, _ in routes if path != "/in/sign-out"] + others:
            answer = who.ask("GET", path)
            for name, pattern in HEADERS.items():
                assert re.fullmatch(pattern, answer.headers.get(name, "")), f"{path}: {name}"
            assert "strict-transport-security" not in answer.headers, "not over http"


def test_an_operator_gets_the_pages_and_what_belongs_to_them(app: App) -> None:
    visitor, _ = signed_in(app)
    for path in ("/", "/records", "/people", "/register", "/settings", "/status"):
        answer = visitor.ask("GET", path)
        assert (answer.status_code, answer.headers["content-type"].partition(";")[0]) == (200, "text/html")
        assert answer.headers["cache-control"] == "no-store"
    assert visitor.ask("GET", "/media/anything").status_code == 404  # through, but it is not there
    assert visitor.ask("GET", "/in/whoami").json() == {"who": "operator"}


@pytest.mark.parametrize("page", ["records", "people", "register", "settings", "thresholds", "status"])
def test_a_stranger_is_led_to_the_sign_in(app: App, page: str) -> None:
    for path in (f"/{page}", f"/{page}/"):
        answer = stranger(app).ask("GET", path)
        assert (answer.status_code, answer.headers["location"]) == (303, f"/in/sign-in?next=/{page}")


@pytest.mark.parametrize(
    "path",
    [
        "/_stcore/metrics",
        "/_stcore/metrics/",
        "/_stcore/metrics?families=x",
        "//_stcore/metrics",
        "/./_stcore/metrics",
        "/x/../_stcore/metrics",
        "/static/../_stcore/metrics",
        "/static/%2e%2e/_stcore/metrics",
        "/_stcore%2fmetrics",
        "/_stcore/agent/mcp",
        "/_stcore/agent/openapi.json",
        "/_stcore/script-health-check",
        "/_stcore/stream",
        "/records/_stcore/metrics",
        "/index.html",
        "/static",
        "/static/../../../../../../etc/passwd",
        "/app/static/..%2f..%2fserver.py",
        "/app/static/../server.py",
        "/RECORDS",
        "//records",
        "//evil.example/",
        "/api/kiosk",
        "/api/anything",
        "/in/anything",
        "/nothing",
        "/nothing/here",
        "/%00",
        "/..",
    ],
)
def test_what_is_not_listed_does_not_exist_for_anybody(app: App, path: str) -> None:
    visitor, _ = signed_in(app)
    for who in (stranger(app), visitor):
        for method in ("GET", "POST"):
            answer = raw(who, method, path)
            assert answer in {400, 404, 405}, f"{method} {path}: {answer}"


def raw(who: Visitor, method: str, path: str) -> int:
    """A request with exactly this path, which clients would tidy up."""
    import http.client
    from urllib.parse import urlsplit

    connection = http.client.HTTPConnection(urlsplit(who.app.url).netloc, timeout=30)
    try:
        connection.putrequest(method, path)
        for name, value in who.headers.items():
            connection.putheader(name, value)
        connection.putheader("Accept", "text/html")
        connection.putheader("Content-Length", "0")
        connection.endheaders()
        return connection.getresponse().status
    finally:
        connection.close()


def test_nothing_but_the_link_works_before_there_is_a_password(
    tmp_path: Path, model_dir: Path, routes: list[tuple[str, list[str]]]
) -> None:
    works = {
        "/healthz",
        "/_stcore/health",
        "/_stcore/host-config",
        "/in/style.css",
        "/in/pages.js",
        "/in/base.js",
        "/in/app.css",
        "/in/icon.svg",
    }
    with serving(tmp_path, model_dir) as bare:
        for path in [example_of(path) for path, _ in routes] + ["/records", "/nothing"]:
            for method in ("GET", "POST", "PUT"):
                status = stranger(bare).ask(method, path).status_code
                allowed = {200, 404, 405} if path in works else {503, 404, 405}
                assert status in allowed | ({415} if path == "/in/setup" else set()), f"{method} {path}: {status}"
        assert stranger(bare).ask("GET", "/").status_code == 503
        assert stranger(bare).ask("GET", "/app/static/fonts/OFL.txt").status_code == 200
        from websockets.exceptions import InvalidStatus

        with pytest.raises(InvalidStatus, match="403"), stranger(bare).page():
            pass
