"""The server as `make run` starts it, in a process of its own, for the tests that attack it and those with a browser."""

from __future__ import annotations

import os
import re
import socket
import ssl
import subprocess
import sys
import time
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import httpx

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

ROOT = Path(__file__).resolve().parents[1]
OPERATOR_PASSWORD = "a long walk by the harbour"
# For clients that only ever speak plain HTTP to this machine: each would read the system's certificates first, which takes
# 50 ms of processor time where SSL_CERT_FILE names them, and who waits for a server asks ten times a second.
NO_TLS = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)


@dataclass
class App:
    """A running server.

    Attributes:
        url: without a slash at the end.
        folder: with ``attendance.db`` and ``server.log``.
    """

    url: str
    folder: Path
    process: subprocess.Popen[bytes]

    @property
    def log(self) -> str:
        """What the server has said so far."""
        return (self.folder / "server.log").read_text(encoding="utf-8", errors="replace")


def free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])


@contextmanager
def serving(folder: Path, model_dir: Path, *options: str, port: int | None = None, **environment: str) -> Iterator[App]:
    """The app as `make run` starts it, on the database in ``folder``; ready to answer, though its models may still load."""
    port = port or free_port()
    variables = {
        **os.environ,
        "ATTEND_STORE_URL": f"sqlite:///{folder}/attendance.db",
        "ATTEND_MODEL_DIR": str(model_dir),
        "ATTEND_ACCELERATE": "false",
        "ATTEND_TIMEZONE": "Europe/Stockholm",
        "ATTEND_OPEN_BROWSER": "false",
        **environment,
    }
    command = [sys.executable, "-m", "streamlit", "run", "attend_app.py", "--server.address", "127.0.0.1"]
    with (folder / "server.log").open("ab") as log:
        process = subprocess.Popen(
            [*command, "--server.port", str(port), "--browser.serverAddress", "localhost", *options],
            cwd=ROOT,
            env=variables,
            stdout=log,
            stderr=log,
        )
        app = App(f"http://127.0.0.1:{port}", folder, process)
        try:
            until(lambda: answers(app, "/healthz"), app)
            yield app
        finally:
            process.terminate()
            try:
                process.wait(20)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def answers(app: App, path: str) -> bool:
    """Whether the server says 200 there."""
    try:
        return httpx.get(app.url + path, timeout=5, verify=NO_TLS).status_code == 200
    except httpx.TransportError:
        return False


def until(condition: Callable[[], object], app: App, seconds: float = 60) -> None:
    """Wait until it holds; a server that ended meanwhile tells why."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert app.process.poll() is None, app.log
        assert time.monotonic() < deadline, app.log
        time.sleep(0.1)


def setup_token(app: App) -> str:
    """The token of the link that the terminal shows."""
    until(lambda: "/in/setup?token=" in app.log, app)
    found = re.findall(r"/in/setup\?token=([\w-]+)", app.log)
    return str(found[-1])


def set_password(app: App, password: str = OPERATOR_PASSWORD) -> None:
    """Set the operator's password through the real form."""
    link = f"{app.url}/in/setup?token={setup_token(app)}"
    answer = httpx.post(link, data={"password": password}, headers={"Origin": app.url}, timeout=30, verify=NO_TLS)
    assert answer.status_code in {200, 303}, answer.text
