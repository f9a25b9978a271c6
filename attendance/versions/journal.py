"""What became of the last run, for the page and for people: one small file, one log."""

from __future__ import annotations

import fcntl
import json
import os
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

from attendance.errors import ExportError

if TYPE_CHECKING:
    from collections.abc import Iterator

LOG = Path("data/nightly.log")
NIGHTLY = Path("data/nightly.json")  # the last nightly run
OTHER = Path("data/nightly-other.json")  # the last one that somebody started
LOCK = Path(".dvc/tmp/attend-versions.lock")
SHOWN_BYTES = 20_000  # of the log's end


@dataclass(frozen=True, slots=True)
class Run:
    """A finished run.

    Attributes:
        at_utc: when it ended.
        source: ``nightly``, ``page`` or ``cli``.
        done: whether all of it could be done.
        sentence: what was done, or why not.
        version: the commit that it made; None where nothing had changed or it failed before.
        pushed: versions that it brought to the remote; None where it did not get that far.
    """

    at_utc: datetime
    source: str
    done: bool
    sentence: str
    version: str | None = None
    pushed: int | None = None

    def as_dict(self) -> dict[str, object]:
        """Plain values."""
        return {**asdict(self), "at_utc": self.at_utc.isoformat()}


def remember(root: Path, run: Run) -> None:
    """Keep the run for the page. A disk that refuses is no reason to call the run a failure."""
    target = root / (NIGHTLY if run.source == "nightly" else OTHER)
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        part = target.with_suffix(".part")
        part.write_text(json.dumps(run.as_dict(), indent=2) + "\n", encoding="utf-8")
        part.replace(target)
    except OSError:
        return


def last(root: Path) -> list[Run]:
    """The last nightly run and the last one that somebody started, the newest first; fewer where there was none."""
    found = [run for path in (NIGHTLY, OTHER) if (run := _read(root / path)) is not None]
    return sorted(found, key=lambda run: run.at_utc, reverse=True)


def _read(path: Path) -> Run | None:
    try:
        held = json.loads(path.read_text(encoding="utf-8"))
        return Run(**{**held, "at_utc": datetime.fromisoformat(held["at_utc"])})
    except (OSError, ValueError, KeyError, TypeError):
        return None


def log_end(root: Path) -> str:
    """The end of the nightly log; empty where there is none."""
    try:
        with (root / LOG).open("rb") as file:
            file.seek(0, os.SEEK_END)
            start = max(0, file.tell() - SHOWN_BYTES)
            file.seek(start)
            text = file.read().decode("utf-8", errors="replace")
    except OSError:
        return ""
    return text.partition("\n")[2] if start else text


@contextmanager
def alone(root: Path) -> Iterator[None]:
    """One run at a time in a repository, whoever starts it; the system frees the lock when a process dies.

    Raises:
        ExportError: another one is at work, or the lock cannot be made.
    """
    path = root / LOCK
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
    except OSError as error:
        raise ExportError(f"{path} cannot be written: {error.strerror}.") from error
    try:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise ExportError("Another run is making a version in this folder. Nothing was done.") from None
        yield
    finally:
        os.close(handle)
