"""The database away at the start and later, and the end of the server: a real MongoDB-protocol server, stopped and back."""

from __future__ import annotations

import socket
from contextlib import contextmanager
from typing import TYPE_CHECKING
from urllib.parse import urlencode

import pytest

from tests.mongo_server import mongo_server
from tests.real_server import OPERATOR_PASSWORD, answers, serving, set_password, until
from tests.visitors import Visitor, pages_of, stranger

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.mongo_server import MongoServer
    from tests.real_server import App


@pytest.fixture
def database(tmp_path: Path) -> Iterator[MongoServer]:
    with mongo_server(tmp_path / "mongo", standalone=True) as server:
        if server.external:
            pytest.skip("needs a database server that it may stop")
        yield server


def status(app: App, path: str, accept: str = "text/html") -> int:
    return stranger(app).ask("GET", path, headers={"Accept": accept}).status_code


def test_the_server_starts_without_its_database_and_recovers_by_itself(
    database: MongoServer, tmp_path: Path, model_dir: Path
) -> None:
    database.kill()
    with serving(tmp_path, model_dir, ATTEND_STORE_URL=database.url, ATTEND_STORE_TIMEOUT_S="1") as app:
        paused_but_there(app)
        assert "/in/setup" not in app.log
        database.restart()
        set_password(app)  # the link is printed as soon as the database is there
        until(lambda: answers(app, "/readyz"), app, 180)
        assert status(app, "/records") == 303
        assert stranger(app).ask("GET", "/api/kiosk/status").json()["state"] == "nobody-registered"

        operator = Visitor(app, signed_in_cookies(app))
        with operator.page() as page, stranger(app).page() as kiosk:
            page.run()
            kiosk.run()
            database.kill()
            until(lambda: status(app, "/readyz") == 503, app)
            paused_but_there(app)
            # An open page of somebody who was let in goes on for a while, and says itself that the database is away.
            assert "" in pages_of(page.run("status"))
            assert pages_of(kiosk.run()) == {""}
            database.restart()
            until(lambda: answers(app, "/readyz"), app)
            assert "records" in pages_of(page.run("records"))
        assert operator.ask("GET", "/records").status_code == 200, "the session outlived it"
        assert "Traceback" not in app.log


def paused_but_there(app: App) -> None:
    """What is to be had while the database is away."""
    assert answers(app, "/healthz")
    readiness = stranger(app).ask("GET", "/readyz")
    assert (readiness.status_code, readiness.text) == (503, "database")
    assert status(app, "/") == 200, "the check-in opens, and says that it is paused"
    assert stranger(app).ask("GET", "/api/kiosk/status").json()["state"] == "away"
    office = stranger(app).ask("GET", "/records", headers={"Accept": "text/html"})
    assert (office.status_code, office.headers["refresh"]) == (503, "5")
    assert "The database is away" in office.text
    assert status(app, "/in/whoami") == 503
    assert status(app, "/in/sign-in") == 503
    assert status(app, "/media/x", accept="*/*") == 503
    assert status(app, "/app/static/fonts/OFL.txt") == 200


def signed_in_cookies(app: App) -> dict[str, str]:
    """Through the form; the database is not ours to open here."""
    content = urlencode({"password": OPERATOR_PASSWORD}).encode()
    answer = stranger(app).ask(
        "POST", "/in/sign-in", headers={"Content-Type": "application/x-www-form-urlencoded"}, content=content
    )
    assert answer.status_code == 303, answer.text
    return dict(answer.cookies)


def test_a_stop_answers_what_is_in_flight(tmp_path: Path, model_dir: Path) -> None:
    with serving(tmp_path, model_dir) as app:
        set_password(app)
        content = urlencode({"password": "not this one, surely"}).encode()
        with stranger(app).page() as page, half_asked(app, "/in/sign-in", len(content)) as asking:
            page.run()
            app.process.terminate()
            until(lambda: not accepts(app), app)
            asking.sendall(content)
            first = asking.makefile("rb").readline()
            assert page.closed_with() == 1012, "service restart: the page waits and comes back"
        assert app.process.wait(60) in {0, -15}
        assert first.split()[1] == b"401"
        assert "app_stopping" in app.log
        assert "Traceback" not in app.log


@contextmanager
def half_asked(app: App, path: str, length: int) -> Iterator[socket.socket]:
    """A form on its way: the server has begun to answer, and waits for the body."""
    lines = [
        f"POST {path} HTTP/1.1",
        f"Host: {address(app)[0]}:{address(app)[1]}",
        *(f"{name}: {value}" for name, value in stranger(app).headers.items()),
        "Content-Type: application/x-www-form-urlencoded",
        f"Content-Length: {length}",
        "Expect: 100-continue",
    ]
    with socket.create_connection(address(app), timeout=60) as connection:
        connection.sendall("\r\n".join([*lines, "", ""]).encode())
        assert b"100 Continue" in connection.recv(1000)
        yield connection


def accepts(app: App) -> bool:
    """Whether the server takes new connections."""
    try:
        socket.create_connection(address(app), timeout=60).close()
    except OSError:
        return False
    return True


def address(app: App) -> tuple[str, int]:
    """Its host and port."""
    host, _, port = app.url.removeprefix("http://").partition(":")
    return host, int(port)
