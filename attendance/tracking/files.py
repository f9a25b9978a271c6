"""A local SQLite file as a destination: whether it can be written now, and which errors are the file's own.

Asked with a connection of its own, since MLflow's waits for 20 s where another process holds the file.
"""

from __future__ import annotations

import errno
import math
import shutil
import sqlite3
import tempfile
import time
from contextlib import closing, suppress
from pathlib import Path

# SQLite's own codes (sqlite.org/rescode.html): what stands in the way is the file, its folder or its disk, not the request.
_LOCKED = {sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED}
_THE_FILES = _LOCKED | {
    sqlite3.SQLITE_READONLY,
    sqlite3.SQLITE_IOERR,
    sqlite3.SQLITE_CORRUPT,
    sqlite3.SQLITE_FULL,
    sqlite3.SQLITE_CANTOPEN,
    sqlite3.SQLITE_NOTADB,
}
_NEW_BYTES = 4_000_000  # MLflow 3.17's empty tables take 1.5 MB; half-made for want of room, they stay of no use


def file_of(uri: str) -> Path | None:
    """The file of a ``sqlite:`` URI; None for a server, for memory, and for SQLite's own ``file:`` names."""
    file = uri.removeprefix("sqlite:///").partition("?")[0]
    if not uri.startswith("sqlite:///") or not file or file.startswith((":memory:", "file:")):
        return None
    return Path(file).absolute()


def check(file: Path, lock_s: float) -> None:
    """Ask whether this file can be written now. Nothing is changed, and a file that is missing is not made.

    Args:
        file: absolute.
        lock_s: how long another process may hold it meanwhile.

    Raises:
        OSError: it could not be made, or there is no room for it.
        sqlite3.Error: another process has locked it, it cannot be written, or it is no database.
    """
    if not file.exists():
        folder = next(folder for folder in file.parents if folder.exists())
        with tempfile.TemporaryFile(dir=folder):  # tried, not asked for: root has every right, and yet not everywhere
            pass
        if shutil.disk_usage(folder).free < _NEW_BYTES:
            raise OSError(errno.ENOSPC, "no room for a new database", str(folder))
        return
    with closing(sqlite3.connect(f"{file.as_uri()}?mode=rw", uri=True, timeout=lock_s, isolation_level=None)) as connection:
        connection.execute("BEGIN IMMEDIATE")
        # Written as it is and taken back: only this needs the right to write, and a folder and a disk that take a journal.
        (version,) = connection.execute("PRAGMA user_version").fetchone()
        connection.execute(f"PRAGMA user_version = {int(version)}")
        connection.execute("ROLLBACK")


def still_s(uri: str) -> float:
    """Seconds since anybody last wrote to this file: where others hold it and it changes, it goes from hand to hand.

    Asked of the file system, since opening and closing the file itself would end this process's locks on it
    (sqlite.org/howtocorrupt.html, 2.2).
    """
    file = file_of(uri)
    if file is None:
        return math.inf
    newest = -math.inf
    for one in (file, file.with_name(f"{file.name}-wal")):
        with suppress(OSError):
            newest = max(newest, one.stat().st_mtime)
    return time.time() - newest


def is_locked(error: BaseException) -> bool:
    """Whether another process, or connection, held the file."""
    return _code(error) in _LOCKED


def is_the_files(error: BaseException) -> bool:
    """Whether every request would have failed so: a lock, a full disk, a missing right."""
    return _code(error) in _THE_FILES


def _code(error: BaseException | None) -> int | None:
    """SQLite's code within an error, wherever SQLAlchemy and MLflow have wrapped it."""
    while error is not None:
        if isinstance(error, sqlite3.Error):
            return getattr(error, "sqlite_errorcode", 0) & 0xFF  # the lowest byte; those above only say more
        error = error.__cause__ or error.__context__
    return None
