"""The one changeover of this server: new templates for all pictures, then the settings that need them."""

from __future__ import annotations

import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING

from attendance.params import checked, flat
from attendance.services.changeover import Changeover, State, pictures_left
from attendance.services.choices import Choices

if TYPE_CHECKING:
    from collections.abc import Iterator

    from attendance.bootstrap import Application
    from attendance.services.changeover import Wish
    from attendance.services.reembed import ReembedService
    from attendance.store.base import Store

_lock = threading.Lock()
_last: Changeover | None = None


def last() -> Changeover | None:
    """The changeover that is at work, or the last one that was."""
    return _last


def begin(parts: Application, wish: Wish) -> Changeover:
    """Start it, unless one is at work already; then that one."""
    global _last  # noqa: PLW0603 - one to a server: two would do the same pictures twice
    with _lock:
        if _last is None or _last.state is not State.WORKING:
            total = pictures_left(parts.store, wish.model_id)
            _last = Changeover(lambda: _parts_for(parts, wish), wish, total).start()
        return _last


def put_away() -> None:
    """Its result has been told."""
    global _last  # noqa: PLW0603 - see ``begin``
    with _lock:
        if _last is not None and _last.state is not State.WORKING:
            _last = None


@contextmanager
def _parts_for(parts: Application, wish: Wish) -> Iterator[tuple[Store, ReembedService, Choices]]:
    """Of its own, database and model too: the server's parts are built anew whenever something is saved."""
    trial = parts.trying(wish.values)
    try:
        yield trial.store, trial.reembed, Choices(trial.store, file=flat(parts.base), check=checked)
    finally:
        trial.close()
