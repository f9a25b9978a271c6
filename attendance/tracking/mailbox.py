"""One destination's queue, as its callers see it: they append and go on, and only they themselves decide to wait."""

from __future__ import annotations

import math
import threading
import time
from abc import ABC, abstractmethod
from collections import deque
from typing import TYPE_CHECKING

import structlog

from attendance.logs import masked
from attendance.tracking.batches import Batch
from attendance.tracking.entries import Artifact, End, Start
from attendance.tracking.limits import LIMITS, Limits
from attendance.tracking.spool import Spool

if TYPE_CHECKING:
    from collections.abc import Callable

    from attendance.tracking.batches import Request
    from attendance.tracking.entries import Entry

log = structlog.get_logger(__name__)


class Mailbox(ABC):
    """The queue of one tracking URI. ``Worker`` empties it.

    Attributes:
        uri: may hold a password; never logged as it is.
        limits: how much may wait, and how long.
        spool: the copies of artifacts.
        local: whether it is a file of this machine rather than a server.
        dropped: calls that were lost, with a warning that says so.
    """

    def __init__(self, uri: str, limits: Limits = LIMITS) -> None:
        self.uri = uri
        self.limits = limits
        self.dropped = 0
        self.spool = Spool(limits.spool_bytes)
        self.local = uri.startswith("sqlite:")
        self._queue: deque[Entry] = deque()
        self._requests: deque[Request] = deque()  # taken from the queue, not arrived
        self._changed = threading.Condition()
        self._thread: threading.Thread | None = None
        self._opened_at: float | None = None  # when mlflow was ready, monotonic
        self._asked_at: float | None = None  # since when a request has been without an answer, monotonic
        self._uploading = False  # that request is an artifact's
        self._away = False  # the last request failed
        self._unusable = False  # mlflow cannot be imported, or the process ends
        self._said_full = False

    @abstractmethod
    def _start(self) -> bool:
        """Start the thread that sends; False where that cannot be."""

    def put(self, entry: Entry) -> bool:
        """Take a call over. False, with the call counted, where the queue is full or its run was never started.

        The end of a run that was taken over is always taken over.
        """
        with self._changed:
            full = len(self._queue) >= self.limits.queue_entries and not isinstance(entry, End)
            if full or entry.run.lost or self._unusable:
                return self._drop(entry, full=full)
            self._queue.append(entry)
            if self._thread is None and not self._start():
                return self._drop(entry, full=False)
            self._changed.notify_all()
            return True

    def wait(self, done: Callable[[], bool], longest_s: float, silence_s: float = math.inf) -> bool:
        """Wait until it is done, as long as that can be expected soon: not while the server or file is away, not longer than
        a request has been without an answer for ``silence_s``, and at most ``longest_s`` once mlflow is imported."""
        began = time.monotonic()
        with self._changed:
            while not done():
                if self._away or self._unusable or self._thread is None:
                    return False
                now = time.monotonic()
                if self._opened_at is None:
                    left = began + self.limits.start_s - now
                else:
                    left = max(began, self._opened_at) + longest_s - now
                if self._asked_at is not None:
                    patience_s = max(silence_s, self.limits.upload_silence_s) if self._uploading else silence_s
                    left = min(left, self._asked_at + patience_s - now)
                if left <= 0:
                    return False
                self._changed.wait(left)
            return True

    def settle(self, done: Callable[[], bool], timeout_s: float) -> None:
        """Wait until it is done, at most so long, the import of mlflow included; not for what is away."""
        with self._changed:
            self._changed.wait_for(lambda: done() or self._away or self._unusable, timeout_s)

    def flush(self, timeout_s: float) -> bool:
        """Wait until nothing waits, whatever the server does, but not longer than this."""
        with self._changed:
            return self._changed.wait_for(lambda: self.idle() or self._unusable, timeout_s) and not self._unusable

    def waiting(self) -> int:
        """Calls and requests that have not arrived."""
        with self._changed:
            return len(self._queue) + sum(len(one) if isinstance(one, Batch) else 1 for one in self._requests)

    def idle(self) -> bool:
        """Whether nothing waits and nothing is being sent."""
        return not self._queue and not self._requests

    def _drop(self, entry: Entry, *, full: bool) -> bool:
        self.dropped += 1
        if isinstance(entry, Start):
            entry.run.lost = True
        if isinstance(entry, Artifact):
            self.spool.discard(entry.copy)
        if full and not self._said_full:
            self._said_full = True
            log.warning("tracking_queue_full", tracking_uri=masked(self.uri), waiting=len(self._queue), now="dropping calls")
        return False

    def _abandon(self) -> None:
        """Send nothing more; what waits is lost."""
        with self._changed:
            self._unusable = True
            self.dropped += self.waiting()
            self._queue.clear()
            self._requests.clear()
            self._changed.notify_all()

    def _tell_dropped(self) -> None:
        """Once there is room again, say how much was dropped."""
        with self._changed:
            over = self._said_full and len(self._queue) < self.limits.queue_entries // 2
            if over:
                self._said_full = False
        if over:
            log.warning("tracking_calls_dropped", tracking_uri=masked(self.uri), calls=self.dropped, why="a full queue")
