"""Attempts that the destination refuses for ever: found, set aside, and tried again only when somebody asks for it.

One value that MLflow does not take must not hold up the attempts behind it. What is refused is divided until the attempt at
fault stands alone; refused alone as well, twice, it is noted in the store and waits no longer.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import structlog

from attendance.logs import masked
from attendance.tracking.base import AttemptsRefusedError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from attendance.services.clock import Clock
    from attendance.store.base import Store
    from attendance.tracking.base import AttemptSink, Dataset, Numbered, Session

KIND = "tracking-refused"  # entries of up to so many numbers each, far below the size that an entry may have
NUMBERS = 200
MAX_REASON = 300  # characters
log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Refused:
    """What was refused and is not there.

    Attributes:
        count: attempts.
        reason: of the last one, in the destination's words and without secrets.
        at_utc: when that was.
    """

    count: int = 0
    reason: str | None = None
    at_utc: datetime | None = None


class Refusals:
    """The attempts that were set aside. Whoever has the turn writes here; everybody may read.

    Args:
        store: where they are noted; the attempts themselves stay as they are.
        clock: for when.
    """

    def __init__(self, store: Store, clock: Clock) -> None:
        self._store = store
        self._clock = clock

    def refused(self) -> Refused:
        """How many, and the last reason. Raises StoreError."""
        entries = [entry.value for entry in self._store.all_kept(KIND)]
        if not entries:
            return Refused()
        last = max(entries, key=lambda value: str(value["at"]))
        at = datetime.fromisoformat(last["at"]).astimezone(UTC)
        return Refused(sum(len(value["sessions"]) for value in entries), str(last["reason"]), at)

    def of_session(self, session_id: str) -> set[int]:
        """The numbers of a session's refused attempts. Raises StoreError."""
        entries = [entry.value["sessions"] for entry in self._store.all_kept(KIND)]
        return {int(number) for entry in entries for number, session in entry.items() if session == session_id}

    def add(self, one: Numbered, reason: str) -> None:
        """Note one; durable when this returns. The same once more only renews the reason. Raises StoreError."""
        text = masked(" ".join(reason.split()))[:MAX_REASON]
        sessions = {**self._sessions(one.number), str(one.number): one.attempt.session or ""}
        value = {"sessions": sessions, "reason": text, "at": self._clock().isoformat()}
        self._store.keep(KIND, _key(one.number), value)
        log.warning("tracking_attempt_refused", number=one.number, error=text)

    def arrived(self, numbers: Sequence[int]) -> None:
        """They are there after all, or gone: forget them. Raises StoreError."""
        for key in {_key(number) for number in numbers}:
            kept = self._store.kept(KIND, key)
            if kept is None:
                continue
            left = {number: session for number, session in kept.value["sessions"].items() if int(number) not in numbers}
            if left:
                self._store.keep(KIND, key, {**kept.value, "sessions": left})
            else:
                self._store.forget(KIND, key)

    def batches(self, most: int) -> Iterator[tuple[str, list[Numbered]]]:
        """Those that are still stored, by session and number, at most so many at a time. Raises StoreError."""
        noted: dict[str, list[int]] = {}
        for entry in self._store.all_kept(KIND):
            for number, session in entry.value["sessions"].items():
                noted.setdefault(session, []).append(int(number))
        for session, numbers in noted.items():
            numbers.sort()
            for start in range(0, len(numbers), most):
                part = numbers[start : start + most]
                found = [one for number in part for one in self._store.numbered(session, after=number - 1, limit=1)]
                batch = [one for one in found if one.number in set(part)]
                self.arrived(sorted(set(part) - {one.number for one in batch}))  # erased meanwhile
                if batch:
                    yield session, batch

    def _sessions(self, number: int) -> dict[str, Any]:
        kept = self._store.kept(KIND, _key(number))
        return {} if kept is None else dict(kept.value["sessions"])


def _key(number: int) -> str:
    return f"{number // NUMBERS:012}"


def deliver(
    sink: AttemptSink,
    session: Session,
    batch: Sequence[Numbered],
    dataset: Dataset,
    refusals: Refusals,
    check: Callable[[], None],
) -> None:
    """Send attempts of one session; when this returns each has arrived or is noted as refused.

    Args:
        sink: where to.
        session: whose attempts they are.
        batch: in the order of their numbers.
        dataset: as of now.
        refusals: where those that are refused alone are noted.
        check: raises where it is another process's turn by now.

    Raises:
        TrackingError: it is not the attempts that are at fault; nothing is known of those that are left.
        StoreError: the same, of our own database.
    """
    known = refusals.of_session(session.session_id)
    todo, alone = [list(batch)], set[int]()
    while todo:
        part = todo.pop(0)
        try:
            sink.send(session, part, dataset)
        except AttemptsRefusedError as error:
            check()
            if len(part) > 1:
                todo[:0] = _divided(part, error.numbers)
            elif part[0].number not in alone:
                alone.add(part[0].number)
                todo.insert(0, part)  # once more: a run that was deleted meanwhile has been restored by then
            else:
                known.add(part[0].number)
                sink.set_aside(session, len(known))
                refusals.add(part[0], str(error))
            continue
        check()
        if back := sorted(known.intersection(one.number for one in part)):
            known.difference_update(back)
            sink.set_aside(session, len(known))
            refusals.arrived(back)


def _divided(part: list[Numbered], numbers: frozenset[int]) -> list[list[Numbered]]:
    """Those that were not in what was refused, as one part; of the others two halves."""
    others = [one for one in part if one.number not in numbers]
    refused = [one for one in part if one.number in numbers]
    if others and refused:
        return [others, refused]
    middle = len(part) // 2
    return [part[:middle], part[middle:]]
