"""The SQLite file: its connections, transactions and durability.

One connection a thread at a time (SQLAlchemy's pool sees to it), WAL, ``synchronous=FULL`` so that a commit is synced before
it is acknowledged, and ``secure_delete`` so that a removed picture is overwritten. Python's sqlite3 would begin transactions
by itself, and only at the first write; so the driver is left in autocommit and every BEGIN is ours: IMMEDIATE where
something is read and then written, so that nobody can come between.
"""

from __future__ import annotations

import contextlib
import errno
import os
import sqlite3
import threading
import time
from typing import TYPE_CHECKING, cast
from urllib.parse import quote

import sqlalchemy as sa

from attendance.errors import StoreUnavailableError
from attendance.store.sql_errors import damaged, missing, read_only, translate, translated, writable
from attendance.store.sql_schema import dump_json, load_json

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

FOLDER_MODE, FILE_MODE = 0o700, 0o600  # faces are biometric data: for the app's own account alone
IDLE_CONNECTIONS = 16  # kept open between calls; more are opened when more threads come at once
PURGE_WAIT_MS = 250  # how long a purge waits for readers before it is left to the next one
_LATER = {"busy", "disk_full"}  # why a purge is put off

_PRAGMAS = (
    "PRAGMA foreign_keys = ON",
    "PRAGMA synchronous = FULL",
    "PRAGMA secure_delete = ON",
    "PRAGMA temp_store = MEMORY",  # nothing of the data in temporary files
    "PRAGMA trusted_schema = OFF",
    "PRAGMA cell_size_check = ON",  # notice a damaged page when it is read
    "PRAGMA journal_size_limit = 67108864",  # bytes that the WAL keeps after it was emptied
)


