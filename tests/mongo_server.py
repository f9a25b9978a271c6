"""A real server that speaks MongoDB's protocol, for the tests that need one.

Normally SecantusDB from the test dependencies, on a free loopback port and a folder of the test's own, either as a replica
set of one (so with transactions) or ``standalone`` (without). Where ``TEST_MONGODB_URI`` is set, that server is used
instead, under database names of our own that are dropped afterwards; it belongs to somebody else, so a test that would stop
or kill it is skipped.
"""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import subprocess
import sys
import time
import uuid
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit, urlunsplit

import pymongo
import pytest
from pymongo.errors import PyMongoError

from attendance.store.mongo import MongoStore

if TYPE_CHECKING:
    from collections.abc import Iterator

START_S = 60.0  # two busy cores and a cold disk; it is ready in about 1 s otherwise
EXTERNAL = "TEST_MONGODB_URI"


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class MongoServer:
    """A running server and a database name of its own.

    Attributes:
        url: to connect to, with the database's name.
        standalone: without transactions and without retryable writes.
        external: it is the server of ``TEST_MONGODB_URI``.
    """

    def __init__(self, folder: Path, *, standalone: bool) -> None:
        self.standalone = standalone
        self._folder = folder
        self._external = os.environ.get(EXTERNAL, "")
        self._process: subprocess.Popen[bytes] | None = None
        self._databases: list[str] = []
        self._port = 0
        if not self._external:
            self._start()
        self.url = self.fresh_url()

    @property
    def external(self) -> bool:
        """Somebody else's server, not to be stopped."""
        return bool(self._external)

    def fresh_url(self) -> str:
        """The same server with a new, empty database."""
        name = f"attend_test_{uuid.uuid4().hex[:16]}"
        self._databases.append(name)
        if not self._external:
            return f"mongodb://127.0.0.1:{self._port}/{name}"
        parts = urlsplit(self._external)
        query = parts.query
        if parts.username and "authSource" not in query:  # the path would otherwise name where the account lives
            source = parts.path.strip("/") or "admin"
            query = f"{query}&authSource={source}" if query else f"authSource={source}"
        return urlunsplit((parts.scheme, parts.netloc, f"/{name}", query, ""))

    def client(self) -> pymongo.MongoClient[dict[str, Any]]:
        """A plain client, for what an older app or an inspector would do; the caller closes it."""
        return pymongo.MongoClient(self.url, tz_aware=True, serverSelectionTimeoutMS=5000)

    def kill(self) -> None:
        """SIGKILL, as when the power goes."""
        process = self._own()
        process.kill()
        process.wait()

    def restart(self) -> None:
        """Start again on the same port and folder; returns when it answers."""
        process = self._own()
        if process.poll() is None:
            self.kill()
        self._launch()
        self._await()

    def stop_signal(self) -> None:
        """SIGSTOP: connections stay open and nothing answers."""
        self._own().send_signal(signal.SIGSTOP)

    def cont(self) -> None:
        """SIGCONT: go on as if nothing had been."""
        self._own().send_signal(signal.SIGCONT)

    def close(self) -> None:
        """End the server, or drop our databases from somebody else's."""
        if self._process is not None:
            with contextlib.suppress(ProcessLookupError):
                self._process.send_signal(signal.SIGCONT)
            self._process.kill()
            self._process.wait()
        if self._external:
            with pymongo.MongoClient[dict[str, Any]](self._external, serverSelectionTimeoutMS=5000) as client:
                for name in self._databases:
                    client.drop_database(name)

    def _own(self) -> subprocess.Popen[bytes]:
        if self._process is None:
            pytest.skip(f"the server of {EXTERNAL} is not ours to stop")
        return self._process

    def _start(self) -> None:
        for attempt in range(3):  # another process may take the port between the probe and the server
            self._port = _free_port()
            self._launch()
            try:
                self._await()
            except RuntimeError:
                if attempt == 2:
                    raise
                self.close()
            else:
                return

    def _launch(self) -> None:
        program = Path(sys.executable).with_name("secantusd-py")
        if not program.exists():
            pytest.skip(f"needs secantusdb (test dependencies) or {EXTERNAL}")
        self._folder.mkdir(parents=True, exist_ok=True)
        arguments = [
            str(program),
            "--host",
            "127.0.0.1",
            "--port",
            str(self._port),
            "--storage-path",
            "data",
            "--sync-on-commit",
        ]
        with (self._folder / "server.log").open("ab") as log:
            self._process = subprocess.Popen(
                arguments + ["--standalone"] * self.standalone, cwd=self._folder, stdout=log, stderr=log
            )

    def _await(self) -> None:
        end = time.monotonic() + START_S
        process = self._own()
        address = f"mongodb://127.0.0.1:{self._port}/?directConnection=true"
        with pymongo.MongoClient[dict[str, Any]](address, serverSelectionTimeoutMS=500) as client:
            while process.poll() is None and time.monotonic() < end:
                with contextlib.suppress(PyMongoError):
                    client.admin.command("ping")
                    return
        log = (self._folder / "server.log").read_text(errors="replace")[-2000:]
        raise RuntimeError(f"the MongoDB-protocol server did not start: {log}")


@contextlib.contextmanager
def mongo_server(folder: Path, standalone: bool = False) -> Iterator[MongoServer]:
    """A server that keeps its data in ``folder`` and is gone afterwards.

    Raises:
        RuntimeError: it did not start; the message ends with its log.
    """
    server = MongoServer(folder, standalone=standalone)
    try:
        yield server
    finally:
        server.close()


@contextlib.contextmanager
def opened(url: str, timeout_s: float = 5.0) -> Iterator[MongoStore]:
    """A store as the next process finds it, closed afterwards."""
    store = MongoStore.open(url, timeout_s)
    try:
        yield store
    finally:
        store.close()
