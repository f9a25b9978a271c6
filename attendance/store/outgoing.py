"""The part of the store's contract for the attempts that have to be sent to the tracking: an outbox.

An attempt that is settled with a ``session`` waits from that moment on, durable with the attempt itself. It gets a number,
it is sent, it is marked; whoever is killed in between repeats a step and loses nothing.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Collection
    from datetime import datetime

    from attendance.domain.model import Numbered


@dataclass(frozen=True, slots=True)
class OutboxState:
    """How far the sending is.

    Attributes:
        sent: attempts that were marked as sent, ever.
        waiting: attempts that were made in a session and are not marked, with a number or without one.
        oldest_waiting_at_utc: the time of the earliest attempt among those that wait; None where none does.
    """

    sent: int
    waiting: int
    oldest_waiting_at_utc: datetime | None


class Outgoing(Protocol):
    """Attempts that wait to be sent. Each call costs what waits, or what is asked for; not what was ever sent."""

    def number_attempts(self, limit: int) -> int:
        """Give the next numbers to at most ``limit`` attempts that wait without one, earliest first; how many got one.

        Each attempt gets one number, which it keeps, and no number is given twice or left out, however many processes
        number at once.
        """

    def unsent(self, limit: int) -> list[Numbered]:
        """At most ``limit`` attempts that have a number and are not marked as sent, by number."""

    def numbered(self, session: str, *, after: int = 0, limit: int) -> list[Numbered]:
        """At most ``limit`` numbered attempts of a session with a number above ``after``, sent or not, by number."""

    def mark_sent(self, numbers: Collection[int]) -> None:
        """They wait no longer; durable before this returns. Marking again, or what is not there, is not an error."""

    def outbox(self) -> OutboxState:
        """What was sent and what waits."""
