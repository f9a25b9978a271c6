"""The sender in a process of its own beside the server, so that MLflow's work takes nothing from a check-in.

A thread would share Python's lock with the recognitions: a check-in that meets MLflow at work would wait some milliseconds.
The process lives as long as the pipe to it: it ends by itself, and in order, when the server ends or is killed. Whose turn
it is to send is decided in the store, so any number of servers may have one.
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import threading
import time
from typing import TYPE_CHECKING, Any

import structlog

from attendance import logs
from attendance.bootstrap.tracking import tracking_of
from attendance.errors import AttendanceError
from attendance.settings import load
from attendance.store.connect import connect

if TYPE_CHECKING:
    from attendance.bootstrap.tracking import Tracking
    from attendance.settings import Settings

LOOK_S = 1.0  # how soon a switch of another process holds here
STOP_S = 4.0  # the longest that the end of the server waits for the sender's end
AGAIN_S = 30.0  # the pause before a sender that ended by itself is started anew
NICENESS = 5  # whoever checks in goes first; more would starve it on a busy machine
log = structlog.get_logger(__name__)


class Sender:
    """Keeps the server's session alive, and a process that sends once there is something to send.

    Args:
        settings: of the server.
        tracking: of the server.
    """

    def __init__(self, settings: Settings, tracking: Tracking) -> None:
        self._settings = settings
        self._tracking = tracking
        self._stopping = threading.Event()
        self._thread: threading.Thread | None = None
        self._child: subprocess.Popen[bytes] | None = None
        self._not_before = 0.0

    def start(self) -> None:
        """Follow the switch and send, from now on."""
        if self._thread is None:
            self._thread = threading.Thread(target=self._work, name="attend-sender", daemon=True)
            self._thread.start()

    def stop(self) -> None:
        """End the session. What is left is sent within ``STOP_S``, or by whoever comes next."""
        self._stopping.set()
        if self._thread is not None:
            self._thread.join(STOP_S)
        with contextlib.suppress(AttendanceError):
            self._tracking.sessions.stop()
        child, self._child = self._child, None
        if child is not None and child.stdin is not None:
            child.stdin.close()
            with contextlib.suppress(subprocess.TimeoutExpired):
                child.wait(STOP_S)

    @property
    def process_id(self) -> int | None:
        """Of the process that sends, where one runs."""
        return None if self._child is None or self._child.poll() is not None else self._child.pid

    def _work(self) -> None:
        while not self._stopping.is_set():
            try:
                self._tracking.sessions.refresh()
                self._look()
            except AttendanceError as error:  # whoever checks in hears of it
                log.debug("tracking_not_looked_at", error=error)
            self._stopping.wait(LOOK_S)

    def _look(self) -> None:
        """Start the process when the first attempt waits; anew where it ended by itself, as for lack of memory."""
        if self._child is not None and self._child.poll() is not None:
            log.warning("tracking_sender_ended", code=self._child.returncode)
            if self._child.stdin is not None:
                self._child.stdin.close()
            self._child, self._not_before = None, time.monotonic() + AGAIN_S
        if self._child is None and time.monotonic() >= self._not_before and self._tracking.outbox.waits():
            self._child = self._started()

    def _started(self) -> subprocess.Popen[bytes]:
        settings = self._settings
        told = {
            "store_url": settings.store_url.get_secret_value(),  # through the pipe: a command line can be seen by others
            "store_timeout_s": settings.store_timeout_s,
            "tracking_experiment": settings.tracking_experiment,
            "tracking_pseudonyms": settings.tracking_pseudonyms,
        }
        child = subprocess.Popen([sys.executable, "-m", __name__], stdin=subprocess.PIPE)  # noqa: S603 - our own module
        if child.stdin is not None:
            with contextlib.suppress(OSError):  # it has ended already; seen at the next look
                child.stdin.write(json.dumps(told).encode() + b"\n")
                child.stdin.flush()
        return child


def main() -> None:
    """The process: send until the pipe is closed."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches both; the pipe says when to end
    logs.configure()
    with contextlib.suppress(OSError):
        os.nice(NICENESS)
    line = sys.stdin.buffer.readline()
    if not line:
        return
    told: dict[str, Any] = json.loads(line)
    settings = load(**told)
    store = connect(settings.store_url.get_secret_value(), timeout_s=settings.store_timeout_s)
    outbox = tracking_of(store, settings, None, server=False, sends_only=True).outbox
    outbox.start()
    sys.stdin.buffer.read()
    outbox.stop()
    store.close()


if __name__ == "__main__":
    main()
