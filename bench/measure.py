"""How every figure is taken: both sides in turn in one run, after a warm-up, and the median of each.

The machine's speed drifts, so a ratio of two medians measured side by side says more than either of them.
"""

from __future__ import annotations

import gc
import os
import statistics
import time
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

ROUNDS = 15
CALLS = 3  # that count, in each round
WARM_UP = 5
SHARE = float(os.environ.get("ATTEND_BENCH_SHARE", "1"))  # of the full size, to see that a long one runs at all


@dataclass(frozen=True, slots=True)
class Row:
    """One line of the table.

    Attributes:
        name: what was done.
        ours_ms: median, milliseconds.
        peer: whom it is compared with, or "" for a row against an absolute goal.
        peer_ms: median of the same work there, milliseconds; None without a peer.
        ratio: peer_ms / ours_ms; for a row against an absolute goal, goal / measured. Above 1 we are quicker.
        goal: the ratio to reach, or None where the row is for information.
        note: what a reader has to know.
    """

    name: str
    ours_ms: float
    peer: str
    peer_ms: float | None
    ratio: float | None
    goal: float | None
    note: str = ""

    def as_dict(self) -> dict[str, Any]:
        """The row as it stands in results.json."""
        return asdict(self)


def sized(full: int) -> int:
    """So many of something, or ``ATTEND_BENCH_SHARE`` of it; a multiple of 100 where there are so many."""
    few = max(1, round(full * SHARE))
    return few // 100 * 100 if few >= 100 else few


def milliseconds(work: Callable[[], object]) -> float:
    """How long one call takes."""
    started = time.perf_counter()
    work()
    return (time.perf_counter() - started) * 1e3


def paired(
    ours: Callable[[], object], peer: Callable[[], object], *, rounds: int = ROUNDS, warm_up: int = WARM_UP
) -> tuple[float, float]:
    """Medians of both, milliseconds: warm-up, then a few calls of each in turn, with garbage collection held off.

    In each turn a pause lets the other side's spinning threads come to rest, and a first call that does not count brings
    the caches back, as they are when one frame follows another.
    """
    for _ in range(warm_up):
        ours()
        peer()
    times: tuple[list[float], list[float]] = ([], [])
    gc.collect()
    gc.disable()
    try:
        for _ in range(rounds):
            for work, measured in zip((ours, peer), times, strict=True):
                time.sleep(0.05)
                work()
                measured += [milliseconds(work) for _ in range(CALLS)]
    finally:
        gc.enable()
    return statistics.median(times[0]), statistics.median(times[1])


def compare(
    name: str,
    ours: Callable[[], object],
    peer_name: str,
    peer: Callable[[], object],
    goal: float | None,
    *,
    rounds: int = ROUNDS,
    note: str = "",
) -> Row:
    """One row of the table, measured."""
    ours_ms, peer_ms = paired(ours, peer, rounds=rounds)
    return Row(name, ours_ms, peer_name, peer_ms, peer_ms / ours_ms, goal, note)
