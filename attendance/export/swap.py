"""Two folders change places in one step, so that nobody ever finds half of either."""

from __future__ import annotations

import contextlib
import ctypes
import errno
import os
import sys
import threading
from functools import cache
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

_AT_FDCWD = -100  # fcntl.h
_RENAME_EXCHANGE = 2  # linux/fs.h; renameat2(2), since Linux 3.15
_RENAME_SWAP = 2  # sys/stdio.h of macOS; renamex_np(2)
_OFTEN_S = 0.5  # between two times
_CANNOT = {errno.ENOSYS, errno.EINVAL, errno.ENOTSUP, errno.EPERM}  # the kernel, or this file system


def exchange(one: Path, other: Path) -> bool:
    """Swap two folders of one file system atomically; False where system or file system cannot.

    Raises:
        OSError: it could, and failed.
    """
    call = _call()
    if call is None:
        return False
    if call(os.fsencode(one), os.fsencode(other)) == 0:
        return True
    number = ctypes.get_errno()
    if number in _CANNOT:
        return False
    raise OSError(number, os.strerror(number), str(other))


def flush(folder: Path) -> None:
    """Let everything written to the folder's file system reach the disk before this returns, as far as the system can."""
    library = _library()
    syncfs = getattr(library, "syncfs", None) if library is not None else None
    if syncfs is None:
        os.sync()
        return
    opened = os.open(folder, os.O_RDONLY)
    try:
        if syncfs(opened) != 0:
            number = ctypes.get_errno()
            raise OSError(number, os.strerror(number), str(folder))
    finally:
        os.close(opened)


@contextlib.contextmanager
def flushing(folder: Path) -> Iterator[None]:
    """Write to the disk meanwhile, from time to time, so that the last ``flush`` has little left to wait for.

    Raises:
        OSError: at the end, where the disk did not take something. The last ``flush`` would not say it again: the system
            tells of a lost write once (errseq_t in Linux's documentation).
    """
    done = threading.Event()
    lost: list[OSError] = []

    def often() -> None:
        while not done.wait(_OFTEN_S):
            try:
                flush(folder)
            except OSError as error:
                lost.append(error)

    thread = threading.Thread(target=often, name="export-flush", daemon=True)
    thread.start()
    try:
        yield
    finally:
        done.set()
        thread.join()
    if lost:
        raise lost[0]


@cache
def _library() -> Any:
    try:
        return ctypes.CDLL(None, use_errno=True)
    except (OSError, TypeError):  # no C library that can be asked, as on Windows
        return None


@cache
def _call() -> Any:
    library = _library()
    if library is not None and sys.platform.startswith("linux") and hasattr(library, "renameat2"):
        return lambda one, other: library.renameat2(_AT_FDCWD, one, _AT_FDCWD, other, _RENAME_EXCHANGE)
    if library is not None and hasattr(library, "renamex_np"):
        return lambda one, other: library.renamex_np(one, other, _RENAME_SWAP)
    return None
