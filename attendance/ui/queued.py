"""A page's share of the engine: its pictures wait in the same short queue as those of the screens at the door."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING, ParamSpec, TypeVar

from attendance.api.running import Busy, running

if TYPE_CHECKING:
    from collections.abc import Callable

P = ParamSpec("P")
T = TypeVar("T")

PATIENCE_S = 30.0  # an operator who looks at "Looking at the picture" can wait longer than somebody at the door
ASK_AGAIN_S = 0.1
TOO_BUSY = "Many people are checking in. Try again in a moment."


def in_turn(fn: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    """Do ``fn`` in one of the threads that recognise, and wait for a place there; not to be called by those threads.

    Raises:
        Busy: there was none for ``PATIENCE_S``.
    """
    deadline = time.monotonic() + PATIENCE_S
    while True:
        try:
            return asyncio.run(running().work(fn, *args, **kwargs))
        except Busy:
            if time.monotonic() > deadline:
                raise
            time.sleep(ASK_AGAIN_S)
