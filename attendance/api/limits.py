"""How often somebody may ask: token buckets, delays that grow with each failure, and a breaker for a database that is away.

All of them live in memory and hold a bounded number of keys, so that many made-up addresses cannot fill it. Several
processes count each for itself.
"""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING, TypeVar

from attendance.errors import StoreUnavailableError

if TYPE_CHECKING:
    from collections.abc import Callable

T = TypeVar("T")
MOST_KEYS = 10_000


class Buckets:
    """Token buckets: ``burst`` at once, then ``rate`` a second, each key for itself.

    Args:
        rate: tokens a second.
        burst: the most that a key can save up.
        clock: seconds that only go forward.
    """

    def __init__(self, rate: float, burst: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._rate, self._burst, self._clock = rate, burst, clock
        self._left: dict[str, tuple[float, float]] = {}
        self._lock = threading.Lock()

    def wait_s(self, key: str) -> float:
        """Take a token: 0 where there was one, else the seconds until there is one; nothing is taken then."""
        with self._lock:
            now = self._clock()
            left, then = self._left.pop(key, (self._burst, now))
            left = min(self._burst, left + (now - then) * self._rate)
            taken = left >= 1
            if len(self._left) >= MOST_KEYS:
                self._left.pop(next(iter(self._left)))  # the one that asked longest ago
            self._left[key] = (left - taken, now)
            return 0.0 if taken else (1 - left) / self._rate


class Delays:
    """Delays that double with each failure after the first few, and are forgotten after a success or a quiet time.

    A failure is counted before the slow check of a password, so that many guesses at the same time count as many.

    Args:
        free: failures without a delay.
        longest_s: the longest delay, seconds; a key that was quiet for four times as long is forgotten.
        clock: seconds that only go forward.
    """

    def __init__(self, free: int = 3, longest_s: float = 300.0, clock: Callable[[], float] = time.monotonic) -> None:
        self._free, self._longest_s, self._clock = free, longest_s, clock
        self._failures: dict[str, tuple[int, float]] = {}
        self._lock = threading.Lock()

    def begin(self, key: str) -> float:
        """Count a try as failed for now: 0 where it may go on, else the seconds still to wait, and it does not count."""
        with self._lock:
            now = self._clock()
            count, until = self._failures.pop(key, (0, now))
            if now - until > 4 * self._longest_s:
                count, until = 0, now
            wait = until - now if count > self._free else 0.0
            if wait <= 0:
                count += 1
                # 2, 4, 8 … seconds; the exponent is bounded so that a patient attacker meets no huge number
                delay = 0.0 if count <= self._free else min(self._longest_s, 2.0 ** min(count - self._free, 16))
                until = now + delay
            if len(self._failures) >= MOST_KEYS:
                self._failures.pop(next(iter(self._failures)))
            self._failures[key] = (count, until)
            return max(0.0, wait)

    def succeeded(self, key: str) -> None:
        """Forget the failures of this key."""
        with self._lock:
            self._failures.pop(key, None)


class Breaker:
    """Asks a database that is away only once a second, one question at a time; everybody else hears at once that it is away.

    Without it each visitor of a hung database would hold a thread for as long as a call may take.

    Args:
        rest_s: seconds after a failure in which nobody asks.
        clock: seconds that only go forward.
        prove: asks the database something for certain. Many a question is answered from memory, and would say of a
            database that is still away that it is back.
    """

    def __init__(
        self,
        rest_s: float = 1.0,
        clock: Callable[[], float] = time.monotonic,
        prove: Callable[[], object] = lambda: None,
    ) -> None:
        self._rest_s, self._clock, self._prove = rest_s, clock, prove
        self._failure: StoreUnavailableError | None = None
        self._until = 0.0
        self._prober: int | None = None  # the thread that is asking on behalf of everybody
        self._lock = threading.Lock()

    def call(self, ask: Callable[[], T]) -> T:
        """The answer of ``ask``.

        Raises:
            StoreUnavailableError: the database is away, now or a moment ago.
        """
        me = threading.get_ident()
        with self._lock:
            failure = self._failure if self._prober != me else None  # a question may ask another one
            if failure is not None:
                if self._prober is not None or self._clock() < self._until:
                    raise StoreUnavailableError(str(failure), reason=failure.reason)
                self._prober = me
        try:
            if failure is not None:
                self._prove()
            answer = ask()
        except StoreUnavailableError as error:
            with self._lock:
                self._failure, self._until = error.with_traceback(None), self._clock() + self._rest_s
            raise
        else:
            with self._lock:
                self._failure = None
            return answer
        finally:
            if failure is not None:
                with self._lock:
                    self._prober = None
