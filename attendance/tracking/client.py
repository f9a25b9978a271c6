"""MLflow's own client, with requests that end, and quiet.

mlflow takes its time limits from environment variables of the whole process. The process may well use mlflow for other
things, so the bounds here hold in the sending thread alone.
"""

from __future__ import annotations

import concurrent.futures.thread  # noqa: F401  # adds its own fork hooks; in the middle of ours, its release would fail
import glob
import hashlib
import importlib
import importlib.util
import logging
import os
import tempfile
import threading
import uuid
import warnings
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Any

from attendance import migrations
from attendance.tracking import files

if TYPE_CHECKING:
    from collections.abc import Iterator

    from mlflow import MlflowClient

_here = threading.local()
_opening = threading.Lock()
_prepared_in: int | None = None  # the process, by its id, in which mlflow was prepared


def installed() -> bool:
    """Whether mlflow can be imported; does not import it, which takes seconds."""
    try:
        return importlib.util.find_spec("mlflow") is not None
    except (ImportError, ValueError):
        return False


@contextmanager
def bounded(timeout_s: float, lock_s: float | None = None) -> Iterator[None]:
    """Within: each request of this thread takes at most this long, is not repeated, and mlflow prints nothing.

    With ``lock_s`` a statement fails where another process holds a SQLite file for so long; mlflow's own bound is 20 s.
    """
    before = getattr(_here, "timeout_s", None), getattr(_here, "lock_s", None)
    _here.timeout_s, _here.lock_s = timeout_s, lock_s
    try:
        yield
    finally:
        _here.timeout_s, _here.lock_s = before


def open_client(uri: str, lock_s: float | None = None) -> MlflowClient:
    """A client of this store; may take seconds, since mlflow is imported and a new database gets its tables.

    Args:
        uri: of the store.
        lock_s: with it, a local file that cannot be written, or that another process holds for so long, is not opened, nor
            mlflow imported for it: mlflow would wait for minutes.

    Raises:
        ImportError: mlflow is not there, or broken.
        MlflowException: the URI is none that mlflow takes, or the database cannot be opened.
        OSError, sqlite3.Error: see ``files.check``.
    """
    file = files.file_of(uri)
    checked = file if lock_s is not None else None
    with _opening:
        if checked is not None and _prepared_in is None:
            with _alone_with(uri):  # another process may hold it to make its tables, which takes seconds and is waited for
                files.check(checked, lock_s or 0)
        _prepare()
        if uri.startswith("sqlite:"):  # an embedded database is opened under the lock too, so that no fork falls in between
            with _alone_with(uri):
                if checked is not None:
                    files.check(checked, lock_s or 0)
                if file is not None and not file.exists():
                    _make(file)
                return _client(uri)
    return _client(uri)


def _client(uri: str) -> MlflowClient:
    from mlflow import MlflowClient

    # mlflow makes the tables where a database has none; a server does that by itself
    with nullcontext() if uri.startswith("http") else migrations.alone():
        return MlflowClient(tracking_uri=uri)


def _make(file: Path) -> None:
    """A new database, made beside its place and put there whole: one that is half made, by a process that was killed, mlflow
    refuses for ever ("out-of-date database schema", mlflow 3.17)."""
    from mlflow.store.tracking.sqlalchemy_store import SqlAlchemyStore

    file.parent.mkdir(parents=True, exist_ok=True)
    for left in file.parent.glob(f".{glob.escape(file.name)}.*.new*"):  # by processes that were killed
        left.unlink(missing_ok=True)
    # Another name each time: mlflow remembers stores by theirs.
    made = file.with_name(f".{file.name}.{uuid.uuid4().hex}.new")
    uri = f"sqlite:///{made}"
    _client(uri)
    SqlAlchemyStore._engine_map[uri].dispose()  # noqa: SLF001  # mlflow names no other way to it
    try:
        os.link(made, file)  # never over one that somebody else, such as a server, made meanwhile
    except FileExistsError:
        pass
    except OSError:  # a file system without hard links
        made.rename(file)
    made.unlink(missing_ok=True)


