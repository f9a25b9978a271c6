"""The thread that empties one destination's queue: sends, tries again, gives up what will never be taken."""

from __future__ import annotations

import sqlite3
import threading
import time
from random import SystemRandom
from typing import TYPE_CHECKING

import structlog

from attendance.errors import TrackingError
from attendance.logs import masked
from attendance.tracking import files, probe
from attendance.tracking.batches import Batch, gather
from attendance.tracking.entries import Artifact, End, Start
from attendance.tracking.limits import LIMITS, Limits
from attendance.tracking.mailbox import Mailbox
from attendance.tracking.sending import Sender, is_at_fault
from attendance.tracking.words import say, what

if TYPE_CHECKING:
    from attendance.tracking.batches import Request

log = structlog.get_logger(__name__)
_CHUNK = 5_000  # calls that are gathered into requests at once
# SQLite refuses at once where two connections would wait for each other. A pause of another length each time: its own are
# always the same, and beside a writer of the wrong pace every look would find the file held.
_BRIEFLY_S = (0.0, 0.05)
_random = SystemRandom()


class Worker(Mailbox):
    """The thread of one tracking URI."""

    def __init__(self, uri: str, limits: Limits = LIMITS) -> None:
        super().__init__(uri, limits)
        self._sender: Sender | None = None
        self._at_work = threading.Lock()  # held while a request is made
        self._hurry = False  # the process ends: no more pauses
        self._hurry_at = 0.0  # since when, monotonic
        self._said_away = False

    def hold(self) -> bool:
        """Let no request begin, and wait for the one under way: a fork in the middle of it would leave its locks held for
        ever in the child. A server that does not answer is waited for briefly: the child needs none of its connections."""
        patient = self.local or self._sender is None
        return self._at_work.acquire(timeout=self.limits.start_s if patient else self.limits.fork_s)

    def let_go(self) -> None:
        """After hold."""
        self._at_work.release()

    def close(self) -> None:
        """At the end of the process: what waits is tried again without a pause. A server gets one chance, one that has never
        answered is only looked for, and a file that is locked gets ``exit_lock_s``. What is left is counted and lost."""
        never = self._away and self._sender is None and not probe.answers(self.uri, self.limits.probe_s)
        if not never:
            with self._changed:
                self._hurry, self._hurry_at = True, time.monotonic()
                self._away = False  # a further failure sets it again
                self._changed.notify_all()
            longest_s = self.limits.exit_s if self.local else self.limits.exit_answering_s
            self.wait(self.idle, longest_s, self.limits.exit_silence_s)
        if left := self.waiting():
            log.warning("tracking_calls_lost", tracking_uri=masked(self.uri), calls=left, why="the process ends")
            self._abandon()
        self.spool.remove()

    def stalled(self) -> None:
        """Somebody's patience with a local file is over: nobody waits for it until it is written again, and it is said."""
        if not self.idle():
            self._failed(TimeoutError("it has not been written in time; its disk is slow, or hangs"))

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
            if self._hurry:  # mlflow is not imported for it any more
                return
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
            while (request := self._next()) is not None:
                self._deliver(request)

    def _next(self) -> Request | None:
        with self._changed:
            return self._requests[0] if self._requests else None

    def _deliver(self, request: Request) -> None:
        """See one request to its end: arrived, or refused for good."""
        began, tries, again = time.monotonic(), 0, False
        while not self._unusable:
            if request.run.lost:
                return self._give_up(request, None)
            try:
                with self._at_work:
                    sender = self._sender or self._open()
                    if sender is None:
                        return None
                    self._uploading = isinstance(request, Artifact)
                    self._heard()
                    sender.send(request, again=again)
            except Exception as error:  # noqa: BLE001  # whatever it is, it stays in this thread
                again = True
                self._ask(None)
                files_fault = files.is_the_files(error)
                at_fault = is_at_fault(error) and not files_fault
                if self.local and not at_fault and self._is_patient(error, began):
                    time.sleep(_random.uniform(*_BRIEFLY_S))
                    continue
                tries += 1
                alone = tries >= self.limits.retries_alone and not files_fault
                if at_fault or (alone and self._answers()):
                    return self._refused(request, error)
                self._failed(error)
                self._pause(tries)
            else:
                return self._arrived(request)
        return None

    def _is_patient(self, error: Exception, began: float) -> bool:
        """Whether a request to a local file is tried again at once: where a lock is one of many short ones, since others
        write meanwhile. At the end of the process whatever it is may end, and a parent may still write the run it began."""
        if self._hurry:
            of_parent = isinstance(error, TrackingError) and self._sender is not None
            return time.monotonic() - self._hurry_at < (self.limits.exit_s if of_parent else self.limits.exit_lock_s)
        if not files.is_locked(error):
            return False
        tried_s = time.monotonic() - began
        return tried_s < self.limits.silence_s and min(tried_s, files.still_s(self.uri)) < self.limits.lock_s

    def _there(self) -> bool:
        """Whether the server answers, or the file can be written."""
        file = files.file_of(self.uri)
        if file is None:
            return probe.answers(self.uri, self.limits.probe_s)
        try:
            with self._at_work:
                files.check(file, self.limits.lock_s)
        except (OSError, sqlite3.Error):
            return False
        return True

    def _answers(self) -> bool:
        """Whether it is this request alone that fails; not asked in the hurry of an exit."""
        return not self._hurry and self._sender is not None and self._sender.answers()

    def _open(self) -> Sender | None:
        """Import mlflow and open the store; None where that can never be.

        Raises:
            TrackingError: it cannot be opened now.
        """
        try:
            sender = Sender(self.uri, self.limits, self._heard)
        except ImportError as error:
            self._cannot(error)
            return None
        except Exception as error:
            raise TrackingError(say(error)) from error
        with self._changed:
            self._sender, self._opened_at = sender, time.monotonic()
        return sender

    def _heard(self) -> None:
        """The server has answered, and is asked the next question."""
        self._ask(time.monotonic())

    def _ask(self, at: float | None) -> None:
        with self._changed:
            self._asked_at = at
            self._changed.notify_all()

    def _arrived(self, request: Request) -> None:
        if self._said_away:  # said before those who wait go on, as that it was away
            self._said_away = False
            left = self.waiting() - (len(request) if isinstance(request, Batch) else 1)
            log.info("tracking_back", tracking_uri=masked(self.uri), waiting=max(0, left))
        with self._changed:
            self._away, self._asked_at = False, None
            if self._requests:  # not where they have been given up since
                self._requests.popleft()
            self._changed.notify_all()
        if isinstance(request, Artifact):
            self.spool.discard(request.copy)

    def _failed(self, error: Exception) -> None:
        if not self._said_away:  # said before those who wait go on, since the process may end then
            self._said_away = True
            log.warning("tracking_away", tracking_uri=masked(self.uri), error=say(error), waiting=self.waiting())
        with self._changed:
            self._away = True
            self._changed.notify_all()

    def _pause(self, tries: int) -> None:
        """Ends at once where a server that was away is there again."""
        pause_s = min(self.limits.retry_longest_s, self.limits.retry_first_s * 2 ** min(tries - 1, 20))
        until = time.monotonic() + pause_s * _random.uniform(0.75, 1.25)
        with self._changed:
            if self._hurry:
                self._changed.wait(0.05)
                return
        asks = pause_s > self.limits.look_s and not self._there()
        while (left := until - time.monotonic()) > 0:
            with self._changed:
                if self._changed.wait_for(lambda: self._hurry, min(left, self.limits.look_s) if asks else left):
                    return
            if asks and self._there():
                return

    def _refused(self, request: Request, error: Exception) -> None:
        """The server answers, but not to this. A batch is taken apart, so that only the calls at fault are lost."""
        if isinstance(request, Batch) and len(request) > 1:
            with self._changed:
                if self._requests:
                    self._requests.popleft()
                    self._requests.extendleft(reversed(request.singles()))
            return
        if isinstance(request, Start):
            request.run.lost = True
        self._give_up(request, error)

    def _give_up(self, request: Request, error: Exception | None) -> None:
        if error is not None:
            log.warning("tracking_refused", tracking_uri=masked(self.uri), **what(request), error=say(error))
        with self._changed:
            if self._requests:
                self._requests.popleft()
            self.dropped += len(request) if isinstance(request, Batch) else 1
            if isinstance(request, End):
                request.run.ended = True  # nobody need wait for it
            self._changed.notify_all()
        if isinstance(request, Artifact):
            self.spool.discard(request.copy)

    def _cannot(self, error: Exception) -> None:
        log.warning("tracking_off", why="mlflow cannot be imported", error=say(error))
        self._abandon()
        self.spool.remove()
