"""A real HTTP server on this machine with a file of weights, that answers as servers and networks do on bad days."""

from __future__ import annotations

import hashlib
import threading
import time
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any

import pytest

from attendance.errors import WeightsUnavailableError
from attendance.faces.network import Limits
from attendance.faces.published import Published
from attendance.faces.weights import fetch

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

BODY = hashlib.sha256(b"weights").digest() * 10_000  # 320,000 bytes
FAR_TOO_LONG_S = 60.0  # what never ends would take longer; what ends takes a fraction of a second
# For servers that answer, on a machine that is busy; for those that never do; and for those that stop on the way.
PATIENT, UNANSWERED, STOPPED = Limits(20.0, 20.0), Limits(0.5, 0.5), Limits(20.0, 2.0)


class Server(ThreadingHTTPServer):
    """Serves BODY; the attributes make it misbehave."""

    daemon_threads = True
    block_on_close = False

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.body = BODY
        self.etag = '"one"'
        self.status = 0  # not 0: answered with this and nothing else
        self.ignore_range = False
        self.ignore_if_range = False
        self.break_after: list[int] = []  # one number a request: bytes of the body before the connection is cut
        self.hang_before_headers = False
        self.hang_after = -1
        self.piece_s = 0.0  # seconds of rest after each piece
        self.announced: int | None = len(BODY)  # None: no Content-Length, the end of the connection ends the body
        self.released = threading.Event()
        self.requests: list[str] = []  # the Range header of each

    def handle_error(self, request: object, client_address: object) -> None:
        """A client that went away is part of the tests."""

    def what(self) -> Published:
        port = self.server_address[1]
        digest = hashlib.sha256(BODY).hexdigest()
        return Published("facenet", "FaceNet", "net.pt", f"http://127.0.0.1:{port}/net.pt", len(BODY), digest)


class _Handler(BaseHTTPRequestHandler):
    server: Server

    def log_message(self, *_: object) -> None:
        """Quiet."""

    def do_GET(self) -> None:
        server = self.server
        server.requests.append(self.headers.get("Range", ""))
        if server.hang_before_headers:
            server.released.wait()
        if server.status:
            self.send_error(server.status)
            return
        start = 0
        wanted = self.headers.get("Range", "")
        unchanged = server.ignore_if_range or self.headers.get("If-Range") == server.etag
        if wanted and unchanged and not server.ignore_range:
            start = int(wanted.removeprefix("bytes=").removesuffix("-"))
            self.send_response(206)
            self.send_header("Content-Range", f"bytes {start}-{len(server.body) - 1}/{len(server.body)}")
        else:
            self.send_response(200)
        if server.announced is not None:
            self.send_header("Content-Length", str(server.announced - start))
        if server.etag:
            self.send_header("ETag", server.etag)
        self.end_headers()
        self._send(server.body[start:])

    def _send(self, body: bytes) -> None:
        server = self.server
        cut = server.break_after.pop(0) if server.break_after else len(body)
        for at in range(0, len(body), 20_000):
            if at >= cut:
                break
            if 0 <= server.hang_after <= at:
                server.released.wait()
            self.wfile.write(body[at : min(at + 20_000, cut)])
            if server.piece_s:
                time.sleep(server.piece_s)
        self.close_connection = True


@contextmanager
def serving() -> Iterator[Server]:
    """A server that behaves, until it is told otherwise."""
    with Server() as running:
        thread = threading.Thread(target=running.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield running
        running.released.set()
        running.shutdown()
        thread.join()


def refused(folder: Path, what: Published, limits: Limits = PATIENT, **options: Any) -> WeightsUnavailableError:
    """Try to fetch what cannot be had: the error, which came in time and left no file that looks whole."""
    began = time.monotonic()
    with pytest.raises(WeightsUnavailableError) as caught:
        fetch(folder, what, limits=limits, **options)
    assert time.monotonic() - began < FAR_TOO_LONG_S
    assert not (folder / what.name).exists()
    return caught.value
