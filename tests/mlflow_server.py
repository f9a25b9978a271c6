"""A real MLflow server in a process of its own, as light as it goes, to be stopped, hung, killed and brought back."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Self

import httpx

from tests.real_server import NO_TLS, free_port

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path


class MlflowServer:
    """The server on a folder's ``mlflow.db``.

    Attributes:
        url: without a slash at the end; the same after each start.
        folder: with the database, the artifacts and ``server.log``.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start it, and return when it answers."""
        self.folder.mkdir(parents=True, exist_ok=True)
        command = [
            sys.executable,
            "-m",
            "mlflow",
            "server",
            "--workers",
            "1",
            "--host",
            "127.0.0.1",
            "--port",
            str(self.port),
        ]
        stores = [
            "--backend-store-uri",
            f"sqlite:///{self.folder}/mlflow.db",
            "--artifacts-destination",
            f"{self.folder}/art",
        ]
        with (self.folder / "server.log").open("ab") as log:
            self._process = subprocess.Popen(
                [*command, *stores],
                cwd=self.folder,
                env={**os.environ, "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false"},
                stdout=log,
                stderr=log,
                start_new_session=True,  # the workers of the server get the signals too
            )
        for _ in range(600):
            try:
                httpx.get(f"{self.url}/health", timeout=2, verify=NO_TLS).raise_for_status()
            except httpx.HTTPError:
                time.sleep(0.1)
            else:
                return
        raise RuntimeError((self.folder / "server.log").read_text(encoding="utf-8", errors="replace"))

    def signal(self, number: signal.Signals) -> None:
        """Send a signal to the server and its workers: SIGSTOP hangs it, SIGCONT lets it go on."""
        if self._process is not None:
            os.killpg(self._process.pid, number)

    def kill(self) -> None:
        """End it at once, as a power cut would."""
        if self._process is not None:
            self.signal(signal.SIGKILL)
            self._process.wait(20)
            self._process = None


@contextmanager
def refusing(code: int) -> Iterator[str]:
    """A server that answers every request with this code."""

    def refuse(request: BaseHTTPRequestHandler) -> None:
        request.rfile.read(int(request.headers.get("Content-Length") or 0))
        request.send_response(code)
        request.send_header("Content-Length", "0")
        request.end_headers()

    with _served(0, refuse) as http:
        try:
            yield f"http://127.0.0.1:{http.server_address[1]}"
        finally:
            http.shutdown()


class Between:
    """Stands between a tracker and a real server, and answers as it is told to.

    Attributes:
        url: without a slash at the end; nothing listens there outside the ``with`` block.
        open: while it is not set, every answer is held.
        pause_s: before each answer.
        refusals: so many requests are answered with 500 and go no further.
        asked: requests that have come.
        answered: those that were answered.
    """

    def __init__(self, server: MlflowServer) -> None:
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.open = threading.Event()
        self.open.set()
        self.pause_s = 0.0
        self.refusals = 0
        self.asked = self.answered = 0
        self._behind = server
        self._count = threading.Lock()

    def answer(self, request: BaseHTTPRequestHandler) -> None:
        """One request, when it may be answered."""
        body = request.rfile.read(int(request.headers.get("Content-Length") or 0))
        with self._count:
            self.asked += 1
        self.open.wait()
        time.sleep(self.pause_s)
        with self._count:
            refused = self.refusals > 0
            self.refusals -= refused
        if refused:
            code, kind, answer = 500, "text/plain", b""
        else:
            given = {name: request.headers[name] for name in ("Content-Type",) if name in request.headers}
            got = httpx.request(
                request.command, f"{self._behind.url}{request.path}", content=body, headers=given, timeout=60
            )
            code, kind, answer = got.status_code, got.headers.get("Content-Type", "text/plain"), got.content
        with self._count:
            self.answered += 1
        with suppress(ConnectionError):  # whoever asked has given up
            request.send_response(code)
            request.send_header("Content-Type", kind)
            request.send_header("Content-Length", str(len(answer)))
            request.end_headers()
            request.wfile.write(answer)

    def __enter__(self) -> Self:
        self._http = _served(self.port, self.answer)
        return self

    def __exit__(self, *_error: object) -> None:
        self.open.set()
        self._http.shutdown()
        self._http.server_close()


def _served(port: int, answer: Callable[[BaseHTTPRequestHandler], None]) -> ThreadingHTTPServer:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            answer(self)

        do_POST = do_PUT = do_PATCH = do_GET  # noqa: N815  # the names that http.server asks for

        def log_message(self, *_args: object) -> None:
            """Say nothing."""

    http = ThreadingHTTPServer(("127.0.0.1", port), Handler)
    threading.Thread(target=http.serve_forever, daemon=True).start()
    return http
