"""Model files on disk: whole or not there at all, made once by one process, damage noticed."""

from __future__ import annotations

import fcntl
import hashlib
import os
import tempfile
import time
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

POLL_S = 0.05  # how often a waiting process looks whether the lock is free; flock has no timeout of its own


def sha256_of(path: Path) -> str:
    """SHA-256 of a file, hexadecimal; about 0.1 s for 100 MB.

    Raises:
        OSError: the file cannot be read.
    """
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def write_whole(path: Path, data: bytes) -> None:
    """Write a file so that a reader, or a crash at any time, finds the old one or the new one and nothing between.

    Raises:
        OSError: the folder cannot be written or the disk is full; what was there before is untouched.
    """
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    temporary = Path(name)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        temporary.chmod(0o644)  # mkstemp's 0600 would hide the model from other accounts
        temporary.replace(path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise


@contextmanager
def locked(path: Path, *, timeout_s: float, alive: Callable[[], bool] = lambda: False) -> Iterator[None]:
    """Hold the lock file ``path``; one process and one thread at a time, freed by the system when a process dies.

    Args:
        path: made where it is missing, and never removed: removing it would let two processes hold two different files.
        timeout_s: how long to wait for another holder, seconds.
        alive: asked while waiting; as often as it says that the holder makes progress, the wait starts anew.

    Raises:
        TimeoutError: another process still holds it.
        OSError: the lock file cannot be made.
    """
    handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
    try:
        deadline = time.monotonic() + timeout_s
        while True:
            try:
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                if alive():
                    deadline = time.monotonic() + timeout_s
                if time.monotonic() >= deadline:
                    raise TimeoutError(f"another process holds {path.name}") from None
                time.sleep(POLL_S)
        yield
    finally:
        os.close(handle)  # closing frees the lock
