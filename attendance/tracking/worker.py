"""One destination's queue and the thread that empties it. Callers append and go on; only they themselves decide to wait."""

from __future__ import annotations

import threading
import time
from collections import deque
from random import SystemRandom
from typing import TYPE_CHECKING

import structlog

from attendance.errors import TrackingError
from attendance.logs import masked
from attendance.tracking import probe
from attendance.tracking.batches import Batch, gather
from attendance.tracking.entries import Artifact, End, Start
from attendance.tracking.limits import LIMITS, Limits
from attendance.tracking.sending import Sender, is_at_fault
from attendance.tracking.spool import Spool
from attendance.tracking.words import say, what

if TYPE_CHECKING:
    from collections.abc import Callable

    from attendance.tracking.batches import Request
    from attendance.tracking.entries import Entry

log = structlog.get_logger(__name__)
_CHUNK = 5_000  # calls that are gathered into requests at once
_random = SystemRandom()


class Worker:
    """The queue of one tracking URI.

    Attributes:
        uri: may hold a password; never logged as it is.
        dropped: calls that were lost, with a warning that says so.
    """

    def __init__(self, uri: str, limits: Limits = LIMITS) -> None:
        self.uri = uri
        self.limits = limits
        self.dropped = 0
        self.spool = Spool(limits.spool_bytes)
        self._local = uri.startswith("sqlite:")
        self._queue: deque[Entry] = deque()
        self._requests: deque[Request] = deque()
        self._changed = threading.Condition()
        self._at_work = threading.Lock()  # held while a request is made
        self._thread: threading.Thread | None = None
        self._sender: Sender | None = None
        self._asked_at: float | None = None  # since when a request has been without an answer, monotonic
        self._began_at = 0.0
        self._away = False  # the last request failed
        self._hurry = False  # the process ends: no more pauses
        self._unusable = False  # mlflow cannot be imported
        self._said_full = False

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

    def wait(self, done: Callable[[], bool], longest_s: float, silence_s: float) -> bool:
        """Wait until it is done, as long as that can be expected soon: not while the server is away, not longer than a
        server has left a request without an answer for ``silence_s``, and at most ``longest_s`` once mlflow is imported."""
        began = time.monotonic()
        with self._changed:
            while not done():
                if self._away or self._unusable or self._thread is None:
                    return False
                now = time.monotonic()
                if self._sender is None:
                    left = began + self.limits.start_s - now
                else:
                    left = max(began, self._began_at) + longest_s - now
                if self._asked_at is not None and not self._local:
                    left = min(left, self._asked_at + silence_s - now)
                if left <= 0:
                    return False
                self._changed.wait(left)
            return True

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

    def hold(self) -> bool:
        """Let no request begin, and wait for the one under way: a fork in the middle of it would leave its locks held for
        ever in the child. A server that does not answer is waited for briefly: the child needs none of its connections."""
        patient = self._local or self._sender is None
        return self._at_work.acquire(timeout=self.limits.start_s if patient else self.limits.fork_s)

    def let_go(self) -> None:
        """After hold."""
        self._at_work.release()

    def close(self) -> None:
        """At the end of the process: what waits is tried again without a pause, within ``exit_s``. A server gets one chance,
        one that has never answered is only looked for. What is left is counted and lost."""
        never = self._away and self._sender is None and not probe.answers(self.uri, self.limits.probe_s)
        if not never:
            with self._changed:
                self._hurry = True
                self._away = False  # a further failure sets it again
                self._changed.notify_all()
            if self._local:
                self.flush(self.limits.exit_s)
            else:
                self.wait(self.idle, self.limits.exit_s, self.limits.exit_silence_s)
        if left := self.waiting():
            log.warning("tracking_calls_lost", tracking_uri=masked(self.uri), calls=left, why="the process ends")
        else:
            self.spool.remove()

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

    def _start(self) -> bool:
        self._thread = threading.Thread(target=self._work, name="attend-tracking", daemon=True)
        try:
            self._thread.start()
        except RuntimeError as error:  # the interpreter is shutting down, or no thread is to be had
            self._thread = None
            log.warning("tracking_cannot_start", error=say(error))
            return False
        return True

    def _work(self) -> None:
        if not probe.answers(self.uri, self.limits.probe_s):
            self._failed(ConnectionError("nothing answers at this address"))
        while not self._unusable:
            with self._changed:
                while not self._queue:
                    self._changed.notify_all()
                    if self._hurry:  # closed, and all done
                        return
                    self._changed.wait()
                taken = [self._queue.popleft() for _ in range(min(_CHUNK, len(self._queue)))]
                self._requests.extend(gather(taken))
            self._tell_dropped()
            while self._requests and not self._unusable:
                self._deliver(self._requests[0])

    def _deliver(self, request: Request) -> None:
        """See one request to its end: arrived, or refused for good."""
        tries = 0
        while not self._unusable:
            if request.run.lost:
                return self._give_up(request, None)
            try:
                with self._at_work:
                    sender = self._sender or self._open()
                    if sender is None:
                        return None
                    self._ask(time.monotonic())
                    sender.send(request, again=tries > 0)
            except Exception as error:  # noqa: BLE001  # whatever it is, it stays in this thread
                tries += 1
                self._ask(None)
                if is_at_fault(error) or (tries >= self.limits.retries_alone and self._answers()):
                    return self._refused(request, error)
                self._failed(error)
                self._pause(tries)
            else:
                return self._arrived(request)
        return None

    def _answers(self) -> bool:
        """Whether it is this request alone that fails; not asked in the hurry of an exit."""
        return not self._hurry and self._sender is not None and self._sender.answers()

    def _open(self) -> Sender | None:
        """Import mlflow and open the store; None where that can never be.

        Raises:
            TrackingError: it cannot be opened now.
        """
        try:
            sender = Sender(self.uri, self.limits)
        except ImportError as error:
            self._cannot(error)
            return None
        except Exception as error:
            raise TrackingError(say(error)) from error
        with self._changed:
            self._sender, self._began_at = sender, time.monotonic()
        return sender

    def _ask(self, at: float | None) -> None:
        with self._changed:
            self._asked_at = at
            self._changed.notify_all()

    def _arrived(self, request: Request) -> None:
        with self._changed:
            was_away, self._away, self._asked_at = self._away, False, None
            self._requests.popleft()
            self._changed.notify_all()
        if isinstance(request, Artifact):
            self.spool.discard(request.copy)
        if was_away:
            log.info("tracking_back", tracking_uri=masked(self.uri), waiting=self.waiting())

    def _failed(self, error: Exception) -> None:
        with self._changed:
            was_away, self._away = self._away, True
            self._changed.notify_all()
        if not was_away and not self._hurry:
            log.warning("tracking_away", tracking_uri=masked(self.uri), error=say(error), waiting=self.waiting())

    def _pause(self, tries: int) -> None:
        pause_s = min(self.limits.retry_longest_s, self.limits.retry_first_s * 2 ** min(tries - 1, 20))
        with self._changed:
            if self._hurry:
                self._changed.wait(0.05)
            else:
                self._changed.wait_for(lambda: self._hurry, pause_s * _random.uniform(0.75, 1.25))

    def _refused(self, request: Request, error: Exception) -> None:
        """The server answers, but not to this. A batch is taken apart, so that only the calls at fault are lost."""
        if isinstance(request, Batch) and len(request) > 1:
            with self._changed:
                self._requests.popleft()
                self._requests.extendleft(reversed(request.singles()))
            return
        if isinstance(request, Start):
            request.run.lost = True
        self._give_up(request, error)

    def _give_up(self, request: Request, error: Exception | None) -> None:
        with self._changed:
            self._requests.popleft()
            self.dropped += len(request) if isinstance(request, Batch) else 1
            if isinstance(request, End):
                request.run.ended = True  # nobody need wait for it
            self._changed.notify_all()
        if isinstance(request, Artifact):
            self.spool.discard(request.copy)
        if error is not None:
            log.warning("tracking_refused", tracking_uri=masked(self.uri), **what(request), error=say(error))

    def _cannot(self, error: Exception) -> None:
        with self._changed:
            self._unusable = True
            self.dropped += len(self._queue) + len(self._requests)
            self._queue.clear()
            self._requests.clear()
            self._changed.notify_all()
        self.spool.remove()
        log.warning("tracking_off", why="mlflow cannot be imported", error=say(error))

    def _tell_dropped(self) -> None:
        """Once there is room again, say how much was dropped."""
        with self._changed:
            over = self._said_full and len(self._queue) < self.limits.queue_entries // 2
            if over:
                self._said_full = False
        if over:
            log.warning("tracking_calls_dropped", tracking_uri=masked(self.uri), calls=self.dropped, why="a full queue")