def _prepare() -> None:
    """Import mlflow and put the bounds in place, once; in a forked child, part with the parent's connections."""
    global _prepared_in  # noqa: PLW0603  # one mlflow a process
    if _prepared_in == os.getpid():
        return
    if _prepared_in is None:
        # MLflow 3.17 with SQLAlchemy 2.1, while its tables are declared; where warnings are errors it ends the import.
        warnings.filterwarnings("ignore", "The ``noload`` loader strategy is deprecated", DeprecationWarning)
        variables = importlib.import_module("mlflow.environment_variables")
        _answer_here(variables.MLFLOW_HTTP_REQUEST_TIMEOUT, lambda timeout_s: timeout_s)
        _answer_here(variables.MLFLOW_HTTP_REQUEST_MAX_RETRIES, lambda _timeout_s: 0)
        _answer_here(variables.MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT, lambda _timeout_s: True)
        _answer_here(variables.MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR, lambda _timeout_s: False)
        importlib.import_module("mlflow")
        engines = importlib.import_module("sqlalchemy.engine").Engine
        importlib.import_module("sqlalchemy.event").listen(engines, "before_cursor_execute", _wait_less, retval=True)
        for handler in logging.getLogger("mlflow").handlers:
            handler.addFilter(_elsewhere)
    else:
        _leave_connections()
    _prepared_in = os.getpid()


@contextmanager
def _alone_with(uri: str) -> Iterator[None]:
    """One process of this machine at a time: two that make the tables of a new database at once fail both ("duplicate
    column name", mlflow 3.17). Without flock, as on Windows, they try again."""
    try:
        import fcntl
    except ImportError:
        yield
        return
    name = f"attend-tracking-{hashlib.sha256(uri.encode()).hexdigest()[:16]}.lock"
    try:
        file = (Path(tempfile.gettempdir()) / name).open("a")
    except OSError:  # another account's: then it tries again where it has to
        yield
        return
    with file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def _answer_here(variable: Any, answer: Any) -> None:
    """Let one of mlflow's variables answer with ours in a sending thread, and as ever in every other."""
    original = variable.get

    def get() -> Any:
        timeout_s = getattr(_here, "timeout_s", None)
        return original() if timeout_s is None else answer(timeout_s)

    variable.get = get


def _wait_less(_connection: Any, _cursor: Any, statement: str, parameters: Any, *_: Any) -> tuple[str, Any]:
    """Let "PRAGMA busy_timeout = 20000;", with which each of mlflow's sessions begins, say our bound in a sending thread."""
    lock_s = getattr(_here, "lock_s", None)
    if lock_s is not None and statement.startswith("PRAGMA busy_timeout"):
        return f"PRAGMA busy_timeout = {round(lock_s * 1000)}", parameters
    return statement, parameters


def _elsewhere(_record: logging.LogRecord) -> bool:
    """A log filter: what mlflow says in a sending thread is said by us, once and structured."""
    return getattr(_here, "timeout_s", None) is None


def _leave_connections() -> None:
    """A database connection must not be used on both sides of a fork (SQLAlchemy's documentation, "Using Connection Pools
    with Multiprocessing"): the child takes new ones and leaves the parent's as they are."""
    from mlflow.store.tracking.sqlalchemy_store import SqlAlchemyStore

    for engine in SqlAlchemyStore._engine_map.values():  # noqa: SLF001  # mlflow names no other way to them
        engine.dispose(close=False)


def _before_fork() -> None:
    """A fork in the middle of an import would leave the child with half of mlflow: wait for it, but not for ever."""
    _here.held = _opening.acquire(timeout=30)


def _after_fork_in_parent() -> None:
    if _here.held:
        _opening.release()


def _after_fork_in_child() -> None:
    global _opening  # noqa: PLW0603  # the old one may be held by a thread that the child does not have
    _opening = threading.Lock()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(before=_before_fork, after_in_parent=_after_fork_in_parent, after_in_child=_after_fork_in_child)
