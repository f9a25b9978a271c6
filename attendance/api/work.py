"""The bounded queue in front of the engine: work is refused at once rather than kept waiting past its use."""

from __future__ import annotations

import asyncio
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, ParamSpec, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable
    from concurrent.futures import Future

P = ParamSpec("P")
T = TypeVar("T")

WAIT_S = 0.2  # a frame that would wait longer is shed: its answer would be late for the person in front of the camera
FIRST_GUESS_S = 0.03  # what a recognition takes before any was measured: docs/benchmarks.md
MOST_WAITING = 16  # for each thread, however quick the work is


class Busy(Exception):  # noqa: N818 - no error of the program: it has enough to do
    """Too much is waiting.

    Attributes:
        retry_s: when it is worth asking again, seconds.
    """

    def __init__(self, retry_s: float = 1.0) -> None:
        super().__init__("too much is waiting")
        self.retry_s = retry_s


class Queue:
    """A few threads, first in first out, and as many waiting as can be worked off in ``WAIT_S``.

    Args:
        workers: threads.
    """

    def __init__(self, workers: int) -> None:
        self.workers = workers
        self.done, self.shed = 0, 0
        self._mean_s = FIRST_GUESS_S
        self._inside = 0
        self._lock = threading.Lock()
        self._pool = ThreadPoolExecutor(workers, "attend-engine")
        self._closed = False

    @property
    def inside(self) -> int:
        """How many are at work or waiting."""
        return self._inside

    @property
    def mean_s(self) -> float:
        """What one took of late, seconds."""
        return self._mean_s

    async def work(self, fn: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Do ``fn`` in a thread. A caller who leaves early does not free the place: the work is still being done.

        Raises:
            Busy: it would wait too long.
        """
        with self._lock:
            waiting = max(0, self._inside - self.workers + 1)
            too_long = waiting * self._mean_s / self.workers > WAIT_S
            if self._closed or (waiting and (too_long or waiting > MOST_WAITING * self.workers)):
                self.shed += 1
                raise Busy
            self._inside += 1
        try:
            future = self._pool.submit(self._timed, lambda: fn(*args, **kwargs))
        except RuntimeError:  # closed in this very moment
            self._inside -= 1
            raise Busy from None
        future.add_done_callback(self._left)
        return await asyncio.wrap_future(future)

    def _timed(self, do: Callable[[], T]) -> T:
        began = time.perf_counter()
        try:
            return do()
        finally:
            self._mean_s += 0.05 * (time.perf_counter() - began - self._mean_s)  # the last 20 or so count

    def _left(self, _: Future[T]) -> None:
        with self._lock:
            self._inside -= 1
            self.done += 1

    def close(self) -> None:
        """Finish what is at work and waiting; take nothing more."""
        self._closed = True
        self._pool.shutdown(wait=True)
