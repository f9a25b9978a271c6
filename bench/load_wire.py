"""What the clients of `make bench-load` send and read: kiosks, a visitor of the page, and the peer's sessions.

They share the server's processors, so they have to be light: requests are made beforehand and sent over a plain socket
that stays open, and of an answer only the few fields are read that a screen acts upon.
"""

from __future__ import annotations

import re
import socket
import uuid
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING

from attendance.api.cookies import DEVICE
from tests.visitors import XSRF, Visitor

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tests.real_server import App
    from tests.visitors import Page

RETRY_S = 1.0  # after a refusal that does not say how long to wait, as in connection.js


@dataclass(frozen=True, slots=True)
class Reply:
    """What a screen needs of an answer.

    Attributes:
        state: what was answered, ``shed``, or the HTTP status and the state of another refusal.
        every_s: the pace that is wanted of it; 0 where nothing is said.
        retry_s: the wait after a refusal; 0 for an answer.
    """

    state: str
    every_s: float = 0.0
    retry_s: float = 0.0


class HttpScreen:
    """One of our kiosks: frames over HTTP on a connection that stays open."""

    def __init__(self, app: App) -> None:
        self._wire = Wire(app)
        cookie = f"_streamlit_xsrf={XSRF}"
        asked = self._wire.ask(request(app, "GET", "/api/kiosk/status", {"Cookie": cookie}))
        device = (re.findall(rb"(?i)set-cookie: ([^;]*)", asked[1]) or [b""])[0].decode()
        headers = {
            "Origin": app.url,
            "X-Xsrftoken": XSRF,
            "Cookie": f"{cookie}; {device}",
            "X-Attend-View": str(uuid.uuid4()),
            "Content-Type": "image/jpeg",
        }
        self._made = lru_cache(maxsize=None)(lambda jpeg: request(app, "POST", "/api/kiosk/frame", headers, jpeg))

    def send(self, jpeg: bytes, _person: int) -> Reply:
        """What came of one frame."""
        status, _, data = self._wire.ask(self._made(jpeg))
        if status == 200:
            return Reply(_word(data, b"state"), every_s=_number(data, b"every_ms") / 1e3)
        state = _word(data, b"state")
        return Reply("shed" if state == "busy" else f"{status} {state}", retry_s=_number(data, b"retry_s") or RETRY_S)

    def close(self) -> None:
        """Give the connection back."""
        self._wire.close()


class Wire:
    """One connection to the server."""

    def __init__(self, app: App) -> None:
        host, _, port = app.url.removeprefix("http://").partition(":")
        self._socket = socket.create_connection((host, int(port)), timeout=30)
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def ask(self, made: bytes) -> tuple[int, bytes, bytes]:
        """Status, headers and body of the answer to a request. Raises OSError where none comes."""
        self._socket.sendall(made)
        data = b""
        while b"\r\n\r\n" not in data:
            data += self._part()
        head, _, body = data.partition(b"\r\n\r\n")
        length = re.search(rb"(?i)\ncontent-length: (\d+)", head)
        if length is None:
            raise ConnectionError("an answer without a length")
        while len(body) < int(length[1]):
            body += self._part()
        return int(head[9:12]), head, body

    def _part(self) -> bytes:
        part = self._socket.recv(65536)
        if not part:
            raise ConnectionError("the server closed the connection")
        return part

    def close(self) -> None:
        """Give it back."""
        self._socket.close()


def request(app: App, method: str, path: str, headers: Mapping[str, str], body: bytes = b"") -> bytes:
    """A whole request."""
    given = {"Host": app.url.removeprefix("http://"), **headers, "Content-Length": str(len(body))}
    lines = [f"{method} {path} HTTP/1.1", *(f"{name}: {value}" for name, value in given.items()), "", ""]
    return "\r\n".join(lines).encode() + body


def _word(data: bytes, name: bytes) -> str:
    return data.partition(b'"' + name + b'":"')[2].partition(b'"')[0].decode()


def _number(data: bytes, name: bytes) -> float:
    found = re.search(rb'"' + name + rb'":([\d.]+)', data)
    return float(found[1]) if found else 0.0


class ScriptScreen:
    """A session of the peer: each run of its script works on one frame, which already lies on the server."""

    def __init__(self, app: App) -> None:
        self._opened = Visitor(app).page()
        self._page: Page = self._opened.__enter__()
        self._view = uuid.uuid4().hex

    def send(self, _jpeg: bytes, person: int) -> Reply:
        """``answered`` when the script has run to its end."""
        self._page.run(query=f"view={self._view}&person={person}")
        return Reply("answered")

    def close(self) -> None:
        """Close the session."""
        self._opened.__exit__(None, None, None)


class Browser:
    """One visitor's browser, which keeps its cookies from visit to visit."""

    def __init__(self, app: App) -> None:
        self._app = app
        self._cookies = {DEVICE: ""}

    def open(self) -> None:
        """The page's document, then its websocket, until its script has run."""
        sent = {"Accept": "text/html", "Cookie": "; ".join(f"{name}={value}" for name, value in self._cookies.items())}
        wire = Wire(self._app)
        status, headers, _ = wire.ask(request(self._app, "GET", "/", sent))
        wire.close()
        if status != 200:
            raise ConnectionError(f"the page was answered with {status}")
        self._cookies |= dict(pair.decode().split("=", 1) for pair in re.findall(rb"(?i)set-cookie: ([^;]*)", headers))
        with Visitor(self._app, self._cookies).page() as page:
            page.run(query="light")
