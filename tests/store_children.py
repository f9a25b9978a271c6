"""What the tests of the stores run in processes of their own."""

from __future__ import annotations

import contextlib
import resource
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

from attendance.errors import ConflictError, StoreUnavailableError
from attendance.store.connect import connect
from tests.store_makers import attempt

if TYPE_CHECKING:
    import threading
    from multiprocessing.connection import Connection
    from multiprocessing.queues import Queue
    from multiprocessing.synchronize import Barrier

    from attendance.domain.model import Attempt


def settle_together(url: str, rounds: list[list[Attempt]], cooldown_s: float, barrier: Barrier, answers: Queue[Any]) -> None:
    """Settle each round's attempts, one a thread, when all threads of all processes are ready for it.

    Puts one list a round into ``answers``: (attempt id, outcome, time of the check-in, replayed).
    """
    store = connect(url, timeout_s=10)

    def settle(given: Attempt) -> tuple[str, str, Any, bool]:
        barrier.wait(60)
        done = store.settle(given, cooldown_s)
        return given.attempt_id, done.outcome.value, done.attempt.check_in_at_utc, done.replayed

    with ThreadPoolExecutor(len(rounds[0])) as pool:
        for attempts in rounds:
            answers.put(list(pool.map(settle, attempts)))
    store.close()


def number_together(url: str, barrier: threading.Barrier, expected: int) -> list[int]:
    """Number whatever waits, a few at a time, together with the others; the counts of those that this process numbered."""
    store = connect(url, timeout_s=20)
    barrier.wait(60)
    counts = []
    while sum(one.number <= expected for one in store.unsent(expected)) < expected:
        counts.append(store.number_attempts(7))
    store.close()
    return counts


def open_and_count(url: str) -> int:
    """Open, use and close a store."""
    store = connect(url, timeout_s=10)
    try:
        return store.count_people()
    finally:
        store.close()


def count_together(url: str, threads: int, times: int) -> list[int]:
    """Add one to a kept counter, so often in each thread, with the version that was read; the versions that were made."""
    store = connect(url, timeout_s=10)

    def add(_: int) -> int:
        while True:
            kept = store.kept("counter", "one")
            version, count = (kept.version, kept.value["count"]) if kept else (0, 0)
            with contextlib.suppress(ConflictError):
                return store.keep("counter", "one", {"count": count + 1}, version=version).version

    with ThreadPoolExecutor(threads) as pool:
        versions = list(pool.map(add, range(threads * times)))
    store.close()
    return versions


def fill_until_refused(url: str, limit_bytes: int, answers: Connection[Any, Any]) -> None:
    """Store attempts with pictures until no file may grow further; sends (attempt ids acknowledged, reason)."""
    store = connect(url, timeout_s=2)
    resource.setrlimit(resource.RLIMIT_FSIZE, (limit_bytes, limit_bytes))
    acknowledged: list[str] = []
    try:
        while True:
            given = attempt(None)
            store.settle(given, 60.0, bytes(50_000))
            acknowledged.append(given.attempt_id)
    except StoreUnavailableError as error:
        answers.send((acknowledged, error.reason))
    store.close()
