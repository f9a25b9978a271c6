"""One migration at a time in this process.

Alembic keeps the migration that runs in the modules ``alembic.context`` and ``alembic.op`` (its documentation, "Proxy
objects"), not in its thread: of two threads that migrate at once, such as the store's and MLflow's, each would make its
tables in the other's database.
"""

from __future__ import annotations

import os
import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

_turn = threading.Lock()


@contextmanager
def alone() -> Iterator[None]:
    """Within, no other thread of this process migrates; waits for one that does."""
    with _turn:
        yield


def _after_fork_in_child() -> None:
    global _turn  # noqa: PLW0603  # the old one may be held by a thread that the child does not have
    _turn = threading.Lock()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork_in_child)
