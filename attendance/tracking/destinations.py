"""The URI to send to, and the one worker of each in this process; what happens to them at exit and in a forked child."""

from __future__ import annotations

import atexit
import multiprocessing.util
import os
import threading
from pathlib import Path

import structlog

from attendance.errors import SettingsError
from attendance.settings import DEFAULT_TRACKING_URI
from attendance.settings import tracking_uri as configured_uri
from attendance.tracking import limits
from attendance.tracking.words import say
from attendance.tracking.worker import Worker

log = structlog.get_logger(__name__)
_workers: dict[str, Worker] = {}
_lock = threading.Lock()
_registered_in: int | None = None
_forking = threading.local()


def absolute(uri: str | Path | None) -> str:
    """The URI to use; a relative SQLite file belongs to the folder of now, wherever the process goes later."""
    try:
        chosen = str(uri) if uri else configured_uri()
    except SettingsError as error:
        log.warning("tracking_uri_unreadable", error=say(error), used=DEFAULT_TRACKING_URI)
        chosen = DEFAULT_TRACKING_URI
    file = chosen.removeprefix("sqlite:///")
    if file == chosen or not file or file.startswith((":memory:", "file:")):
        return chosen
    return f"sqlite:///{Path(file).absolute()}"


def worker_for(uri: str) -> Worker:
    """The worker that sends to this URI; made when it is first asked for."""
    with _lock:
        _close_at_exit()
        return _workers.setdefault(uri, Worker(uri, limits.LIMITS)) if uri not in _workers else _workers[uri]


def close_all() -> None:
    """Let what waits be sent, within the limits of each; all of them send at the same time."""
    with _lock:
        workers = list(_workers.values())
        _workers.clear()
    for worker in workers:
        worker.close()


def _close_at_exit() -> None:
    global _registered_in  # noqa: PLW0603  # once a process
    if _registered_in == os.getpid():
        return
    if _registered_in is None:
        atexit.register(close_all)
    # A child of multiprocessing leaves without atexit; this runs in it (and, harmlessly, in its parent too).
    multiprocessing.util.Finalize(None, close_all, exitpriority=100)
    _registered_in = os.getpid()


def _before_fork() -> None:
    _forking.held = [worker for worker in list(_workers.values()) if worker.hold()]


def _after_fork_in_parent() -> None:
    for worker in _forking.held:
        worker.let_go()


def _after_fork_in_child() -> None:
    """The queue is the parent's, and so is the thread that sends it: the child starts with none."""
    global _lock  # noqa: PLW0603  # the old one may be held by a thread that the child does not have
    _lock = threading.Lock()
    _workers.clear()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(before=_before_fork, after_in_parent=_after_fork_in_parent, after_in_child=_after_fork_in_child)
