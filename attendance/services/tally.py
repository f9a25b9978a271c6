"""What a session came to, counted from the store as its attempts are sent: each is looked at once."""

from __future__ import annotations

import sys
import time
from array import array
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from attendance.domain.model import Decision
from attendance.tracking.base import Summary, parameter_set

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from attendance.domain.model import Attempt, Numbered
    from attendance.services.sessions import Sessions
    from attendance.store.base import Store
    from attendance.tracking.base import AttemptSink, Session

PAGE, PAGES = 1_000, 20  # attempts, and how many times as many in one round
SHARE = 50  # a summary that took so long is not made again for so many times as long
QUANTILES = {"p05": 0.05, "p25": 0.25, "p50": 0.50, "p75": 0.75, "p95": 0.95}


@dataclass(slots=True)
class Count:
    """Of one parameter set."""

    attempts: int = 0
    accepted: int = 0
    distances: array[float] = field(default_factory=lambda: array("d"))

    def add(self, attempt: Attempt) -> None:
        """Count one more."""
        self.attempts += 1
        self.accepted += attempt.decision is Decision.ACCEPTED
        if attempt.distance_l2 is not None:
            self.distances.append(attempt.distance_l2)


class Tally:
    """The attempts of one session up to a number.

    Args:
        store: read from the first attempt on by whoever counts first, and only what is new after that.
        session_id: whose.
    """

    def __init__(self, store: Store, session_id: str) -> None:
        self._store = store
        self._session_id = session_id
        self._counts: dict[str, Count] = {}
        self.last = 0

    def update(self, up_to: int, pages: int) -> bool:
        """Look at what is new, at most so many pages of it; whether that was all up to this number."""
        for _ in range(pages):
            found = [
                one for one in self._store.numbered(self._session_id, after=self.last, limit=PAGE) if one.number <= up_to
            ]
            self._add(found)
            if len(found) < PAGE:
                return True
        return False

    def extend(self, batch: Sequence[Numbered]) -> None:
        """Take what was just sent, where that comes next, and spare reading it once more."""
        following = self._store.numbered(self._session_id, after=self.last, limit=1)
        if following and following[0].number == batch[0].number:
            self._add(batch)

    def _add(self, found: Sequence[Numbered]) -> None:
        for one in found:
            self._counts.setdefault(parameter_set(one.attempt), Count()).add(one.attempt)
            self.last = one.number

    def summaries(self) -> dict[str | None, Summary]:
        """Of each parameter set, and of the whole session (None), which comes last: its run shows what the others say."""
        found: dict[str | None, Summary] = {name: summary([count]) for name, count in self._counts.items()}
        found[None] = summary(self._counts.values())
        return found


class Summaries:
    """The summaries of the sessions that attempts are sent of, put on their runs now and then.

    Args:
        store: as ``Tally`` takes it.
        sessions: knows them by their ids.
        every_s: the least time between two summaries of a session; it grows with what the last one took.
    """

    def __init__(self, store: Store, sessions: Sessions, every_s: float) -> None:
        self._store = store
        self._sessions = sessions
        self._every_s = every_s
        self._tallies: dict[str, Tally] = {}
        self._sent_to: dict[str, int] = {}  # the last number, of the sessions that have no new summary yet
        self._next: dict[str, float] = {}

    def sent(self, session_id: str, batch: Sequence[Numbered]) -> None:
        """These attempts of this session have arrived."""
        self._sent_to[session_id] = batch[-1].number
        self._tally(session_id).extend(batch)

    def due(self) -> bool:
        """Whether there is something new to put now."""
        now = time.monotonic()
        return any(now >= self._next.get(session_id, 0.0) for session_id in self._sent_to)

    def put(self, sink: Callable[[], AttemptSink], check: Callable[[], None]) -> None:
        """Put what is due; a long session is counted in several rounds.

        Args:
            sink: where to.
            check: raises where it is another process's turn by now.
        """
        for session_id, up_to in list(self._sent_to.items()):
            started = time.monotonic()
            if started < self._next.get(session_id, 0.0):
                continue
            tally = self._tally(session_id)
            if not tally.update(up_to, PAGES):
                continue
            known = self._sessions.find(session_id)
            if known is not None:
                _put(known.session, tally, sink, check)
            now = time.monotonic()
            self._next[session_id] = now + max(self._every_s, SHARE * (now - started))
            del self._sent_to[session_id]

    def close(self, session: Session, sink: Callable[[], AttemptSink], check: Callable[[], None]) -> bool:
        """Put the last summaries of a session of which nothing waits; False where no attempt was ever made in it."""
        tally = self._tally(session.session_id)
        while not tally.update(sys.maxsize, PAGES):
            check()
        if tally.last:
            _put(session, tally, sink, check)
        for known in (self._tallies, self._sent_to, self._next):
            known.pop(session.session_id, None)
        return tally.last > 0

    def _tally(self, session_id: str) -> Tally:
        return self._tallies.setdefault(session_id, Tally(self._store, session_id))


def _put(session: Session, tally: Tally, sink: Callable[[], AttemptSink], check: Callable[[], None]) -> None:
    for name, found in tally.summaries().items():
        check()
        sink().summarise(session, name, found)


def summary(counts: Iterable[Count]) -> Summary:
    """Several counts as one; quantiles as numpy interpolates them."""
    counts = list(counts)
    distances = np.concatenate([np.empty(0), *(np.array(one.distances, np.float64) for one in counts)])
    values = np.quantile(distances, list(QUANTILES.values())).tolist() if distances.size else []
    return Summary(
        attempts=sum(one.attempts for one in counts),
        accepted=sum(one.accepted for one in counts),
        distances=dict(zip(QUANTILES, values, strict=False)),
    )
