"""Sends the attempts that wait in the store to the tracking: in order, once, and without holding anybody up.

The attempts are durable before anything is sent, so there is nothing to lose here. What is sent next is noted in the store
first, sent, and then marked; whoever is killed in between sends just the same once more, which does not show.
"""

from __future__ import annotations

import contextlib
import math
import secrets
import threading
import time
from enum import Enum
from typing import TYPE_CHECKING, Any

import structlog

from attendance.errors import AttendanceError, CorruptRecordError, StoreError, TrackingError
from attendance.services.clock import now_utc
from attendance.services.outbox_state import Report, State
from attendance.services.pace import Pace
from attendance.services.refusals import Refusals, deliver
from attendance.services.tally import Summaries
from attendance.services.turn import Turn, TurnLostError
from attendance.tracking.base import Dataset, Numbered, Session

if TYPE_CHECKING:
    from collections.abc import Callable

    from attendance.domain.model import Attempt
    from attendance.services.clock import Clock
    from attendance.services.sessions import Sessions
    from attendance.store.base import Store
    from attendance.tracking.base import AttemptSink

log = structlog.get_logger(__name__)


class Round(Enum):
    """How a round ended."""

    IDLE = "nothing waits"
    MORE = "something was sent, and more waits"
    BUSY = "another process sends"
    FAILED = "it could not be sent"


