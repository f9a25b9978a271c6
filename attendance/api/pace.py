"""How often each screen may send: all of them together about what the engine can do, and whoever is being decided first.

A frame that is shed has cost the server its way in, and the person its time. So each answer says when the next frame is
wanted, and when screens wish for more than the engine can do, they are told to take longer: first those in front of which
nobody is waiting for a result, then everybody.
"""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Collection

    from attendance.api.work import Queue

# Of the engine's time that screens may plan to use. What is left takes their chance meetings, and the pages: with all of it
# planned, a queue stands before the engine and every answer is late. docs/decisions/0008-pace.md has the figures.
SHARE = 0.8
# No pace is slower: a face that was not seen for a second is no longer known by its place (services/live_views.py).
SLOWEST_MS = 900
FORGOTTEN_S = 3.0  # a screen that has sent nothing for so long wishes for nothing
MOST_SCREENS = 500  # as many as services/live_views.py remembers


@dataclass(frozen=True, slots=True)
class Wish:
    """What one screen would send if it were alone.

    Attributes:
        every_ms: milliseconds from one frame to the next.
        urgent: somebody waits there for a result.
        at_s: when it was last heard of.
    """

    every_ms: int
    urgent: bool
    at_s: float

    @property
    def rate(self) -> float:
        """Frames a second that it wishes for."""
        return 1e3 / self.every_ms

    @property
    def least(self) -> float:
        """Frames a second that it gets in any case."""
        return 1e3 / max(self.every_ms, SLOWEST_MS)


class Pace:
    """The wishes of all screens of this process, and what becomes of them. Several threads may ask.

    Args:
        queue: says how long a frame takes of late, and how many are worked on at once.
        clock: seconds that only go forward.
    """

    def __init__(self, queue: Queue, clock: Callable[[], float] = time.monotonic) -> None:
        self._queue, self._clock = queue, clock
        self._wishes: dict[str, Wish] = {}
        self._lock = threading.Lock()

    def every_ms(self, screen: str, wished_ms: int, *, urgent: bool) -> int:
        """When this screen's next frame is wanted, counted from the one before.

        Args:
            screen: one mount of the component.
            wished_ms: when it would be, if this screen were alone.
            urgent: somebody waits there for a result.
        """
        with self._lock:
            now = self._clock()
            self._wishes.pop(screen, None)
            wish = self._wishes[screen] = Wish(wished_ms, urgent, now)
            self._forget(now)
            less = self._less(urgent=urgent)
        return round(1e3 / (wish.rate - less * (wish.rate - wish.least)))

    def again_ms(self, screen: str, wished_ms: int) -> int:
        """The same for a screen whose frame was shed; one that was never heard of wishes for ``wished_ms``."""
        known = self._wishes.get(screen)
        return self.every_ms(screen, known.every_ms if known else wished_ms, urgent=known.urgent if known else False)

    @property
    def screens(self) -> int:
        """How many send frames now."""
        with self._lock:
            self._forget(self._clock())
            return len(self._wishes)

    def _less(self, *, urgent: bool) -> float:
        """How far these screens go from what they wish for (0) to the slowest pace (1).

        The patient ones give way first, as far as they can; then the urgent ones do.
        """
        able = SHARE * self._queue.workers / max(self._queue.mean_s, 1e-4)
        patient = [wish for wish in self._wishes.values() if not wish.urgent]
        pressing = [wish for wish in self._wishes.values() if wish.urgent]
        if urgent:
            return _share_given_up(pressing, able - sum(wish.least for wish in patient))
        return _share_given_up(patient, able - sum(wish.rate for wish in pressing))

    def _forget(self, now: float) -> None:
        while self._wishes:
            first = next(iter(self._wishes))
            if now - self._wishes[first].at_s <= FORGOTTEN_S and len(self._wishes) <= MOST_SCREENS:
                return
            del self._wishes[first]


def _share_given_up(wishes: Collection[Wish], room: float) -> float:
    """Of what these wishes could do without, the share that brings them to ``room`` frames a second; 0 to 1."""
    wanted = sum(wish.rate for wish in wishes)
    spare = wanted - sum(wish.least for wish in wishes)
    return min(max((wanted - room) / spare, 0.0), 1.0) if spare > 0 else 0.0
