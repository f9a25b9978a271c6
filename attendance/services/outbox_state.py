"""How the sending is: told by the sender, kept in the store, read by everybody."""

from __future__ import annotations

import time
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import structlog

from attendance.errors import StoreError
from attendance.logs import masked
from attendance.services.refusals import Refusals, Refused
from attendance.services.tracking_notes import TRACKING

if TYPE_CHECKING:
    from attendance.services.clock import Clock
    from attendance.store.base import Store

LAST = "last"  # key of the entry
SAY_EVERY_S = 5.0  # a success after a success is not news
MAX_ERROR = 300  # characters
log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class State:
    """What is shown.

    Attributes:
        sent: attempts that have arrived.
        waiting, oldest_waiting_at_utc: as in ``store.outgoing.OutboxState``.
        last_error: one sentence without secrets; None where nothing ever failed.
        last_success_at_utc: to a few seconds.
        destination: where it is sent, masked.
        refused: what the destination will never take as it is; it waits no longer.
    """

    sent: int
    waiting: int
    oldest_waiting_at_utc: datetime | None
    last_error: str | None
    last_error_at_utc: datetime | None
    last_success_at_utc: datetime | None
    destination: str
    refused: Refused = field(default_factory=Refused)

    @property
    def failing(self) -> bool:
        """Whether the last try failed."""
        if self.last_error_at_utc is None:
            return False
        return self.last_success_at_utc is None or self.last_error_at_utc > self.last_success_at_utc


class Report:
    """What the sender tells, and what is read of it.

    Args:
        store: where it is kept.
        clock: for the times.
        destination: for people; without secrets.
    """

    def __init__(self, store: Store, clock: Clock, destination: str) -> None:
        self._store = store
        self._clock = clock
        self._destination = destination
        self._refusals = Refusals(store, clock)
        self._say_again = 0.0
        self._said = ""

    def succeeded(self) -> None:
        """A batch has arrived. Raises StoreError."""
        now = time.monotonic()
        if self._said or now >= self._say_again:
            if self._said:
                log.info("tracking_works_again")
            self._keep(success_at=self._clock().isoformat())
            self._said, self._say_again = "", now + SAY_EVERY_S

    def failed(self, error: Exception) -> None:
        """It could not be sent; logged once for each new reason."""
        text = masked(" ".join(str(error).split()) or type(error).__name__)[:MAX_ERROR]
        if text != self._said:
            log.warning("tracking_waits", error=text)
        self._said = text
        with suppress(StoreError):
            self._keep(error=text, error_at=self._clock().isoformat())

    def state(self) -> State:
        """Everything, from the store. Raises StoreError."""
        box = self._store.outbox()
        last, refused = self._last(), self._refusals.refused()
        return State(
            sent=max(0, box.sent - refused.count),
            waiting=box.waiting,
            oldest_waiting_at_utc=box.oldest_waiting_at_utc,
            last_error=last.get("error"),
            last_error_at_utc=_moment(last.get("error_at")),
            last_success_at_utc=_moment(last.get("success_at")),
            destination=self._destination,
            refused=refused,
        )

    def _keep(self, **changes: str) -> None:
        """Only whoever has the turn writes here; a lost change would be told a moment later."""
        self._store.keep(TRACKING, LAST, {**self._last(), **changes})

    def _last(self) -> dict[str, Any]:
        kept = self._store.kept(TRACKING, LAST)
        return {} if kept is None else dict(kept.value)


def _moment(text: str | None) -> datetime | None:
    return None if text is None else datetime.fromisoformat(text).astimezone(UTC)