class Outbox:
    """One sender of all those that the processes have.

    Args:
        store: with what waits; shared.
        make_sink: called when there is something to send for the first time; raises TrackingError.
        clock: for what is told.
        sessions: of this process.
        destination: where ``make_sink`` leads, masked, for people.
        pace: how often and how much.
    """

    def __init__(
        self,
        store: Store,
        make_sink: Callable[[], AttemptSink],
        clock: Clock = now_utc,
        *,
        sessions: Sessions,
        destination: str = "",
        pace: Pace | None = None,
    ) -> None:
        self._store = store
        self._make_sink = make_sink
        self._clock = clock
        self._sessions = sessions
        self._pace = pace or Pace()
        self._refusals = Refusals(store, clock)
        self._refused_again = False  # whether those that were refused are tried once more
        self._report = Report(store, clock, destination)
        self._turn = Turn(store, lasts_s=self._pace.turn_s)
        self._sink: AttemptSink | None = None
        self._one_round = threading.Lock()
        self._failures, self._next_try = 0, 0.0
        self._away = False  # nothing was there after the last failure, so that it is worth asking before the next try
        self._until = math.inf  # no batch is begun after this moment
        self._dataset: tuple[float, Dataset] | None = None
        self._summaries = Summaries(store, sessions, self._pace.summarise_s)
        self._next_finish = 0.0
        self._stopping = threading.Event()
        self._thread: threading.Thread | None = None

    # In the background -------------------------------------------------------------------------------------------------

    def start(self) -> None:
        """Send from now on, in a thread."""
        if self._thread is None:
            self._thread = threading.Thread(target=self._work, name="attend-outbox", daemon=True)
            self._thread.start()

    def stop(self) -> None:
        """End this process's session, and send what is left where that goes quickly; what does not is sent later."""
        self._stopping.set()
        if self._thread is not None:
            self._thread.join(self._pace.stop_s)

    def _work(self) -> None:
        while not self._stopping.is_set():
            with contextlib.suppress(AttendanceError):
                self._sessions.refresh()
            done = self.run_once() if time.monotonic() >= self._next_try or self._back() else Round.FAILED
            if done is not Round.MORE:
                self._stopping.wait(self._pace.look_s)
        with contextlib.suppress(AttendanceError):
            self._sessions.stop()
        if not self._failures:
            self._next_finish, self._until = 0.0, time.monotonic() + self._pace.stop_s
            while self.run_once() is Round.MORE and time.monotonic() < self._until:
                pass
        if self._sink is not None:
            self._sink.close()

    # A round -----------------------------------------------------------------------------------------------------------

    def run_once(self) -> Round:
        """Send a bounded part of what waits, if it is this process's turn. Never raises what the destination did."""
        with self._one_round:
            try:
                if not self._due():
                    return Round.IDLE
                if not self._turn.take():
                    return Round.BUSY
                with self._turn.held():
                    done = self._send()
                    self._summaries.put(self._sink_now, self._turn.check)
                    if done is Round.IDLE:
                        self._finish()
            except TurnLostError:
                return Round.BUSY
            except (TrackingError, StoreError) as error:
                return self._failed(error)
            except Exception as error:  # a mistake in here must end neither the thread nor the server
                log.exception("tracking_broken")
                return self._failed(error)
            self._failures, self._next_try = 0, 0.0
            return done

    def flush(self, timeout_s: float) -> State:
        """Send what waits, and once more what was refused, now; how far it came, at the latest after this time and one
        batch. Where nothing of it is left, the ends of runs are not insisted on: whoever sends next sees to them."""
        ends = self._until = time.monotonic() + timeout_s
        self._refused_again = True
        pause = self._pace.first_s / 2
        while True:
            self._next_finish = 0.0
            done = self.run_once()
            if done is Round.IDLE or time.monotonic() >= ends:
                break
            if done is not Round.MORE:
                if not self._left():
                    break
                self._stopping.wait(min(pause, max(0.0, ends - time.monotonic())))
                pause = min(2 * pause, 5.0)
        self._until, self._refused_again = math.inf, False
        return self.state()

    def waits(self) -> bool:
        """Whether there is something to do for a sender. Raises StoreError."""
        with self._one_round:
            return self._due()

    def state(self) -> State:
        """How it is, the same in every process. Raises StoreError."""
        return self._report.state()

    def close(self) -> None:
        """Give back what the sink holds, where no thread was started."""
        if self._thread is None and self._sink is not None:
            self._sink.close()

    # Parts of it -------------------------------------------------------------------------------------------------------

    def _due(self) -> bool:
        """Cheap, and without taking the turn: usually there is nothing."""
        now = time.monotonic()
        return self._waits() or self._summaries.due() or (now >= self._next_finish and self._ended_now())

    def _waits(self) -> bool:
        return (
            bool(self._store.unsent(1))
            or self._store.number_attempts(self._pace.batch) > 0
            or (self._refused_again and self._refusals.refused().count > 0)
        )

    def _left(self) -> bool:
        """Whether an attempt waits, or may, because the store cannot say."""
        with contextlib.suppress(StoreError):
            return self._waits()
        return True

    def _ended_now(self) -> bool:
        self._next_finish = time.monotonic() + self._pace.finish_s
        if self._sessions.ended():
            self._next_finish = 0.0
            return True
        return False

    def _send(self) -> Round:
        if self._refused_again:
            self._send_refused()
        for batches in range(self._pace.batches):
            if batches and time.monotonic() >= self._until:
                return Round.MORE
            self._store.number_attempts(self._pace.batch)
            waiting = self._store.unsent(self._pace.batch)
            if not waiting:
                return Round.IDLE
            session, batch, dataset = self._batch(waiting)
            deliver(self._sink_now(), session, batch, dataset, self._refusals, self._turn.check)
            self._turn.check()
            self._store.mark_sent([one.number for one in batch])
            self._summaries.sent(session.session_id, batch)
            self._report.succeeded()
        return Round.MORE

    def _send_refused(self) -> None:
        """Once more, for somebody may have mended what stood in the way."""
        for session_id, batch in self._refusals.batches(self._pace.batch):
            session = self._session_of(session_id, batch[0].attempt)
            deliver(self._sink_now(), session, batch, self._counted(), self._refusals, self._turn.check)
        self._refused_again = False

    def _batch(self, waiting: list[Numbered]) -> tuple[Session, list[Numbered], Dataset]:
        """What is sent next: the batch that was on its way when its sender ended, or else the next attempts of a session."""
        noted: Any = self._turn.batch
        if noted is not None and {one.number for one in waiting} & set(noted["numbers"]):
            numbers = noted["numbers"]
            # All of it, also what was marked already: the same batch as before.
            found = self._store.numbered(noted["session"], after=numbers[0] - 1, limit=len(numbers))
            batch = [one for one in found if one.number in set(numbers)]
            dataset = Dataset(noted["images"], noted["identities"])
        else:
            session_id = waiting[0].attempt.session
            batch = [one for one in waiting if one.attempt.session == session_id]
            dataset = self._counted()
            self._turn.note(
                {
                    "session": session_id,
                    "numbers": [one.number for one in batch],
                    "images": dataset.images,
                    "identities": dataset.identities,
                }
            )
        return self._session_of(batch[0].attempt.session or "", batch[0].attempt), batch, dataset

    def _session_of(self, session_id: str, first: Attempt) -> Session:
        known = self._sessions.find(session_id)
        # Of one that was forgotten long ago the attempts still say something.
        session = Session(session_id, session_id, first.at_utc, first.site) if known is None else known.session
        self._sessions.reopen(session)
        return session

    def _counted(self) -> Dataset:
        now = time.monotonic()
        if self._dataset is None or now >= self._dataset[0]:
            counted = Dataset(self._store.count_references(), self._store.count_people())
            self._dataset = (now + self._pace.dataset_s, counted)
        return self._dataset[1]

    def _finish(self) -> None:
        """End the runs of the sessions that ended; nothing of them waits any more."""
        for session in self._sessions.ended():
            if self._summaries.close(session, self._sink_now, self._turn.check):
                self._sink_now().finish(session)
            self._turn.check()
            self._sessions.finished(session)
        self._next_finish = time.monotonic() + self._pace.finish_s

    def _back(self) -> bool:
        """Whether a destination that was away is there again, and need not be waited for any longer."""
        if self._away and self._sink is not None and self._sink.answers():
            self._away = False  # should it fail all the same, the pauses go on
            return True
        return False

    def _sink_now(self) -> AttemptSink:
        if self._sink is None:
            self._sink = self._make_sink()
        return self._sink

    def _failed(self, error: Exception) -> Round:
        self._failures += 1
        pause = min(self._pace.longest_s, self._pace.first_s * 2 ** min(self._failures - 1, 16))
        pause *= 0.5 + secrets.randbelow(1000) / 2000  # so that many sites do not come back at the same moment
        self._next_try = time.monotonic() + pause
        self._away = isinstance(error, TrackingError) and self._sink is not None and not self._sink.answers()
        if isinstance(error, StoreError) and not isinstance(error, CorruptRecordError):
            log.info("tracking_waits_for_store", error=error)  # which says so itself
        else:
            self._report.failed(error)
        return Round.FAILED
