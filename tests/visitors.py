"""Visitors for attacking a running server: raw requests and raw websockets, with cookies that are real, forged or none.

Sessions and paired screens are made through the services on the server's own database, as another process would.
"""

from __future__ import annotations

import contextlib
import secrets
from dataclasses import dataclass, field
from datetime import timedelta
from typing import TYPE_CHECKING

import httpx
import pytest
from streamlit.proto.BackMsg_pb2 import BackMsg
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import connect as connect_socket
from websockets.typing import Subprotocol

from attendance.api.cookies import DEVICE, SESSION, cookies_of
from attendance.services.accounts import Accounts
from attendance.services.devices import Devices
from attendance.store.connect import connect

if TYPE_CHECKING:
    from collections.abc import Iterator

    from websockets.sync.client import ClientConnection

    from attendance.store.base import Store
    from tests.real_server import App

XSRF = "2|00000000|0123456789abcdef0123456789abcdef|1700000000"  # any token will do, if cookie and header agree


@dataclass
class Visitor:
    """Somebody with these cookies."""

    app: App
    cookies: dict[str, str] = field(default_factory=dict)

    @property
    def headers(self) -> dict[str, str]:
        """As a browser's page of this server sends them."""
        pairs = {"_streamlit_xsrf": XSRF, **self.cookies}
        return {
            "Origin": self.app.url,
            "Cookie": "; ".join(f"{k}={v}" for k, v in pairs.items()),
            "X-Xsrftoken": XSRF,
        }

    def ask(self, method: str, path: str, *, headers: dict[str, str] | None = None, content: bytes = b"") -> httpx.Response:
        """One request; nothing is followed."""
        return httpx.request(
            method, self.app.url + path, headers={**self.headers, **(headers or {})}, content=content, timeout=30
        )

    @contextlib.contextmanager
    def page(self, resume: str = "", **headers: str | None) -> Iterator[Page]:
        """An open page's websocket; ``resume`` is the id of a page to go on with. Headers by name, _ for -; None: none."""
        if DEVICE not in self.cookies:  # a browser loads the page first, and is given the id of its screen
            self.cookies |= dict(self.ask("GET", "/").cookies)
        sent = {"Cookie": self.headers["Cookie"], "Origin": self.app.url}
        for name, value in headers.items():
            if value is None:
                sent.pop(name.replace("_", "-"), None)
            else:
                sent[name.replace("_", "-")] = value
        socket = connect_socket(
            self.app.url.replace("http", "ws", 1) + "/_stcore/stream",
            additional_headers=sent,
            subprotocols=[Subprotocol(word) for word in ("streamlit", XSRF, resume) if word],
            proxy=None,
            open_timeout=30,
            close_timeout=5,
        )
        with socket:
            yield Page(socket)


@dataclass
class Page:
    """An open websocket of a page."""

    socket: ClientConnection
    session_id: str = ""

    def send(self, message: BackMsg) -> None:
        """Whatever the message is."""
        self.socket.send(message.SerializeToString())

    def run(self, page_name: str = "", page_hash: str = "", *, by_itself: bool = False, query: str = "") -> list[ForwardMsg]:
        """Ask for a run of the script, and what it said until its end."""
        message = BackMsg()
        message.rerun_script.query_string = query
        message.rerun_script.page_name = page_name
        message.rerun_script.page_script_hash = page_hash
        message.rerun_script.is_auto_rerun = by_itself
        self.send(message)
        return self.until_finished()

    def led_to(self, **fields: str | bool) -> str:
        """Ask for a run of the script with these fields; the address that the very next word leads to."""
        message = BackMsg()
        for name, value in fields.items():
            setattr(message.rerun_script, name, value)
        self.send(message)
        data = self.socket.recv(timeout=60)
        assert isinstance(data, bytes)
        said = ForwardMsg.FromString(data)
        assert said.WhichOneof("type") == "auth_redirect", said
        return str(said.auth_redirect.url)

    def until_finished(self) -> list[ForwardMsg]:
        """Everything up to the end of the script's run."""
        heard: list[ForwardMsg] = []
        while True:
            data = self.socket.recv(timeout=60)
            assert isinstance(data, bytes)
            said = ForwardMsg.FromString(data)
            heard.append(said)
            kind = said.WhichOneof("type")
            if kind == "new_session":
                self.session_id = said.new_session.initialize.session_id
            if kind == "script_finished":
                return heard

    def closed_with(self) -> int:
        """Read to the end; the code that the server closed with."""
        with pytest.raises(ConnectionClosed) as end:
            self._read_on()
        assert end.value.rcvd is not None, "the connection broke off without a word"
        return end.value.rcvd.code

    def _read_on(self) -> None:
        while True:
            self.socket.recv(timeout=60)


def pages_of(heard: list[ForwardMsg]) -> set[str]:
    """The pages that the script's run offered, by path; the check-in is the empty one."""
    found = [said.navigation for said in heard if said.WhichOneof("type") == "navigation"]
    assert found, "the script did not get as far as the navigation"
    return {page.url_pathname for page in found[-1].app_pages}


@contextlib.contextmanager
def store_of(app: App) -> Iterator[Store]:
    """The server's database, opened as another process would."""
    store = connect(f"sqlite:///{app.folder}/attendance.db", timeout_s=5)
    try:
        yield store
    finally:
        store.close()


def accounts_of(store: Store) -> Accounts:
    return Accounts(store, idle=timedelta(minutes=30), longest=timedelta(hours=12))


def cookie(store: Store, name: str, value: str) -> str:
    """A cookie of this name as the server would have given it."""
    header = cookies_of(store).header(name, value, max_age_s=60, secure=False)
    return header.partition(";")[0].partition("=")[2]


def stranger(app: App) -> Visitor:
    """Somebody without any cookie of ours."""
    return Visitor(app)


def signed_in(app: App, who: str = "operator") -> tuple[Visitor, str]:
    """An operator, and the id of the session."""
    with store_of(app) as store:
        sid = accounts_of(store).start(who)
        device = secrets.token_urlsafe(16)  # browsers have one by then, from the page on which they signed in
        return Visitor(app, {SESSION: cookie(store, SESSION, sid), DEVICE: cookie(store, DEVICE, device)}), sid


def end_session(app: App, sid: str) -> None:
    """From another process."""
    with store_of(app) as store:
        accounts_of(store).end(sid)


def paired(app: App, device: str, name: str = "Front door") -> Visitor:
    """A screen that an operator has paired."""
    with store_of(app) as store:
        devices = Devices(store)
        devices.pair(devices.code_for(device), name, actor="operator")
        return Visitor(app, {DEVICE: cookie(store, DEVICE, device)})


def unpair(app: App, device: str) -> None:
    """From another process."""
    with store_of(app) as store:
        Devices(store).unpair(device, actor="operator")
