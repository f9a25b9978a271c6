"""A few threads that share one detection's work with the thread that called."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

_Part = TypeVar("_Part")
_Result = TypeVar("_Result")


class Workers:
    """``threads`` - 1 helpers. Any number of threads may call ``map`` at once.

    A caller never waits for a part that nobody has begun: it does that part itself. So callers don't queue for the helpers,
    and in a forked child, which has no copy of them, everything still comes out, one part after the other. The helpers start
    with the first work, wait without spinning, and end with the interpreter.
    """

    def __init__(self, threads: int) -> None:
        if threads < 1:
            raise ValueError(f"threads must be at least 1, not {threads}")
        self.threads = threads
        self._pool = ThreadPoolExecutor(threads - 1, "mtcnn") if threads > 1 else None

    def map(self, function: Callable[[_Part], _Result], parts: Sequence[_Part]) -> list[_Result]:
        """``[function(part) for part in parts]``, at the same time where possible. Parts should cost about the same."""
        if self._pool is None or len(parts) < 2:
            return [function(part) for part in parts]
        ahead = [self._pool.submit(function, part) for part in parts[1:]]
        results = [function(parts[0])]
        for future, part in zip(ahead, parts[1:], strict=True):
            results.append(function(part) if future.cancel() else future.result())
        return results
