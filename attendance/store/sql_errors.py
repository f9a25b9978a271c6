"""SQLite's errors in the house's words. No error of the driver or of SQLAlchemy leaves the store."""

from __future__ import annotations

import contextlib
import os
import sqlite3
from typing import TYPE_CHECKING

from sqlalchemy import exc

from attendance.errors import ConflictError, CorruptRecordError, StoreError, StoreUnavailableError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

# Primary result codes, https://www.sqlite.org/rescode.html; the extended code's lower eight bits.
_CORRUPT = {sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_FORMAT}
_CLOSED = {sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_PERM, sqlite3.SQLITE_AUTH}
_BUSY = ("busy", "{path} is locked by another program; try again.")
_REFUSED = ("refused", "{path} may not be opened ({error}).")
_AWAY = {
    sqlite3.SQLITE_BUSY: _BUSY,
    sqlite3.SQLITE_LOCKED: _BUSY,
    sqlite3.SQLITE_PROTOCOL: _BUSY,
    sqlite3.SQLITE_FULL: ("disk_full", "There is no room left for {path}. Free some space."),
    sqlite3.SQLITE_IOERR: ("unreachable", "{path} cannot be read or written ({error})."),
    **dict.fromkeys(_CLOSED, _REFUSED),
}
_MOVED = sqlite3.SQLITE_READONLY_DBMOVED
# What the module itself says, without a code, of a file whose text or tables are damaged.
_DAMAGE_WORDS = ("Could not decode to UTF-8", "no such table", "no such column", "malformed")


@contextlib.contextmanager
def translated(path: Path) -> Iterator[None]:
    """Raise the house's error for any error of SQLite in the file at ``path``."""
    try:
        yield
    except exc.TimeoutError as error:
        raise StoreUnavailableError("The database had too much to do; try again.", reason="timeout") from error
    except exc.DBAPIError as error:
        if isinstance(error.orig, sqlite3.Error):
            raise translate(error.orig, path) from error
        raise StoreError(f"The database file {path} could not do this.") from error
    except sqlite3.Error as error:
        raise translate(error, path) from error
    except UnicodeEncodeError as error:
        raise StoreError("This text holds characters that cannot be stored.") from error
    except UnicodeDecodeError as error:  # the driver quotes what it found in a damaged file
        raise damaged(path, "text that cannot be read") from error


def translate(error: sqlite3.Error, path: Path) -> StoreError:
    """The house's error for one of SQLite's."""
    extended = getattr(error, "sqlite_errorcode", 0)  # the module's own errors carry none
    code = extended & 0xFF
    if code in _CORRUPT or any(words in str(error) for words in _DAMAGE_WORDS):
        return damaged(path, error)
    if extended == _MOVED or not path.exists():
        return missing(path)
    if code == sqlite3.SQLITE_READONLY or (code in _CLOSED and not writable(path)):
        return read_only(path)
    if code in _AWAY:
        reason, sentence = _AWAY[code]
        return StoreUnavailableError(sentence.format(path=path, error=error), reason=reason)
    if isinstance(error, sqlite3.IntegrityError):
        return ConflictError(f"Something else changed the same thing first ({error}).")
    return StoreError(f"The database file {path} could not do this ({error}).")


def damaged(path: Path, what: object) -> CorruptRecordError:
    """The file cannot be read as a database, or not all of it."""
    return CorruptRecordError(
        f"{path} is damaged or is no database of this app ({what}). Restore a copy of it.", record=str(path)
    )


def missing(path: Path) -> StoreUnavailableError:
    """The file is not where it was."""
    return StoreUnavailableError(
        f"The database file {path} was removed or replaced while it was in use. Put it back, or restart the app.",
        reason="missing",
    )


def read_only(path: Path) -> StoreUnavailableError:
    """The file or its folder cannot be written to."""
    return StoreUnavailableError(f"{path} cannot be written to: the file or its folder is read-only.", reason="read_only")


def writable(path: Path) -> bool:
    """Whether the file, where it is there, and its folder, where SQLite puts its journal, can be written to."""
    return os.access(path.parent, os.W_OK | os.X_OK) and (not path.exists() or os.access(path, os.W_OK))