class Database:
    """One SQLite file, opened by this process. Several threads and processes may use it at once.

    Raises:
        StoreUnavailableError, CorruptRecordError: as said in ``store.base``, from every method.
    """

    def __init__(self, path: Path, timeout_s: float) -> None:
        self.path = path
        self._timeout_s = timeout_s
        self._writer = threading.Lock()  # SQLite's own waiting polls; threads of one process need not
        self._wal = path.with_name(path.name + "-wal")
        with translated(path):
            self._create()
            if not writable(path):
                raise read_only(path)
            self._identity = self._found()
            self._engine = self._make_engine()
            try:
                with self._raw() as connection:
                    self._is_wal = connection.execute("PRAGMA journal_mode = WAL").fetchone()[0] == "wal"
                self.purge()  # what a removal could not finish before the process ended
            except BaseException:
                self._engine.dispose()
                raise

    def close(self) -> None:
        """Close the idle connections; the last one to close the file empties the WAL into it."""
        self._engine.dispose()

    @contextlib.contextmanager
    def read(self) -> Iterator[sa.Connection]:
        """A transaction that sees one state of the data, whatever is written meanwhile."""
        self._require_same_file()
        with translated(self.path), self._engine.connect() as connection:
            yield connection

    @contextlib.contextmanager
    def write(self) -> Iterator[sa.Connection]:
        """A transaction that nobody else writes beside; durable when the block has ended without an exception."""
        deadline = time.monotonic() + self._timeout_s
        if not self._writer.acquire(timeout=self._timeout_s):
            raise StoreUnavailableError(f"{self.path} is locked; try again.", reason="busy")
        try:
            self._require_same_file()
            with translated(self.path), self._engine.connect() as connection:
                connection.execution_options(attend_begin="IMMEDIATE", attend_deadline=deadline)
                with connection.begin():
                    yield connection
                self._require_same_file()  # a file that was deleted takes writes and loses them
                if self._is_wal and not self._wal.exists():  # so does a WAL, which is there as long as we are connected
                    raise missing(self.path)
        finally:
            self._writer.release()

    def purge(self) -> None:
        """Move the WAL's pages into the file and empty it, so that what was overwritten there is gone from both.

        What was committed is durable without it; so where a reader is in the way or the disk is full, it is left to the
        next purge, which comes with the next removal or when the file is opened the next time.
        """
        self._require_same_file()
        with translated(self.path), self._raw() as connection:
            connection.execute(f"PRAGMA busy_timeout = {PURGE_WAIT_MS}")
            try:
                connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
            except sqlite3.OperationalError as error:
                unavailable = translate(error, self.path)
                if not isinstance(unavailable, StoreUnavailableError) or unavailable.reason not in _LATER:
                    raise
            finally:
                connection.execute(f"PRAGMA busy_timeout = {int(self._timeout_s * 1000)}")

    def require_whole(self) -> None:
        """Check every page of the file, and how they hang together. Raises CorruptRecordError with the first fault."""
        self._require_same_file()
        with translated(self.path), self._raw() as connection:
            said = str(connection.execute("PRAGMA quick_check(1)").fetchone()[0])
        if said != "ok":
            raise damaged(self.path, said.splitlines()[-1])

    def details(self) -> dict[str, str]:
        """What `doctor` shows: journal mode, size, modes, and whether there are transactions."""
        status = self.path.stat()
        return {
            "transactions": "yes",
            "journal": "wal" if self._is_wal else "rollback",
            "size_bytes": str(status.st_size),
            "mode": oct(status.st_mode & 0o777),
        }

    def _create(self) -> None:
        """Make folder and file where they are missing; what is there keeps its modes."""
        try:
            is_new = not self.path.exists()
            self.path.parent.mkdir(mode=FOLDER_MODE, parents=True, exist_ok=True)
            os.close(os.open(self.path, os.O_CREAT | os.O_RDONLY, FILE_MODE))
            if is_new:
                for folder in (self.path.parent, self.path.parent.parent):
                    _sync_folder(folder)  # or a power failure may take the names of file and folder
        except OSError as error:
            if not writable(self.path) and self.path.parent.is_dir():
                raise read_only(self.path) from error
            reason = "disk_full" if error.errno in {errno.ENOSPC, errno.EDQUOT} else "refused"
            raise StoreUnavailableError(
                f"{self.path} cannot be made or opened ({error.strerror}).", reason=reason
            ) from error

    def _found(self) -> tuple[int, int] | None:
        """Which file is at the path now, or None."""
        try:
            status = self.path.stat()
        except OSError:
            return None
        return status.st_dev, status.st_ino

    def _require_same_file(self) -> None:
        if self._found() != self._identity:
            raise missing(self.path)

    @contextlib.contextmanager
    def _raw(self) -> Iterator[sqlite3.Connection]:
        """The driver's own connection, in autocommit: for what runs outside transactions."""
        pooled = self._engine.raw_connection()
        try:
            yield cast("sqlite3.Connection", pooled.driver_connection)
        finally:
            pooled.close()

    def _make_engine(self) -> sa.Engine:
        uri = f"file:{quote(str(self.path))}?mode=rw"  # never makes a new file where the old one has gone

        def connect() -> sqlite3.Connection:
            connection = sqlite3.connect(
                uri, uri=True, timeout=self._timeout_s, isolation_level=None, check_same_thread=False
            )
            try:
                for pragma in _PRAGMAS:
                    connection.execute(pragma)
            except BaseException:
                connection.close()
                raise
            return connection

        engine = sa.create_engine(
            "sqlite://",
            creator=connect,
            poolclass=sa.QueuePool,
            pool_size=IDLE_CONNECTIONS,
            max_overflow=-1,
            json_serializer=dump_json,
            json_deserializer=load_json,
        )
        sa.event.listen(engine, "begin", self._begin)
        return engine

    def _begin(self, connection: sa.Connection) -> None:
        """Instead of SQLAlchemy's BEGIN, which the driver would put off until the first write."""
        options = connection.get_execution_options()
        now = time.monotonic()
        left_s = max(0.0, options.get("attend_deadline", now + self._timeout_s) - now)
        driver = cast("sqlite3.Connection", connection.connection.driver_connection)
        driver.execute(f"PRAGMA busy_timeout = {int(left_s * 1000)}")
        driver.execute(f"BEGIN {options.get('attend_begin', 'DEFERRED')}")


def _sync_folder(folder: Path) -> None:
    """As fsync(2) advises for new files; a folder that may not be opened or synced is left to the system."""
    with contextlib.suppress(OSError):
        opened = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(opened)
        finally:
            os.close(opened)
